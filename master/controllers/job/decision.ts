/** What a Job needs next: pods made or ended, and what its conditions say. Pure; rules and words are those of Kubernetes' "Jobs". */
import { getCondition } from '../../api/meta.ts';
import type { Job, Pod } from '../../api/types.ts';
import { timeOf } from '../pod-facts.ts';
import { endedAt, hasFailed, hasSucceeded, indexOf, isFinished, isIndexed } from './facts.ts';
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
  const outcome = outcomeOf(job, now, nowMs);
  if (outcome) return { ...nothing, outcome, remove: now.active };
  if (job.spec?.suspend) return { ...nothing, remove: now.active, isBlameless: true };
  const againInMs = deadlineInMs(job, nowMs);
  const missing = wantedOf(job, now) - now.active.length;
  if (missing < 0) return { ...nothing, remove: surplus(now.active, -missing), isBlameless: true, againInMs };
  const replacing = job.spec?.podReplacementPolicy === 'Failed' ? now.ending.length : 0;
  const create = Math.max(0, missing - replacing);
  if (create === 0) return { ...nothing, againInMs };
  const waitMs = backoffMs(job, pods, nowMs);
  if (waitMs > 0) return { ...nothing, againInMs: Math.min(waitMs, againInMs ?? waitMs) };
  return { create, indexes: isIndexed(job) ? freeIndexes(job, now, create) : [], remove: [], againInMs };
}

function outcomeOf(job: Job, now: Tally, nowMs: number): Outcome | undefined {
  for (const type of ['FailureTarget', 'SuccessCriteriaMet'] as const) {
    const said = getCondition(job.status?.conditions, type);
    if (said?.status === 'True') return { type, reason: said.reason ?? '', message: said.message ?? '' };
  }
  const { completions, backoffLimit = 6, suspend } = job.spec ?? {};
  if (!suspend && deadlineInMs(job, nowMs) === 0) {
    return {
      type: 'FailureTarget',
      reason: 'DeadlineExceeded',
      message: 'Job was active longer than specified deadline',
    };
  }
  if (now.failed > backoffLimit || hasRestartedTooOften(job, now.active, backoffLimit)) {
    const message = 'Job has reached the specified backoff limit';
    return { type: 'FailureTarget', reason: 'BackoffLimitExceeded', message };
  }
  const isDone =
    completions === undefined ? now.succeeded > 0 && now.active.length === 0 : now.succeeded >= completions;
  if (!isDone) return undefined;
  const message = 'Reached expected number of succeeded pods';
  return { type: 'SuccessCriteriaMet', reason: 'CompletionsReached', message };
}

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

/** Those that do least go first. */
function surplus(active: readonly Pod[], count: number): Pod[] {
  const merit = ({ spec, status }: Pod) => (spec?.nodeName ? 1 : 0) + (status?.phase === 'Running' ? 1 : 0);
  return active.toSorted((a, b) => merit(a) - merit(b)).slice(0, count);
}

function backoffMs(job: Job, pods: readonly Pod[], nowMs: number): number {
  const lastSuccess = Math.max(0, ...pods.filter(hasSucceeded).map(endedAt));
  const failures = pods.filter((pod) => hasFailed(job, pod)).map(endedAt);
  const since = failures.filter((at) => at > lastSuccess);
  if (since.length === 0) return 0;
  const delay = Math.min(longestBackoffMs, firstBackoffMs * 2 ** Math.min(since.length - 1, 10));
  return Math.max(0, Math.max(...since) + delay - nowMs);
}

function freeIndexes(job: Job, now: Tally, count: number): number[] {
  const taken = new Set(
    [...now.active, ...(job.spec?.podReplacementPolicy === 'Failed' ? now.ending : [])].map((pod) => indexOf(job, pod)),
  );
  const free: number[] = [];
  for (let index = 0; index < (job.spec?.completions ?? 0) && free.length < count; index += 1) {
    if (!taken.has(index) && !now.completed.has(index)) free.push(index);
  }
  return free;
}
