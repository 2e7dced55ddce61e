/**
 * Counts the ends of a Job's pods, each exactly once, over any number of controllers that come and go (KEP-2307). Pure.
 *
 *   a pod ends → its uid stands in `uncountedTerminatedPods` → its finalizer goes → it counts in `succeeded` or `failed`
 *
 * Each step is taken only when the one before is stored, so a controller that dies leaves nothing uncounted and nothing counted twice.
 * Ends of an indexed Job's pods that succeeded are kept in `completedIndexes` instead, and indexes that are lost in `failedIndexes`.
 */
import type { Job, Pod } from '../../api/types.ts';
import { isActive, isEnding, isReady } from '../pod-facts.ts';
import { hasFailed, hasSucceeded, indexOf, isIndexed, isTracked, isTrue } from './facts.ts';
import { isLimitedByIndex, lastFailed, losesIndex } from './failed-indexes.ts';
import { judge } from './failure-policy.ts';
import { formatIndexes, parseIndexes } from './indexes.ts';

export type JobStatus = NonNullable<Job['status']>;

export interface Tally {
  readonly active: readonly Pod[];
  /** On their way out, but not ended yet. */
  readonly ending: readonly Pod[];
  /** Those that are known, whether they are stored already or not. */
  readonly succeeded: number;
  readonly failed: number;
  readonly completed: ReadonlySet<number>;
  /** Indexes that are not tried again. */
  readonly lost: ReadonlySet<number>;
  /** By index, the pod whose count of failures the next one takes over. */
  readonly retried: ReadonlyMap<number, Pod>;
  /** Every end is in its counter. */
  readonly isSettled: boolean;
  /** The status with all that is known, to be stored before the finalizers go. */
  readonly status: JobStatus;
  /** Whose finalizers may go once `status` is stored. */
  readonly release: readonly Pod[];
}

export function tally(job: Job, pods: readonly Pod[]): Tally {
  const before = job.status ?? {};
  const indexed = isIndexed(job);
  const tracked = pods.filter(isTracked);
  const stillTracked = new Set(tracked.map(({ metadata }) => metadata?.uid));
  const waiting = { succeeded: new Set<string>(), failed: new Set<string>() };
  const counted = { succeeded: before.succeeded ?? 0, failed: before.failed ?? 0 };
  for (const end of ['succeeded', 'failed'] as const) {
    for (const uid of before.uncountedTerminatedPods?.[end] ?? []) {
      if (stillTracked.has(uid)) waiting[end].add(uid);
      else counted[end] += 1;
    }
  }
  const completed = knownIndexes(job, before.completedIndexes);
  const lost = knownIndexes(job, before.failedIndexes);
  const retried = isLimitedByIndex(job) ? lastFailed(job, pods) : new Map<number, Pod>();
  for (const [index, pod] of retried) {
    if (losesIndex(job, pod)) lost.add(index);
    if (lost.has(index) || completed.has(index)) retried.delete(index);
  }
  const hasOutcome = isTrue(job, 'FailureTarget') || isTrue(job, 'SuccessCriteriaMet');
  const release: Pod[] = [];
  /** Failures that are kept: how many, and how many of them count. */
  const kept = { pods: 0, counting: 0 };
  for (const pod of tracked) {
    const uid = pod.metadata?.uid ?? '';
    const index = indexed ? indexOf(job, pod) : undefined;
    if (hasSucceeded(pod)) {
      if (!indexed) waiting.succeeded.add(uid);
      else if (index !== undefined) completed.add(index);
    } else if (!hasFailed(job, pod)) continue;
    else if (!hasOutcome && index !== undefined && retried.get(index) === pod) {
      kept.pods += 1;
      if (judge(job, pod).action !== 'Ignore') kept.counting += 1;
      continue;
    } else if (judge(job, pod).action !== 'Ignore') waiting.failed.add(uid);
    release.push(pod);
  }
  const active = pods.filter(isActive);
  const ending = pods.filter(isEnding);
  const succeeded = indexed ? completed.size : counted.succeeded + waiting.succeeded.size;
  const stored = indexed ? completed.size : counted.succeeded;
  const status: JobStatus = {
    ...before,
    active: active.length || undefined,
    ready: active.filter(isReady).length,
    terminating: ending.length,
    succeeded: stored || undefined,
    failed: counted.failed || undefined,
    ...(indexed && { completedIndexes: formatIndexes(completed) || undefined }),
    ...(isLimitedByIndex(job) && { failedIndexes: formatIndexes(lost) || undefined }),
    uncountedTerminatedPods: {
      ...(waiting.succeeded.size > 0 && { succeeded: [...waiting.succeeded].sort() }),
      ...(waiting.failed.size > 0 && { failed: [...waiting.failed].sort() }),
    },
  };
  const isSettled = waiting.succeeded.size + waiting.failed.size + kept.pods === 0;
  return {
    active,
    ending,
    succeeded,
    failed: counted.failed + waiting.failed.size + kept.counting,
    completed,
    lost,
    retried,
    isSettled,
    status,
    release,
  };
}

/** A Job whose number of completions was lowered has fewer indexes than before. */
function knownIndexes({ spec }: Job, text: string | undefined): Set<number> {
  const indexes = parseIndexes(text);
  for (const index of indexes) if (index >= (spec?.completions ?? 0)) indexes.delete(index);
  return indexes;
}
