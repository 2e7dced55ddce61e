/**
 * Which pods go first when there are too many: those that serve least. Kubernetes' documented order ("ReplicaSet: scaling a
 * ReplicaSet", scale-down): unassigned, then Pending, then Unknown, then not ready, then by the pod-deletion-cost annotation,
 * then from nodes that hold more of the same replicas, then the latest ready, the most restarted, the youngest.
 */
import type { Pod } from '../../api/types.ts';
import { isReady, readySince, timeOf } from '../pod-facts.ts';

export const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost';

/** The `count` pods of `active` to delete, the least valuable first. `related` are all active pods that count for crowding. */
export function podsToDelete(active: readonly Pod[], count: number, related: readonly Pod[] = active): Pod[] {
  if (count >= active.length) return [...active];
  const perNode = new Map<string, number>();
  for (const pod of related) {
    const node = pod.spec?.nodeName;
    if (node) perNode.set(node, (perNode.get(node) ?? 0) + 1);
  }
  const ranked = active.map((pod) => ({ pod, merit: meritOf(pod, perNode) }));
  ranked.sort((a, b) => compareMerit(a.merit, b.merit));
  return ranked.slice(0, count).map(({ pod }) => pod);
}

/** Numbers in order of importance; the lower pod goes first. */
type Merit = readonly number[];

const phaseMerit: Record<string, number> = { Pending: 0, Unknown: 1, Running: 2 };

function meritOf(pod: Pod, perNode: ReadonlyMap<string, number>): Merit {
  const node = pod.spec?.nodeName;
  const restarts = (pod.status?.containerStatuses ?? []).map((status) => status.restartCount ?? 0);
  return [
    node ? 1 : 0,
    phaseMerit[pod.status?.phase ?? 'Pending'] ?? 1,
    isReady(pod) ? 1 : 0,
    deletionCost(pod),
    -(node ? (perNode.get(node) ?? 0) : 0),
    -(readySince(pod) ?? Number.MAX_SAFE_INTEGER),
    -Math.max(0, ...restarts),
    -(timeOf(pod.metadata?.creationTimestamp) ?? Number.MAX_SAFE_INTEGER),
  ];
}

function deletionCost(pod: Pod): number {
  const text = pod.metadata?.annotations?.[deletionCostAnnotation];
  return text !== undefined && /^-?\d{1,10}$/.test(text) ? Number(text) : 0;
}

function compareMerit(a: Merit, b: Merit): number {
  for (const [i, value] of a.entries()) {
    const difference = value - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
