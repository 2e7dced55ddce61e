/** The status of a StatefulSet, counted anew from its pods each time. Pure. */
import type { Pod, StatefulSet } from '../../api/types.ts';
import { availability, isReady, isTerminating } from '../pod-facts.ts';
import { replicasOf, revisionLabel } from './identity.ts';
import { isRunning, type View } from './plan.ts';

export type StatefulSetStatus = NonNullable<StatefulSet['status']>;

/** `availableInMs`: when the next ready pod becomes available by minReadySeconds, if one is on its way. */
export function statusOf({ set, currentRevision, updateRevision, pods, nowMs }: Omit<View, 'hasDoomedClaim'>): {
  status: StatefulSetStatus;
  availableInMs?: number;
} {
  const counts = { ready: 0, available: 0, current: 0, updated: 0 };
  let availableInMs: number | undefined;
  for (const pod of pods.values()) {
    if (!isTerminating(pod)) {
      if (isOf(pod, currentRevision)) counts.current += 1;
      if (isOf(pod, updateRevision)) counts.updated += 1;
    }
    if (!isRunning(pod) || !isReady(pod)) continue;
    counts.ready += 1;
    const { available, availableInMs: wait } = availability(pod, set.spec?.minReadySeconds ?? 0, nowMs);
    if (available) counts.available += 1;
    else if (wait !== undefined) availableInMs = Math.min(wait, availableInMs ?? wait);
  }
  const replicas = replicasOf(set);
  const isDone =
    set.spec?.updateStrategy?.type !== 'OnDelete' &&
    [counts.updated, counts.ready, pods.size].every((count) => count === replicas);
  const { collisionCount = 0, conditions } = set.status ?? {};
  const status: StatefulSetStatus = {
    observedGeneration: set.metadata?.generation ?? 0,
    replicas: pods.size,
    availableReplicas: counts.available,
    // Kubernetes leaves out these counts where they are zero.
    readyReplicas: counts.ready || undefined,
    currentReplicas: (isDone ? counts.updated : counts.current) || undefined,
    updatedReplicas: counts.updated || undefined,
    currentRevision: isDone ? updateRevision : currentRevision,
    updateRevision,
    collisionCount,
    ...(conditions && { conditions }),
  };
  return availableInMs === undefined ? { status } : { status, availableInMs };
}

const isOf = ({ metadata }: Pod, revision: string): boolean => metadata?.labels?.[revisionLabel] === revision;
