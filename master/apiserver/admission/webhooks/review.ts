/** AdmissionReview (admission.k8s.io/v1): what a webhook is asked, and what may be made of its answer. */
import { randomUUID } from 'node:crypto';
import { apiVersionOf, groupResource } from '../../../api/kinds.ts';
import type { KubeObject, Status } from '../../../api/types.ts';
import { isRecord } from '../../registry/schema/shape.ts';
import type { AdmissionRequest } from '../types.ts';

const reviewVersion = 'admission.k8s.io/v1';

/** The request as webhooks see it and expressions know it under `request`, without the objects. */
export type ReviewedRequest = ReturnType<typeof reviewedRequest>;

export function reviewedRequest(request: AdmissionRequest) {
  const { ctx, operation, kind, subresource, namespace, name } = request;
  const { group, version, resource } = kind;
  const { name: username, uid, groups, extra } = ctx.user;
  const { asked = kind } = request;
  const where = groupResource(kind) === 'namespaces' ? name : namespace;
  return {
    uid: randomUUID(),
    kind: kindOf(request),
    resource: { group, version, resource },
    ...(subresource !== undefined && { subResource: subresource }),
    requestKind: kindOf({ ...request, kind: asked }),
    requestResource: { group: asked.group, version: asked.version, resource: asked.resource },
    ...(subresource !== undefined && { requestSubResource: subresource }),
    ...(name !== '' && { name }),
    ...(where !== undefined && { namespace: where }),
    operation,
    userInfo: { username, ...(uid !== undefined && { uid }), groups, ...(extra && { extra }) },
    dryRun: ctx.dryRun,
    options: optionsOf(request),
  };
}

export function reviewOf(request: AdmissionRequest, reviewed: ReviewedRequest) {
  const { object, old } = request;
  return {
    kind: 'AdmissionReview',
    apiVersion: reviewVersion,
    request: { ...reviewed, object: typed(request, object), oldObject: typed(request, old) },
  };
}

/** What the subresource speaks, where it has a kind of its own. */
function kindOf({ kind, subresource }: AdmissionRequest): { group: string; version: string; kind: string } {
  const row = kind.subresources.find(({ name }) => name === subresource);
  const { group = kind.group, version = kind.version, kind: name = kind.kind } = row ?? {};
  return { group, version, kind: name };
}

/** Objects that the server made itself may lack what every body says. */
function typed(request: AdmissionRequest, object: KubeObject | undefined): KubeObject | null {
  if (!object) return null;
  if (object.apiVersion !== undefined && object.kind !== undefined) return object;
  const kind = kindOf(request);
  return { apiVersion: apiVersionOf(kind), kind: kind.kind, ...object };
}

const optionKinds = { CREATE: 'CreateOptions', UPDATE: 'UpdateOptions', DELETE: 'DeleteOptions', CONNECT: '' };

function optionsOf({ ctx, operation, deleteOptions }: AdmissionRequest): KubeObject | null {
  if (operation === 'CONNECT') return null;
  const common = { kind: optionKinds[operation], apiVersion: 'meta.k8s.io/v1', ...(ctx.dryRun && { dryRun: ['All'] }) };
  if (operation === 'DELETE') return { ...common, ...deleteOptions, ...common };
  return { ...common, ...(ctx.fieldManager !== undefined && { fieldManager: ctx.fieldManager }) };
}

export interface Verdict {
  readonly allowed: boolean;
  readonly status: Status | undefined;
  /** The operations of a JSON patch; empty when there is nothing to change. */
  readonly patch: string;
  readonly patchType: string;
  readonly warnings: readonly string[];
  readonly auditAnnotations: Readonly<Record<string, string>>;
}

/** Throws an Error for an answer that is none to this request. */
export function verdictOf(answer: unknown, uid: string, mutating: boolean): Verdict {
  if (!isRecord(answer) || !isRecord(answer.response)) throw new Error('webhook response was absent');
  const { response } = answer;
  if (response.uid !== uid) throw new Error(`expected response.uid=${quoted(uid)}, got ${quoted(response.uid)}`);
  const type = `${String(answer.apiVersion)}, Kind=${String(answer.kind)}`;
  const wanted = `${reviewVersion}, Kind=AdmissionReview`;
  if (type !== wanted) throw new Error(`expected webhook response of ${wanted}, got ${type}`);
  const patch = typeof response.patch === 'string' ? Buffer.from(response.patch, 'base64').toString('utf8') : '';
  const patchType = typeof response.patchType === 'string' ? response.patchType : '';
  if (!mutating && patch !== '') throw new Error('validating webhook may not return response.patch');
  if (!mutating && patchType !== '') throw new Error('validating webhook may not return response.patchType');
  if (patch !== '' && patchType === '') throw new Error('webhook returned response.patch but not response.patchType');
  if (patch === '' && patchType !== '') throw new Error('webhook returned response.patchType but not response.patch');
  return {
    allowed: response.allowed === true,
    status: isRecord(response.status) ? response.status : undefined,
    patch,
    patchType,
    warnings: Array.isArray(response.warnings) ? response.warnings.filter((text) => typeof text === 'string') : [],
    auditAnnotations: isRecord(response.auditAnnotations) ? textsOf(response.auditAnnotations) : {},
  };
}

const quoted = (value: unknown): string => JSON.stringify(value ?? '');

const textsOf = (map: Readonly<Record<string, unknown>>): Record<string, string> =>
  Object.fromEntries(Object.entries(map).map(([key, value]) => [key, String(value)]));
