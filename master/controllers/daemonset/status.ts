/** The status of a DaemonSet, counted anew from its nodes each time. Pure. */
import type { DaemonSet } from '../../api/types.ts';
import { availability, isReady, isTerminating } from '../pod-facts.ts';
import { hashLabel } from './placement.ts';
import type { View } from './plan.ts';

export type DaemonSetStatus = NonNullable<DaemonSet['status']>;

/** `availableInMs`: when the next ready pod becomes available by minReadySeconds, if one is on its way. */
export function statusOf({ set, hash, nodes, nowMs }: View): { status: DaemonSetStatus; availableInMs?: number } {
  const counts = { wanted: 0, current: 0, misplaced: 0, ready: 0, updated: 0, available: 0 };
  let availableInMs: number | undefined;
  for (const { placement, pods } of nodes) {
    // One that is about to go says least of what the node has.
    const pod = pods.find((one) => !isTerminating(one)) ?? pods[0];
    if (!placement.wanted) {
      if (pod) counts.misplaced += 1;
      continue;
    }
    counts.wanted += 1;
    if (!pod) continue;
    counts.current += 1;
    if (pod.metadata?.labels?.[hashLabel] === hash) counts.updated += 1;
    if (!isReady(pod)) continue;
    counts.ready += 1;
    const { available, availableInMs: wait } = availability(pod, set.spec?.minReadySeconds ?? 0, nowMs);
    if (available) counts.available += 1;
    else if (wait !== undefined) availableInMs = Math.min(wait, availableInMs ?? wait);
  }
  const { collisionCount, conditions } = set.status ?? {};
  const status: DaemonSetStatus = {
    currentNumberScheduled: counts.current,
    numberMisscheduled: counts.misplaced,
    desiredNumberScheduled: counts.wanted,
    numberReady: counts.ready,
    observedGeneration: set.metadata?.generation ?? 0,
    // Kubernetes leaves out counts that are zero.
    updatedNumberScheduled: counts.updated || undefined,
    numberAvailable: counts.available || undefined,
    numberUnavailable: counts.wanted - counts.available || undefined,
    ...(collisionCount !== undefined && { collisionCount }),
    ...(conditions && { conditions }),
  };
  return availableInMs === undefined ? { status } : { status, availableInMs };
}
