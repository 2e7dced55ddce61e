/** Small facts about objects that every component needs: keys, owners, times, conditions, equality. */
import { apiVersionOf, type Kind } from './kinds.ts';
import type { KubeObject, ObjectMeta, OwnerReference } from './types.ts';

/** The annotation in which kubectl's own apply keeps what it applied. */
export const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/** `namespace/name`, or `name` for an object without a namespace: the key of work queues and informers. */
export function keyOf(object: KubeObject): string {
  const { namespace, name = '' } = object.metadata ?? {};
  return namespace ? `${namespace}/${name}` : name;
}

/** The namespace and name of a key. */
export function splitKey(key: string): { namespace?: string; name: string } {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** What clients ask for it by. */
export function nameOf({ metadata }: KubeObject): { namespace?: string | undefined; name: string } {
  return { namespace: metadata?.namespace, name: metadata?.name ?? '' };
}

/** The one owner that manages the object, if it has one. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata?.ownerReferences?.find((reference) => reference.controller === true);
}

/** Whether `owner` (by uid) is among the object's owners. */
export function ownedBy(object: KubeObject, owner: KubeObject): boolean {
  const uid = owner.metadata?.uid;
  return uid !== undefined && (object.metadata?.ownerReferences ?? []).some((reference) => reference.uid === uid);
}

/** The reference that a controller puts on what it makes for `owner`. */
export function newControllerRef(owner: KubeObject, kind: Kind): OwnerReference {
  const { name = '', uid = '' } = owner.metadata ?? {};
  return { apiVersion: apiVersionOf(kind), kind: kind.kind, name, uid, controller: true, blockOwnerDeletion: true };
}

/** The metadata of an object that has passed the API server. Invariant: whatever the server answered has it. */
export function metaOf(object: KubeObject): ObjectMeta {
  if (!object.metadata) throw new Error('an object without metadata');
  return object.metadata;
}

/** A time to the second, as Kubernetes' `Time`: `2026-01-01T00:00:00Z`. */
export const nowSeconds = (at: Date | number = Date.now()): string => `${new Date(at).toISOString().slice(0, 19)}Z`;

/** A time to the microsecond, as Kubernetes' `MicroTime`: `2026-01-01T00:00:00.000000Z`. */
export const nowMicros = (at: Date | number = Date.now()): string => `${new Date(at).toISOString().slice(0, 23)}000Z`;

export interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
}

export function getCondition<T extends Condition>(conditions: readonly T[] | undefined, type: string): T | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** The conditions with this one set; its lastTransitionTime moves only when its status changes. */
export function setCondition<T extends Condition>(
  conditions: readonly T[] | undefined,
  condition: T,
  now: string,
): T[] {
  const previous = getCondition(conditions, condition.type);
  const same = previous?.status === condition.status && previous.lastTransitionTime !== undefined;
  const next = { ...condition, lastTransitionTime: same ? previous.lastTransitionTime : now };
  if (!previous) return [...(conditions ?? []), next];
  return (conditions ?? []).map((other) => (other.type === condition.type ? next : other));
}

/** Equality of JSON values; a field that is undefined equals one that is not there. */
export function deepEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => deepEqual(item, b[i]));
  }
  const left = Object.entries(a).filter(([, value]) => value !== undefined);
  const right = new Map(Object.entries(b).filter(([, value]) => value !== undefined));
  return left.length === right.size && left.every(([key, value]) => right.has(key) && deepEqual(value, right.get(key)));
}

/** The same JSON value with the fields of its objects in alphabetical order, as Go writes a map. */
export function withSortedFields(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withSortedFields);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(fields.map(([name, inner]) => [name, withSortedFields(inner)]));
}
