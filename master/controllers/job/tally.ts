/**
 * Counts the ends of a Job's pods, each exactly once, over any number of controllers that come and go (KEP-2307). Pure.
 *
 *   a pod ends → its uid stands in `uncountedTerminatedPods` → its finalizer goes → it counts in `succeeded` or `failed`
 *
 * Each step is taken only when the one before is stored, so a controller that dies leaves nothing uncounted and nothing counted twice.
 * Ends of an indexed Job's pods that succeeded are kept in `completedIndexes` instead.
 */
import type { Job, Pod } from '../../api/types.ts';
import { isActive, isEnding, isReady } from '../pod-facts.ts';
import { hasFailed, hasSucceeded, indexOf, isIndexed, isTracked } from './facts.ts';
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
  const completed = parseIndexes(before.completedIndexes);
  const release: Pod[] = [];
  for (const pod of tracked) {
    const uid = pod.metadata?.uid ?? '';
    const index = indexed ? indexOf(job, pod) : undefined;
    if (hasSucceeded(pod)) {
      if (!indexed) waiting.succeeded.add(uid);
      else if (index !== undefined) completed.add(index);
    } else if (hasFailed(job, pod)) waiting.failed.add(uid);
    else continue;
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
    uncountedTerminatedPods: {
      ...(waiting.succeeded.size > 0 && { succeeded: [...waiting.succeeded].sort() }),
      ...(waiting.failed.size > 0 && { failed: [...waiting.failed].sort() }),
    },
  };
  const isSettled = waiting.succeeded.size + waiting.failed.size === 0;
  return {
    active,
    ending,
    succeeded,
    failed: counted.failed + waiting.failed.size,
    completed,
    isSettled,
    status,
    release,
  };
}
