/**
 * Limits of an indexed Job's failures by index (KEP-3850). Pure.
 *
 * How often an index has failed stands on its present pod. So of an index that is to be tried again the pod that failed last is kept,
 * by its finalizer, until the next one is there: a controller that dies in between leaves no count to be lost.
 */
import type { Job, Pod } from '../../api/types.ts';
import { hasFailed, indexOf } from './facts.ts';
import { judge } from './failure-policy.ts';

export const failureCountKey = 'batch.kubernetes.io/job-index-failure-count';
export const ignoredCountKey = 'batch.kubernetes.io/job-index-ignored-failure-count';

export const isLimitedByIndex = ({ spec }: Job): boolean => spec?.backoffLimitPerIndex !== undefined;

/** Whether the index is lost with this pod, which has failed. */
export function losesIndex(job: Job, pod: Pod): boolean {
  const { action } = judge(job, pod);
  if (action === 'FailIndex') return true;
  return action !== 'Ignore' && countOf(pod, failureCountKey) >= (job.spec?.backoffLimitPerIndex ?? 0);
}

/** By index, the pod that failed last, where nothing has come after it. */
export function lastFailed(job: Job, pods: readonly Pod[]): Map<number, Pod> {
  const last = new Map<number, Pod>();
  for (const pod of pods) {
    const index = indexOf(job, pod);
    if (index === undefined) continue;
    const other = last.get(index);
    if (!other || attemptOf(pod) > attemptOf(other)) last.set(index, pod);
  }
  for (const [index, pod] of last) if (!hasFailed(job, pod)) last.delete(index);
  return last;
}

/** How many pods of its index failed before this one, whether that counted or not. */
export const attemptOf = (pod: Pod): number => countOf(pod, failureCountKey) + countOf(pod, ignoredCountKey);

/** What the next pod of an index says of the failures before it. */
export function failureCounts(job: Job, before: Pod | undefined): Record<string, string> {
  if (!before) return { [failureCountKey]: '0' };
  const isIgnored = judge(job, before).action === 'Ignore';
  const failures = countOf(before, failureCountKey) + (isIgnored ? 0 : 1);
  const ignored = countOf(before, ignoredCountKey) + (isIgnored ? 1 : 0);
  return { [failureCountKey]: String(failures), ...(ignored > 0 && { [ignoredCountKey]: String(ignored) }) };
}

function countOf({ metadata }: Pod, key: string): number {
  const text = metadata?.annotations?.[key] ?? '';
  return /^\d{1,9}$/.test(text) ? Number(text) : 0;
}
