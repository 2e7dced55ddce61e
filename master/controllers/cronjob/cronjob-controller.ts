/**
 * The cron job controller: starts a Job at each time that a CronJob's schedule names, as its concurrency policy allows.
 *
 * Guarantees: a run is started once, because its Job's name follows from its time; a run that an earlier leader began counts as running,
 * also where that leader could not note it any more; of runs that nobody could start only the last is made up for.
 */
import type { ReconcileResult } from '../../api/controller.ts';
import { isAlreadyExists, isConflict, isNamespaceTerminating, isNotFound, messageOf } from '../../api/errors.ts';
import type { EventRecorder } from '../../api/events.ts';
import { kinds } from '../../api/kinds.ts';
import { controllerOf, deepEqual, keyOf, nameOf } from '../../api/meta.ts';
import type { CronJob, Job } from '../../api/types.ts';
import type { WorkQueue } from '../../api/workqueue.ts';
import { podIndex } from '../caches.ts';
import { type ControllerContext, newQueue, newRecorder, work } from '../context.ts';
import { revisionOf } from '../replication/expectations.ts';
import { type Decision, decide, type Saying, started } from './decision.ts';
import { isTimeZone, type Schedule, scheduleOf } from './schedule.ts';

const concurrency = 5;
/** A cache that is behind is looked at again after this. */
const behindMs = 50;

export async function startCronJobs(context: ControllerContext): Promise<void> {
  const controller = new CronJobController(context);
  controller.watch();
  await work(context, controller.queue, concurrency, (key) => controller.reconcile(key));
}

class CronJobController {
  readonly queue: WorkQueue;
  readonly #context: ControllerContext;
  readonly #recorder: EventRecorder;
  /** By uid, the revision that the cached CronJob must have at least; who is not here was not looked at in this term yet. */
  readonly #atLeast = new Map<string, number>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.queue = newQueue(context, 'cronjob');
    this.#recorder = newRecorder(context, 'cronjob-controller');
  }

  watch(): void {
    const { caches, signal } = this.#context;
    const enqueue = (cronJob: CronJob): void => this.queue.add(keyOf(cronJob));
    const gone = (cronJob: CronJob): void => void this.#atLeast.delete(cronJob.metadata?.uid ?? '');
    caches.cronjobs.addHandler({ added: enqueue, updated: (_, cronJob) => enqueue(cronJob), deleted: gone }, signal);
    const concerned = (job: Job): void => {
      const owner = controllerOf(job);
      if (owner?.kind === kinds.cronjobs.kind) this.queue.add(`${job.metadata?.namespace}/${owner.name}`);
    };
    caches.jobs.addHandler({ added: concerned, updated: (_, job) => concerned(job), deleted: concerned }, signal);
  }

  async reconcile(key: string): Promise<ReconcileResult> {
    const { caches, clock } = this.#context;
    const cached = caches.cronjobs.get(key);
    if (!cached) return {};
    const { uid = '', resourceVersion } = cached.metadata ?? {};
    const atLeast = this.#atLeast.get(uid);
    if (atLeast !== undefined && revisionOf(resourceVersion) < atLeast) return { requeueAfterMs: behindMs };
    const found =
      atLeast === undefined ? await this.#live(cached) : { cronJob: cached, jobs: this.#cachedJobs(cached) };
    if (!found) return {};
    const { cronJob, jobs } = found;
    const gone = await this.#goneOf(cronJob, jobs);
    const schedule = this.#scheduleOf(cronJob);
    const decision = decide(cronJob, jobs, schedule, clock.now(), (one) => gone.has(one));
    for (const saying of decision.says) this.#say(cronJob, saying);
    const status = await this.#start(cronJob, decision);
    if (!(await this.#writeStatus(cronJob, status))) return { requeueAfterMs: behindMs };
    for (const job of decision.forget) await this.#delete(cronJob, job);
    return decision.againInMs === undefined ? {} : { requeueAfterMs: decision.againInMs };
  }

  #cachedJobs({ metadata }: CronJob): Job[] {
    return this.#context.caches.jobs.byIndex(podIndex.controller, metadata?.uid ?? '');
  }

  /** What an earlier leader did last may not be in the caches yet. */
  async #live(cached: CronJob): Promise<{ cronJob: CronJob; jobs: Job[] } | undefined> {
    const { client } = this.#context;
    try {
      const cronJob = await client.get('cronjobs', nameOf(cached));
      const uid = cronJob.metadata?.uid ?? '';
      const { items } = await client.list('jobs', { namespace: cronJob.metadata?.namespace });
      this.#atLeast.set(uid, revisionOf(cronJob.metadata?.resourceVersion));
      return { cronJob, jobs: items.filter((job) => controllerOf(job)?.uid === uid) };
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** The uids of Jobs that the status names and that are no longer there. */
  async #goneOf({ metadata, status }: CronJob, jobs: readonly Job[]): Promise<Set<string>> {
    const known = new Set(jobs.map((job) => job.metadata?.uid));
    const gone = new Set<string>();
    for (const { name = '', uid = '' } of status?.active ?? []) {
      if (known.has(uid)) continue;
      try {
        const job = await this.#context.client.get('jobs', { namespace: metadata?.namespace, name });
        if (job.metadata?.uid !== uid) gone.add(uid);
      } catch (error) {
        if (!isNotFound(error)) throw error;
        gone.add(uid);
      }
    }
    return gone;
  }

  #scheduleOf(cronJob: CronJob): Schedule | undefined {
    const { schedule = '', timeZone } = cronJob.spec ?? {};
    if (timeZone !== undefined && !isTimeZone(timeZone)) {
      const message = `invalid timeZone: ${JSON.stringify(timeZone)}: unknown time zone ${timeZone}`;
      this.#say(cronJob, { type: 'Warning', reason: 'UnknownTimeZone', message });
      return undefined;
    }
    try {
      return scheduleOf(schedule, timeZone);
    } catch (error) {
      const message = `unparseable schedule: ${JSON.stringify(schedule)} : ${messageOf(error)}`;
      this.#say(cronJob, { type: 'Warning', reason: 'UnparseableSchedule', message });
      return undefined;
    }
  }

  /** Gives the status that is to be stored then. */
  async #start(cronJob: CronJob, { status, start, replace }: Decision): Promise<NonNullable<CronJob['status']>> {
    if (!start) return status;
    const { client, signal } = this.#context;
    for (const job of replace) if (!job.metadata?.deletionTimestamp) await this.#delete(cronJob, job);
    try {
      signal.throwIfAborted();
      const job = await client.create('jobs', start.job);
      this.#say(cronJob, { type: 'Normal', reason: 'SuccessfulCreate', message: `Created job ${job.metadata?.name}` });
      return started(status, job, start.atMs, replace);
    } catch (error) {
      signal.throwIfAborted();
      if (isNamespaceTerminating(error)) return status;
      const taken = isAlreadyExists(error) ? await client.get('jobs', nameOf(start.job)) : undefined;
      if (taken && controllerOf(taken)?.uid === cronJob.metadata?.uid) {
        return started(status, taken, start.atMs, replace);
      }
      this.#say(cronJob, {
        type: 'Warning',
        reason: 'FailedCreate',
        message: `Error creating job: ${messageOf(error)}`,
      });
      throw error;
    }
  }

  /** False where the CronJob was changed by somebody else: it is looked at again. */
  async #writeStatus(cronJob: CronJob, status: NonNullable<CronJob['status']>): Promise<boolean> {
    if (deepEqual(cronJob.status ?? {}, status)) return true;
    try {
      const written = await this.#context.client.update('cronjobs', { ...cronJob, status }, { subresource: 'status' });
      this.#atLeast.set(cronJob.metadata?.uid ?? '', revisionOf(written.metadata?.resourceVersion));
      return true;
    } catch (error) {
      if (isNotFound(error)) return true;
      if (!isConflict(error)) throw error;
      return false;
    }
  }

  async #delete(cronJob: CronJob, job: Job): Promise<void> {
    try {
      const preconditions = { uid: job.metadata?.uid };
      await this.#context.client.delete('jobs', nameOf(job), { propagationPolicy: 'Background', preconditions });
      this.#say(cronJob, { type: 'Normal', reason: 'SuccessfulDelete', message: `Deleted job ${job.metadata?.name}` });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #say(cronJob: CronJob, { type, reason, message }: Saying): void {
    this.#recorder.event(cronJob, kinds.cronjobs, type, reason, message);
  }
}
