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
 * Undefined when no rule matches. `matchPolicy` is Kubernetes': Equivalent (the default) also takes rules that name another version
 * of the resource, Exact does not.
 */
export async function seenBy(
  rules: readonly Rule[],
  matchPolicy: string | undefined,
  request: AdmissionRequest,
  equivalents: Equivalents,
): Promise<Seen | undefined> {
  if (rules.some((rule) => ruleMatches(rule, request))) return partOf(request);
  if (matchPolicy === 'Exact') return undefined;
  for (const equivalent of equivalents(request.kind)) {
    const { kind } = equivalent;
    if (rules.some((rule) => ruleMatches(rule, { ...request, kind }))) return inVersion(request, equivalent);
  }
  return undefined;
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
  // What is a part has a version of its own.
  if (part.back) return { ...part, request: { ...part.request, kind, asked: request.kind } };
  const [object, old] = await Promise.all([request.object && to(request.object), request.old && to(request.old)]);
  return { request: { ...request, kind, asked: request.kind, object, old }, back };
}
