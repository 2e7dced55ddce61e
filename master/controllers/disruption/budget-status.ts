/** What the status of a PodDisruptionBudget should say. Pure; the counts are those of Kubernetes' disruption controller. */
import { isHealthy, withDisruptionAllowed } from '../../api/disruption.ts';
import { nowSeconds } from '../../api/meta.ts';
import type { Pod, PodDisruptionBudget } from '../../api/types.ts';
import { isTerminating } from '../pod-facts.ts';

type Spec = NonNullable<PodDisruptionBudget['spec']>;
type Status = NonNullable<PodDisruptionBudget['status']>;

/** Whether the count of the pods that are there does not do: what is expected is what their controllers want to have. */
export function isOfScale({ maxUnavailable, minAvailable }: Spec): boolean {
  return maxUnavailable !== undefined || typeof minAvailable === 'string';
}

/** How many of `expected` pods must be healthy, parts of a pod rounded up. */
export function desiredHealthy({ maxUnavailable, minAvailable }: Spec, expected: number): number {
  if (maxUnavailable !== undefined) return Math.max(0, expected - scaled(maxUnavailable, expected));
  return minAvailable === undefined ? 0 : scaled(minAvailable, expected);
}

function scaled(value: number | string | object, total: number): number {
  if (typeof value === 'number') return value;
  const match = typeof value === 'string' ? /^(\d+)%$/.exec(value) : null;
  if (!match) throw new Error(`invalid value for IntOrString: ${JSON.stringify(value)} is not a percentage`);
  return Math.ceil((Number(match[1]) * total) / 100);
}

export interface Counted {
  readonly status: Status;
  /** When (ms from now) the next pod will have waited too long for its deletion. */
  readonly recheckInMs?: number;
  /** Pods that were let go and were not deleted. */
  readonly notDeleted: readonly Pod[];
}

/**
 * The status for the pods that the budget guards. `waitsMs` says how long yet a pod that was let go at a time (RFC 3339) counts as
 * about to be deleted; 0 or less: no longer.
 */
export function countBudget(
  { metadata, spec = {}, status: old }: PodDisruptionBudget,
  pods: readonly Pod[],
  expectedPods: number,
  waitsMs: (pod: string, since: string) => number,
  nowMs: number,
): Counted {
  const disruptedPods: Record<string, string> = {};
  const notDeleted: Pod[] = [];
  let currentHealthy = 0;
  let recheckInMs: number | undefined;
  for (const pod of pods) {
    if (isTerminating(pod)) continue;
    const name = pod.metadata?.name ?? '';
    const since = old?.disruptedPods?.[name];
    const left = since === undefined ? 0 : waitsMs(name, since);
    if (since !== undefined && left > 0) {
      disruptedPods[name] = since;
      recheckInMs = Math.min(left, recheckInMs ?? left);
      continue;
    }
    if (since !== undefined) notDeleted.push(pod);
    if (isHealthy(pod)) currentHealthy += 1;
  }
  const desired = desiredHealthy(spec, expectedPods);
  const counts = {
    currentHealthy,
    desiredHealthy: desired,
    // A budget without pods is kept shut until its first ones are counted.
    disruptionsAllowed: expectedPods > 0 ? Math.max(0, currentHealthy - desired) : 0,
    expectedPods,
    ...(metadata?.generation !== undefined && { observedGeneration: metadata.generation }),
  };
  const conditions = withDisruptionAllowed({ ...counts, conditions: old?.conditions }, nowSeconds(nowMs));
  const letGo = Object.keys(disruptedPods).length > 0 ? { disruptedPods } : {};
  const status = { ...counts, ...letGo, conditions };
  return { status, notDeleted, ...(recheckInMs !== undefined && { recheckInMs }) };
}
