/**
 * With whom a StatefulSet's claims go: owner references that the garbage collector follows (KEP-1847). Pure.
 *
 * By `whenDeleted` a claim is the set's; by `whenScaled` it becomes the pod's before a pod goes that the set is no longer to have.
 */
import { kinds } from '../../api/kinds.ts';
import { deepEqual, newControllerRef } from '../../api/meta.ts';
import type { KubeObject, OwnerReference, PersistentVolumeClaim, Pod, StatefulSet } from '../../api/types.ts';

/** Of a claim that is made new. */
export function firstOwners(set: StatefulSet): OwnerReference[] {
  return policyOf(set).whenDeleted === 'Delete' ? [newControllerRef(set, kinds.statefulsets)] : [];
}

/** The owners that the claim is to have; undefined where it has them. `isCondemned`: the set is no longer to have the pod. */
export function newOwners(
  set: StatefulSet,
  claim: PersistentVolumeClaim,
  pod: Pod,
  isCondemned: boolean,
): OwnerReference[] | undefined {
  const { whenDeleted, whenScaled } = policyOf(set);
  const goesWithPod = whenScaled === 'Delete' && isCondemned;
  const goesWithSet = whenDeleted === 'Delete' && !goesWithPod;
  const before = claim.metadata?.ownerReferences ?? [];
  const others = before.filter(({ uid }) => uid !== set.metadata?.uid && uid !== pod.metadata?.uid);
  const has = (owner: KubeObject): boolean => before.some(({ uid }) => uid === owner.metadata?.uid);
  if (has(set) === goesWithSet && has(pod) === goesWithPod) return undefined;
  const owners = [
    ...others,
    ...(goesWithSet ? [newControllerRef(set, kinds.statefulsets)] : []),
    ...(goesWithPod ? [newControllerRef(pod, kinds.pods)] : []),
  ];
  return deepEqual(owners, before) ? undefined : owners;
}

/** Whether the claim is about to go, alone or with an earlier pod of this name: no new pod is to begin with it. */
export function isDoomed({ metadata }: PersistentVolumeClaim, podName: string): boolean {
  return (
    metadata?.deletionTimestamp !== undefined ||
    (metadata?.ownerReferences ?? []).some(({ kind, name }) => kind === kinds.pods.kind && name === podName)
  );
}

function policyOf({ spec }: StatefulSet): { whenDeleted?: string; whenScaled?: string } {
  return spec?.persistentVolumeClaimRetentionPolicy ?? {};
}
