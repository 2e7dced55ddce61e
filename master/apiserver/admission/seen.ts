/**
 * A request as whoever made some rules sees it: in the version that the rules name, where the resource is served in several, and
 * as the object that the client sent, where that is a part of the whole (a Scale).
 */
import type { Kind } from '../../api/kinds.ts';
import type { KubeObject } from '../../api/types.ts';
import type { AdmissionRequest } from './types.ts';
import { type Rule, ruleMatches } from './webhooks/rules.ts';

/** Another version in which a resource is served. The conversions never change what they are given. */
export interface Equivalent {
  readonly kind: Kind;
  to(object: KubeObject): KubeObject | Promise<KubeObject>;
  back(object: KubeObject): KubeObject | Promise<KubeObject>;
}

/** The other versions of a kind; nearly always none. */
export type Equivalents = (kind: Kind) => readonly Equivalent[];

export interface Seen {
  readonly request: AdmissionRequest;
  /** What the request's own object becomes when the seen one is changed; absent: the seen one itself. */
  readonly back?: (object: KubeObject) => KubeObject | Promise<KubeObject>;
}

/**
 * Undefined when no rule matches. `matchPolicy` is Kubernetes': Exact takes only rules that name the version that the client speaks,
 * Equivalent (the default) also those that name another version of the resource.
 */
export async function seenBy(
  rules: readonly Rule[],
  matchPolicy: string | undefined,
  request: AdmissionRequest,
  equivalents: Equivalents,
): Promise<Seen | undefined> {
  const match = matchOf(rules, matchPolicy, request, equivalents);
  if (match === undefined) return undefined;
  return match === 'as it is' ? partOf(request) : inVersion(request, match);
}

/** Which version of the request's kind the rules name: the one that the client speaks, another one, or none. */
export function matchOf(
  rules: readonly Rule[],
  matchPolicy: string | undefined,
  request: AdmissionRequest,
  equivalents: Equivalents,
): Equivalent | 'as it is' | undefined {
  const names = (kind: Kind): boolean => rules.some((rule) => ruleMatches(rule, { ...request, kind }));
  if (names(request.kind)) return 'as it is';
  if (matchPolicy === 'Exact') return undefined;
  return equivalents(request.kind).find(({ kind }) => names(kind));
}

function partOf(request: AdmissionRequest): Seen {
  const { part, object, old } = request;
  if (!part?.view || !object) return { request };
  const { view } = part;
  const shown = { ...request, object: view.of(object), old: old && view.of(old) };
  return { request: shown, back: (changed) => part.apply(changed, object, '') };
}

async function inVersion(request: AdmissionRequest, { kind, to, back }: Equivalent): Promise<Seen> {
  const part = partOf(request);
  const { kind: asked } = request;
  // What is a part has a version of its own.
  if (part.back) return { ...part, request: { ...part.request, kind, asked } };
  const [object, old] = await Promise.all([request.object && to(request.object), request.old && to(request.old)]);
  return { request: { ...request, kind, asked, object, old }, back };
}
