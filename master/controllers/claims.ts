/**
 * Which objects an owner has, should adopt and should let go. Kubernetes' rule ("Controllers: controllerRef"): an object with a
 * controller belongs to it alone; one without is adopted when the selector matches it; an owned one that no longer matches is
 * released.
 */
import type { Client } from '../api/client.ts';
import { isNotFound } from '../api/errors.ts';
import type { Kind } from '../api/kinds.ts';
import { controllerOf, keyOf, newControllerRef } from '../api/meta.ts';
import type { KubeObject, OwnerReference, Pod } from '../api/types.ts';
import { namespaceIndex, type PodCache, podIndex } from './caches.ts';

export interface Claims<T extends KubeObject> {
  /** Owned and matching. */
  readonly owned: T[];
  /** Without a controller, matching, and alive. */
  readonly adopt: T[];
  /** Owned, but the selector no longer matches. */
  readonly release: T[];
}

/** Pure: sorts the candidates of the owner's namespace. */
export function claim<T extends KubeObject>(
  owner: KubeObject,
  selects: (object: T) => boolean,
  candidates: readonly T[],
): Claims<T> {
  const claims: Claims<T> = { owned: [], adopt: [], release: [] };
  const beingDeleted = owner.metadata?.deletionTimestamp !== undefined;
  for (const object of candidates) {
    const controller = controllerOf(object);
    const matches = selects(object);
    if (controller) {
      if (controller.uid !== owner.metadata?.uid) continue;
      if (matches) claims.owned.push(object);
      else if (!beingDeleted) claims.release.push(object);
    } else if (matches && !beingDeleted && object.metadata?.deletionTimestamp === undefined) {
      claims.adopt.push(object);
    }
  }
  return claims;
}

/** The same for pods, of those that the cache has of the owner and of nobody. */
export function claimPods(owner: KubeObject, selects: (pod: Pod) => boolean, pods: PodCache): Claims<Pod> {
  return claim(owner, selects, [
    ...pods.byIndex(podIndex.controller, owner.metadata?.uid ?? ''),
    ...pods.byIndex(podIndex.orphans, owner.metadata?.namespace ?? ''),
  ]);
}

/** What is the owner's once its claims are settled: what was adopted a moment ago may still show in the cache as an orphan. */
export const claimed = <T extends KubeObject>({ owned, adopt }: Claims<T>): T[] => [...owned, ...adopt];

/** The keys of those whom a change of the object concerns: its controller, if it is of this kind, or all that would adopt it. */
export function concernedBy<Owner extends KubeObject, T extends KubeObject>(
  object: T,
  kind: Kind,
  owners: { byIndex(index: typeof namespaceIndex, namespace: string): readonly Owner[] },
  selects: (owner: Owner, object: T) => boolean,
): string[] {
  const reference = controllerOf(object);
  const namespace = object.metadata?.namespace ?? '';
  if (reference) return reference.kind === kind.kind ? [`${namespace}/${reference.name}`] : [];
  return owners
    .byIndex(namespaceIndex, namespace)
    .filter((owner) => selects(owner, object))
    .map(keyOf);
}

type Claimable = 'pods' | 'replicasets' | 'controllerrevisions';

export interface Claimant {
  readonly client: Client;
  readonly owner: KubeObject;
  readonly kind: Kind;
  /** The owner as the API server has it now. */
  readonly live: () => Promise<KubeObject>;
}

/** Lets go and adopts. */
export async function settleClaims<T extends KubeObject>(
  { client, owner, kind, live }: Claimant,
  resource: Claimable,
  { adopt, release }: Claims<T>,
): Promise<void> {
  for (const object of release) {
    const references = (object.metadata?.ownerReferences ?? []).filter(({ uid }) => uid !== owner.metadata?.uid);
    await setOwners(client, resource, object, references);
  }
  if (adopt.length === 0) return;
  // The cached owner may be gone or another by now; adopting in its name would orphan the object for the collector.
  const { metadata } = await live();
  if (metadata?.uid !== owner.metadata?.uid || metadata?.deletionTimestamp) {
    throw new Error(`${keyOf(owner)} is gone or being deleted: nothing is adopted for it`);
  }
  const reference = newControllerRef(owner, kind);
  for (const object of adopt) {
    await setOwners(client, resource, object, [...(object.metadata?.ownerReferences ?? []), reference]);
  }
}

/** Compares the object's resourceVersion: a change meanwhile is a conflict, and the claim is judged anew. */
async function setOwners(
  client: Client,
  resource: Claimable,
  { metadata }: KubeObject,
  ownerReferences: OwnerReference[],
): Promise<void> {
  const { namespace, name = '', uid, resourceVersion } = metadata ?? {};
  const patch = { metadata: { uid, resourceVersion, ownerReferences } };
  try {
    await client.patch(resource, { namespace, name }, patch, { type: 'merge' });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
