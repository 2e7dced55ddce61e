/** What several controllers ask about a pod. All functions are pure and never change the pod. */
import { getCondition } from '../api/meta.ts';
import type { Pod, PodCondition } from '../api/types.ts';

/** Succeeded or Failed: its containers have ended and will not be started again. */
export function isTerminated(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

export function isTerminating(pod: Pod): boolean {
  return pod.metadata?.deletionTimestamp !== undefined;
}

/** Whether the pod counts as a replica: neither finished nor on its way out. */
export function isActive(pod: Pod): boolean {
  return !isTerminated(pod) && !isTerminating(pod);
}

/** On its way out, but not ended yet. */
export function isEnding(pod: Pod): boolean {
  return isTerminating(pod) && !isTerminated(pod);
}

export function readyCondition(pod: Pod): PodCondition | undefined {
  return getCondition(pod.status?.conditions, 'Ready');
}

export function isReady(pod: Pod): boolean {
  return readyCondition(pod)?.status === 'True';
}

/** When the pod became ready (ms since the epoch); undefined while it is not. */
export function readySince(pod: Pod): number | undefined {
  const condition = readyCondition(pod);
  if (condition?.status !== 'True') return undefined;
  return timeOf(condition.lastTransitionTime);
}

/**
 * Whether the pod has been ready for `minReadySeconds`. If it is ready but not for long enough, `availableInMs` says when it
 * will be.
 */
export function availability(
  pod: Pod,
  minReadySeconds: number,
  now: number,
): { available: boolean; availableInMs?: number } {
  if (!isReady(pod)) return { available: false };
  if (minReadySeconds === 0) return { available: true };
  const since = readySince(pod);
  if (since === undefined) return { available: false };
  const wait = since + minReadySeconds * 1000 - now;
  return wait <= 0 ? { available: true } : { available: false, availableInMs: wait };
}

/** An RFC 3339 time as ms since the epoch; undefined where there is none or it cannot be read. */
export function timeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}
