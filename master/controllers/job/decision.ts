/** What a Job needs next: pods made or ended, and what its conditions say. Pure; rules and words are those of Kubernetes' "Jobs". */
import { getCondition } from '../../api/meta.ts';
import type { Job, Pod } from '../../api/types.ts';
import { timeOf } from '../pod-facts.ts';
import { endedAt, hasFailed, hasSucceeded, indexOf, isFinished, isIndexed } from './facts.ts';
import { attemptOf, isLimitedByIndex } from './failed-indexes.ts';
import { judge } from './failure-policy.ts';
import { successBy } from './success-policy.ts';
import type { Tally } from './tally.ts';

export interface Outcome {
  readonly type: 'FailureTarget' | 'SuccessCriteriaMet';
  readonly reason: string;
  readonly message: string;
}

export interface Decision {
  /** How the Job ends: pods that are left end first, then the final condition says it. */
  readonly outcome?: Outcome | undefined;
  /** How many pods to make; of an indexed Job, with which indexes. */
  readonly create: number;
  readonly indexes: readonly number[];
  readonly remove: readonly Pod[];
  /** Those that are removed have not failed: nobody asked for them any more. */
  readonly isBlameless?: boolean;
  /** When to look again although nothing has changed. */
  readonly againInMs?: number | undefined;
}

const nothing: Decision = { create: 0, indexes: [], remove: [] };
/** The wait after a failure doubles up to a limit ("Pod backoff failure policy"). */
const firstBackoffMs = 10_000;
const longestBackoffMs = 600_000;

export function decide(job: Job, pods: readonly Pod[], now: Tally, nowMs: number): Decision {
  if (isFinished(job)) return nothing;
  const outcome = outcomeOf(job, pods, now, nowMs);
  if (outcome) return { ...nothing, outcome, remove: now.active };
  if (job.spec?.suspend) return { ...nothing, remove: now.active, isBlameless: true };
  const againInMs = deadlineInMs(job, nowMs);
  const missing = wantedOf(job, now) - now.active.length;
  if (missing < 0) return { ...nothing, remove: surplus(job, now.active, -missing), isBlameless: true, againInMs };
  const replacing = job.spec?.podReplacementPolicy === 'Failed' ? now.ending.length : 0;
  const create = Math.max(0, missing - replacing);
  if (create === 0) return { ...nothing, againInMs };
  if (isLimitedByIndex(job)) return nextTries(job, now, create, nowMs, againInMs);
  const waitMs = backoffMs(job, pods, nowMs);
  if (waitMs > 0) return { ...nothing, againInMs: sooner(waitMs, againInMs) };
  if (!isIndexed(job)) return { create, indexes: [], remove: [], againInMs };
  const indexes = freeIndexes(job, now).slice(0, create);
  return { create: indexes.length, indexes, remove: [], againInMs };
}

/** Each index waits for itself after a failure. */
function nextTries(job: Job, now: Tally, most: number, nowMs: number, deadlineMs: number | undefined): Decision {
  const waits = freeIndexes(job, now).map((index) => {
    const before = now.retried.get(index);
    const failures = before ? attemptOf(before) + 1 : 0;
    return { index, waitMs: before ? endedAt(before) + delayMs(failures) - nowMs : 0 };
  });
  const indexes = waits.filter(({ waitMs }) => waitMs <= 0).map(({ index }) => index);
  const next = Math.min(...waits.filter(({ waitMs }) => waitMs > 0).map(({ waitMs }) => waitMs));
  const againInMs = Number.isFinite(next) ? sooner(next, deadlineMs) : deadlineMs;
  const chosen = indexes.slice(0, most);
  return { create: chosen.length, indexes: chosen, remove: [], againInMs };
}

const sooner = (waitMs: number, other: number | undefined): number => Math.min(waitMs, other ?? waitMs);

function outcomeOf(job: Job, pods: readonly Pod[], now: Tally, nowMs: number): Outcome | undefined {
  for (const type of ['FailureTarget', 'SuccessCriteriaMet'] as const) {
    const said = getCondition(job.status?.conditions, type);
    if (said?.status === 'True') return { type, reason: said.reason ?? '', message: said.message ?? '' };
  }
  const { completions, backoffLimit = 6, suspend, maxFailedIndexes } = job.spec ?? {};
  const forbidden = pods.filter((pod) => hasFailed(job, pod)).map((pod) => judge(job, pod).message);
  const message = forbidden.find((text) => text !== undefined);
  if (message !== undefined) return failure('PodFailurePolicy', message);
  if (now.failed > backoffLimit || hasRestartedTooOften(job, now.active, backoffLimit)) {
    return failure('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  }
  if (!suspend && deadlineInMs(job, nowMs) === 0) {
    return failure('DeadlineExceeded', 'Job was active longer than specified deadline');
  }
  if (maxFailedIndexes !== undefined && now.lost.size > maxFailedIndexes) {
    return failure('MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes');
  }
  if (now.lost.size > 0 && now.lost.size + now.completed.size >= (completions ?? 0)) {
    return failure('FailedIndexes', 'Job has failed indexes');
  }
  const early = successBy(job, now.completed);
  if (early !== undefined) return success('SuccessPolicy', early);
  const isDone =
    completions === undefined ? now.succeeded > 0 && now.active.length === 0 : now.succeeded >= completions;
  return isDone ? success('CompletionsReached', 'Reached expected number of succeeded pods') : undefined;
}

const failure = (reason: string, message: string): Outcome => ({ type: 'FailureTarget', reason, message });
const success = (reason: string, message: string): Outcome => ({ type: 'SuccessCriteriaMet', reason, message });

/** Where the kubelet starts containers anew, their restarts are what counts. */
function hasRestartedTooOften({ spec }: Job, active: readonly Pod[], limit: number): boolean {
  if (spec?.template?.spec?.restartPolicy !== 'OnFailure') return false;
  const restarts = active
    .flatMap(({ status }) => [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])])
    .reduce((sum, { restartCount = 0 }) => sum + restartCount, 0);
  return limit === 0 ? restarts > 0 : restarts >= limit;
}

/** undefined without a deadline; 0 when it has passed. */
function deadlineInMs({ spec, status }: Job, nowMs: number): number | undefined {
  const started = timeOf(status?.startTime);
  if (spec?.activeDeadlineSeconds === undefined || started === undefined) return undefined;
  return Math.max(0, started + spec.activeDeadlineSeconds * 1_000 - nowMs);
}

function wantedOf({ spec }: Job, now: Tally): number {
  const { parallelism = 1, completions } = spec ?? {};
  // Without a number of completions the first success is a sign that the work is done: nobody new begins.
  if (completions === undefined) return now.succeeded > 0 ? Math.min(now.active.length, parallelism) : parallelism;
  return Math.min(parallelism, completions - now.succeeded);
}

/** Those of indexes that the Job no longer has go first, then those that do least. */
function surplus(job: Job, active: readonly Pod[], count: number): Pod[] {
  const merit = (pod: Pod): number =>
    (isIndexed(job) && indexOf(job, pod) === undefined ? 0 : 4) +
    (pod.spec?.nodeName ? 1 : 0) +
    (pod.status?.phase === 'Running' ? 1 : 0);
  return active.toSorted((a, b) => merit(a) - merit(b)).slice(0, count);
}

function backoffMs(job: Job, pods: readonly Pod[], nowMs: number): number {
  const lastSuccess = Math.max(0, ...pods.filter(hasSucceeded).map(endedAt));
  const counted = pods.filter((pod) => hasFailed(job, pod) && judge(job, pod).action !== 'Ignore');
  const since = counted.map(endedAt).filter((at) => at > lastSuccess);
  if (since.length === 0) return 0;
  return Math.max(0, Math.max(...since) + delayMs(since.length) - nowMs);
}

const delayMs = (failures: number): number =>
  Math.min(longestBackoffMs, firstBackoffMs * 2 ** Math.min(failures - 1, 10));

function freeIndexes(job: Job, now: Tally): number[] {
  const taken = new Set(
    [...now.active, ...(job.spec?.podReplacementPolicy === 'Failed' ? now.ending : [])].map((pod) => indexOf(job, pod)),
  );
  const free: number[] = [];
  for (let index = 0; index < (job.spec?.completions ?? 0); index += 1) {
    if (!taken.has(index) && !now.completed.has(index) && !now.lost.has(index)) free.push(index);
  }
  return free;
}
