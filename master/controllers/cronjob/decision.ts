/**
 * What a CronJob needs next: a Job started, others ended or forgotten, and what its status says. Pure; rules and words are those of
 * Kubernetes' "CronJob".
 *
 * A Job's name follows from the time that it is for, so a run that a leader began and did not note is found again and not begun twice.
 */
import { apiVersionOf, kinds } from '../../api/kinds.ts';
import { deepEqual, newControllerRef, nowSeconds } from '../../api/meta.ts';
import type { CronJob, Job } from '../../api/types.ts';
import { isFinished, isTrue } from '../job/facts.ts';
import { timeOf } from '../pod-facts.ts';
import { type Schedule, timeIn } from './schedule.ts';

type Status = NonNullable<CronJob['status']>;
type JobReference = NonNullable<Status['active']>[number];

export interface Saying {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

export interface Decision {
  readonly status: Status;
  readonly says: readonly Saying[];
  /** The Job to start, and for which time; the status does not have it yet. */
  readonly start?: { readonly job: Job; readonly atMs: number };
  /** Jobs that the one to start takes the place of. */
  readonly replace: readonly Job[];
  /** Finished Jobs that are more than history keeps. */
  readonly forget: readonly Job[];
  /** When to look again although nothing has changed. */
  readonly againInMs?: number;
}

/** More missed runs than this are told of. */
const manyMissed = 100;
/** Timers take no longer times, and clocks may be set; it is looked at again then. */
const longestMs = 3_600_000;
const scheduledAnnotation = 'batch.kubernetes.io/cronjob-scheduled-timestamp';

/**
 * `jobs`: those that it has. `isGone`: whether a Job that the status names and that is not among them is known to be gone.
 * `schedule`: undefined where it cannot be read.
 */
export function decide(
  cronJob: CronJob,
  jobs: readonly Job[],
  schedule: Schedule | undefined,
  nowMs: number,
  isGone: (uid: string) => boolean,
): Decision {
  const says: Saying[] = [];
  const status = noteJobs(cronJob, jobs, isGone, says);
  const kept: Decision = { status, says, replace: [], forget: surplus(cronJob, jobs) };
  if (cronJob.metadata?.deletionTimestamp || cronJob.spec?.suspend || !schedule) return kept;
  const { sinceMs, nextMs, atMs } = timesOf(cronJob, schedule, nowMs, says);
  const decided = nextMs === undefined ? kept : { ...kept, againInMs: Math.min(longestMs, nextMs - nowMs + 100) };
  if (atMs === undefined || atMs === sinceMs) return decided;
  const job = jobFor(cronJob, atMs);
  if (jobs.some(({ metadata }) => metadata?.name === job.metadata?.name)) {
    return { ...decided, status: { ...status, lastScheduleTime: nowSeconds(atMs) } };
  }
  const active = status.active ?? [];
  if (active.length > 0 && cronJob.spec?.concurrencyPolicy === 'Forbid') {
    const message = 'Not starting job because prior execution is running and concurrency policy is Forbid';
    says.push({ type: 'Normal', reason: 'JobAlreadyActive', message });
    return decided;
  }
  const running = new Set(active.map(({ uid }) => uid));
  const isReplaced = ({ metadata }: Job): boolean => running.has(metadata?.uid);
  const replace = cronJob.spec?.concurrencyPolicy === 'Replace' ? jobs.filter(isReplaced) : [];
  return { ...decided, start: { job, atMs }, replace };
}

/** The status when the Job has been started. */
export function started(status: Status, job: Job, atMs: number, replaced: readonly Job[]): Status {
  const gone = new Set(replaced.map(({ metadata }) => metadata?.uid));
  const others = (status.active ?? []).filter(({ uid }) => !gone.has(uid));
  const active = isFinished(job) ? others : [...others, referenceTo(job)];
  return { ...status, active: active.length > 0 ? active : undefined, lastScheduleTime: nowSeconds(atMs) };
}

/** Takes those that run into the status, and out of it those that have ended. */
function noteJobs(
  { status = {} }: CronJob,
  jobs: readonly Job[],
  isGone: (uid: string) => boolean,
  says: Saying[],
): Status {
  const known = new Map(jobs.map((job) => [job.metadata?.uid ?? '', job]));
  const active: JobReference[] = [];
  for (const reference of status.active ?? []) {
    const job = known.get(reference.uid ?? '');
    if (job && isFinished(job)) {
      const message = `Saw completed job: ${reference.name}, condition: ${isTrue(job, 'Failed') ? 'Failed' : 'Complete'}`;
      says.push({ type: 'Normal', reason: 'SawCompletedJob', message });
    } else if (!job && isGone(reference.uid ?? '')) {
      const message = `Active job went missing: ${reference.name}`;
      says.push({ type: 'Normal', reason: 'MissingJob', message });
    } else active.push(reference);
  }
  const listed = new Set(active.map(({ uid }) => uid));
  for (const job of jobs) {
    if (isFinished(job) || listed.has(job.metadata?.uid)) continue;
    // One that somebody made by hand is in no run's way.
    if (job.metadata?.annotations?.[scheduledAnnotation] !== undefined) active.push(referenceTo(job));
    else {
      const message = `Saw a job that the controller did not create or forgot: ${job.metadata?.name}`;
      says.push({ type: 'Warning', reason: 'UnexpectedJob', message });
    }
  }
  const successes = jobs
    .filter((job) => isTrue(job, 'Complete'))
    .map(({ status: end }) => timeOf(end?.completionTime) ?? 0);
  const last = Math.max(timeOf(status.lastSuccessfulTime) ?? 0, ...successes);
  const next: Status = {
    ...status,
    active: active.length > 0 ? active : undefined,
    lastSuccessfulTime: last > 0 ? nowSeconds(last) : undefined,
  };
  return deepEqual(status, next) ? status : next;
}

interface Times {
  /** From when on runs count. */
  readonly sinceMs: number;
  /** The run that is due; undefined if none is. */
  readonly atMs: number | undefined;
  readonly nextMs: number | undefined;
}

/** Of several runs that were missed only the last is made up for, and none that is later than its deadline. */
function timesOf({ spec, status, metadata }: CronJob, schedule: Schedule, nowMs: number, says: Saying[]): Times {
  const lastMs = timeOf(status?.lastScheduleTime) ?? timeOf(metadata?.creationTimestamp) ?? nowMs;
  const nextMs = schedule.next(lastMs, nowMs);
  const last = schedule.last(lastMs, nowMs);
  if (!last) return { sinceMs: lastMs, atMs: undefined, nextMs };
  const deadlineMs = spec?.startingDeadlineSeconds === undefined ? undefined : spec.startingDeadlineSeconds * 1_000;
  if (deadlineMs !== undefined && last.atMs + deadlineMs < nowMs) {
    const when = new Date(last.atMs).toUTCString().replace('GMT', '+0000');
    says.push({ type: 'Warning', reason: 'MissSchedule', message: `Missed scheduled time to start a job: ${when}` });
    return { sinceMs: lastMs, atMs: undefined, nextMs };
  }
  const missed = Math.floor((last.atMs - lastMs) / last.everyMs);
  if (missed > manyMissed && deadlineMs === undefined) {
    const message = `too many missed start times: ${missed}. Set or decrease .spec.startingDeadlineSeconds or check clock skew`;
    says.push({ type: 'Warning', reason: 'TooManyMissedTimes', message });
  }
  return { sinceMs: lastMs, atMs: last.atMs, nextMs };
}

function jobFor(cronJob: CronJob, atMs: number): Job {
  const { metadata = {}, spec } = cronJob.spec?.jobTemplate ?? {};
  const { namespace, name } = cronJob.metadata ?? {};
  return {
    metadata: {
      namespace,
      name: `${name}-${Math.floor(atMs / 60_000)}`,
      ...(metadata.labels && { labels: metadata.labels }),
      annotations: { ...metadata.annotations, [scheduledAnnotation]: timeIn(atMs, cronJob.spec?.timeZone) },
      ownerReferences: [newControllerRef(cronJob, kinds.cronjobs)],
    },
    ...(spec && { spec }),
  };
}

/** The oldest of either outcome. */
function surplus({ spec, metadata }: CronJob, jobs: readonly Job[]): Job[] {
  if (metadata?.deletionTimestamp) return [];
  const beyond = (type: string, limit: number | undefined): Job[] => {
    const ended = jobs.filter((job) => isTrue(job, type) && !job.metadata?.deletionTimestamp);
    return limit === undefined ? [] : ended.toSorted(newestFirst).slice(limit);
  };
  return [...beyond('Complete', spec?.successfulJobsHistoryLimit), ...beyond('Failed', spec?.failedJobsHistoryLimit)];
}

/** Of two that began in the same second the later one has the greater minute in its name. */
function newestFirst(a: Job, b: Job): number {
  const beganMs = ({ status, metadata }: Job): number =>
    timeOf(status?.startTime) ?? timeOf(metadata?.creationTimestamp) ?? 0;
  return beganMs(b) - beganMs(a) || ((a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? 1 : -1);
}

function referenceTo({ metadata = {} }: Job): JobReference {
  const { namespace, name, uid, resourceVersion } = metadata;
  return {
    apiVersion: apiVersionOf(kinds.jobs),
    kind: kinds.jobs.kind,
    namespace,
    name,
    uid,
    resourceVersion,
  } as JobReference;
}
