/** When a pod must leave a node because of its NoExecute taints (Kubernetes, "Taints and Tolerations"). Pure. */
import type { Taint, Toleration } from '../../api/types.ts';

/** 'never', or the time (ms, on the clock that says since when) from which the pod is to be evicted. */
export type Eviction = 'never' | number;

/**
 * `since`: when a taint was first seen. A taint that nothing tolerates evicts at once; of several tolerations with an end the
 * earliest end holds.
 */
export function evictionTime(
  tolerations: readonly Toleration[],
  taints: readonly Taint[],
  since: (taint: Taint) => number,
): Eviction {
  let earliest = Number.POSITIVE_INFINITY;
  for (const taint of taints) {
    if (taint.effect !== 'NoExecute') continue;
    const toleration = tolerations.find((candidate) => tolerates(candidate, taint));
    const seconds = toleration ? (toleration.tolerationSeconds ?? Number.POSITIVE_INFINITY) : 0;
    earliest = Math.min(earliest, since(taint) + Math.max(0, seconds) * 1000);
  }
  return earliest === Number.POSITIVE_INFINITY ? 'never' : earliest;
}

/** An empty effect or key (with Exists) matches all. */
export function tolerates({ key, operator, value, effect }: Toleration, taint: Taint): boolean {
  if (effect && effect !== taint.effect) return false;
  if (key && key !== taint.key) return false;
  if (operator === 'Exists') return true;
  return Boolean(key) && (value ?? '') === (taint.value ?? '');
}
