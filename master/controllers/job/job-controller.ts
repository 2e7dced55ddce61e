/**
 * The job controller: as many pods as a Job's parallelism allows until enough of them have succeeded, or too many failed.
 *
 * Guarantees: each pod's end is counted once (`tally.ts`); nothing is made or ended on a count that the cache cannot vouch for; a
 * finished Job is never taken up again. Not looked at: Jobs that are managed by somebody else (KEP-4368).
 */
import type { ReconcileResult } from '../../api/controller.ts';
import { isConflict, isNamespaceTerminating, isNotFound } from '../../api/errors.ts';
import type { EventRecorder } from '../../api/events.ts';
import { kinds } from '../../api/kinds.ts';
import { controllerOf, deepEqual, keyOf, nameOf, nowSeconds } from '../../api/meta.ts';
import { labelSelectorFromObject, labelSelectorText, matchesLabels } from '../../api/selectors.ts';
import type { Job, Pod } from '../../api/types.ts';
import type { WorkQueue } from '../../api/workqueue.ts';
import { atOnce } from '../at-once.ts';
import { podIndex } from '../caches.ts';
import { type Claims, claimed, claimPods, concernedBy, settleClaims } from '../claims.ts';
import { type ControllerContext, newQueue, newRecorder, work } from '../context.ts';
import { Expectations, revisionOf } from '../replication/expectations.ts';
import { Freshness, outcomeUnknown } from '../replication/freshness.ts';
import { slowStart } from '../replication/slow-start.ts';
import { type Decision, decide } from './decision.ts';
import { isFinished, isTracked, isTrue, trackingFinalizer } from './facts.ts';
import { podFor } from './pod.ts';
import { type JobStatus, type Tally, tally } from './tally.ts';

const concurrency = 5;
/** At most this many creations in one pass. */
const burst = 500;
/** A cache that is behind is looked at again after this. */
const behindMs = 20;
const ourselves = 'kubernetes.io/job-controller';

export async function startJobs(context: ControllerContext): Promise<void> {
  const controller = new JobController(context);
  controller.watch();
  await work(context, controller.queue, concurrency, (key) => controller.reconcile(key));
}

const selection = {
  selects: ({ spec }: Job, pod: Pod): boolean =>
    matchesLabels(labelSelectorFromObject(spec?.selector ?? {}), pod.metadata?.labels),
  selectorText: ({ spec }: Job): string => labelSelectorText(spec?.selector),
};

class JobController {
  readonly queue: WorkQueue;
  readonly #context: ControllerContext;
  readonly #recorder: EventRecorder;
  readonly #expectations: Expectations;
  readonly #freshness: Freshness<Job>;
  /** By uid, the revision that the cached Job must have at least: its status is what pods were counted into. */
  readonly #atLeast = new Map<string, number>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.queue = newQueue(context, 'job');
    this.#recorder = newRecorder(context, 'job-controller');
    this.#expectations = new Expectations(context.caches.pods);
    this.#freshness = new Freshness(context.client, selection, context.caches.pods, context.revision);
  }

  watch(): void {
    const { caches, signal } = this.#context;
    const enqueue = (job: Job): void => this.queue.add(keyOf(job));
    const concerned = (pod: Pod): void => this.#enqueueOwners(pod);
    const gone = (job: Job): void => {
      this.#atLeast.delete(job.metadata?.uid ?? '');
      enqueue(job);
    };
    caches.jobs.addHandler({ added: enqueue, updated: (_, job) => enqueue(job), deleted: gone }, signal);
    caches.pods.addHandler({ added: concerned, updated: (_, pod) => concerned(pod), deleted: concerned }, signal);
  }

  #enqueueOwners(pod: Pod): void {
    for (const key of concernedBy(pod, kinds.jobs, this.#context.caches.jobs, selection.selects)) this.queue.add(key);
  }

  async reconcile(key: string): Promise<ReconcileResult> {
    const { caches, client, clock } = this.#context;
    const job = caches.jobs.get(key);
    await this.#releaseStrangers(key, job);
    if (!job) {
      this.#expectations.forget(key);
      return {};
    }
    if (job.metadata?.deletionTimestamp || (job.spec?.managedBy ?? ourselves) !== ourselves) return {};
    const live = () => client.get('jobs', nameOf(job));
    await settleClaims({ client, owner: job, kind: kinds.jobs, live }, 'pods', this.#claims(job));
    const isCurrent = (await this.#isCurrent(job)) && (await this.#freshness.verify(job, claimed(this.#claims(job))));
    if (!isCurrent || !this.#expectations.satisfied(key)) return { requeueAfterMs: behindMs };
    // The cache may have moved on meanwhile: what it is vouched for is what it holds now.
    const pods = claimed(this.#claims(job));
    const counts = tally(job, pods);
    const decision = decide(job, pods, counts, clock.now());
    const status = this.#statusOf(job, counts, decision);
    const stored = await this.#write(job, status);
    if (!stored) return { requeueAfterMs: behindMs };
    await atOnce(counts.release, (pod) => this.#release(pod)).then(throwFirst);
    await this.#remove(job, decision);
    await this.#create(job, decision, counts);
    return decision.againInMs === undefined ? {} : { requeueAfterMs: decision.againInMs };
  }

  /** Whether the cache has the status that was written last, by this leader or, before its term, by another. */
  async #isCurrent(job: Job): Promise<boolean> {
    const uid = job.metadata?.uid ?? '';
    if (!this.#atLeast.has(uid)) this.#note(await this.#context.client.get('jobs', nameOf(job)));
    return revisionOf(job.metadata?.resourceVersion) >= (this.#atLeast.get(uid) ?? 0);
  }

  #note({ metadata }: Job): void {
    this.#atLeast.set(metadata?.uid ?? '', revisionOf(metadata?.resourceVersion));
  }

  #claims(job: Job): Claims<Pod> {
    return claimPods(job, (pod) => selection.selects(job, pod), this.#context.caches.pods);
  }

  /** Pods of a Job of this name that is gone, or on its way out: nobody counts them any more, so nothing may hold them. */
  async #releaseStrangers(key: string, job: Job | undefined): Promise<void> {
    const keeps = job && !job.metadata?.deletionTimestamp ? job.metadata?.uid : undefined;
    const strangers = this.#context.caches.pods
      .byIndex(podIndex.job, key)
      .filter((pod) => isTracked(pod) && controllerOf(pod)?.uid !== keeps);
    await atOnce(strangers, (pod) => this.#release(pod)).then(throwFirst);
  }

  #statusOf(job: Job, counts: Tally, { outcome }: Decision): JobStatus {
    const now = nowSeconds(this.#context.clock.now());
    const status: JobStatus = { ...counts.status };
    let conditions = [...(status.conditions ?? [])];
    const say = (type: string, state: 'True' | 'False', reason: string, message: string): void => {
      const said = conditions.find((condition) => condition.type === type);
      if (said?.status === state) return;
      const next = { type, status: state, reason, message, lastProbeTime: now, lastTransitionTime: now };
      conditions = [...conditions.filter((condition) => condition.type !== type), next];
    };
    if (!isFinished(job)) {
      if (job.spec?.suspend) {
        if (!isTrue(job, 'Suspended')) this.#event(job, 'Normal', 'Suspended', 'Job suspended');
        say('Suspended', 'True', 'JobSuspended', 'Job suspended');
        status.startTime = undefined;
      } else {
        if (isTrue(job, 'Suspended')) {
          this.#event(job, 'Normal', 'Resumed', 'Job resumed');
          say('Suspended', 'False', 'JobResumed', 'Job resumed');
        }
        status.startTime ??= now;
      }
      if (outcome) say(outcome.type, 'True', outcome.reason, outcome.message);
      if (outcome && counts.isSettled && counts.active.length + counts.ending.length === 0) {
        const hasFailed = outcome.type === 'FailureTarget';
        say(hasFailed ? 'Failed' : 'Complete', 'True', outcome.reason, outcome.message);
        if (!hasFailed) status.completionTime = now;
        if (hasFailed) this.#event(job, 'Warning', outcome.reason, outcome.message);
        else this.#event(job, 'Normal', 'Completed', 'Job completed');
      }
    }
    if (conditions.length > 0) status.conditions = conditions;
    return status;
  }

  /** The Job as it is stored then; undefined if somebody else has changed it, or it is gone. */
  async #write(job: Job, status: JobStatus): Promise<Job | undefined> {
    if (deepEqual(job.status ?? {}, status)) return job;
    try {
      const written = await this.#context.client.update('jobs', { ...job, status }, { subresource: 'status' });
      this.#note(written);
      return written;
    } catch (error) {
      if (isNotFound(error) || isConflict(error)) return undefined;
      throw error;
    }
  }

  async #release(pod: Pod): Promise<void> {
    const finalizers = (pod.metadata?.finalizers ?? []).filter((finalizer) => finalizer !== trackingFinalizer);
    const { uid, resourceVersion } = pod.metadata ?? {};
    try {
      const patch = { metadata: { uid, resourceVersion, finalizers } };
      await this.#context.client.patch('pods', nameOf(pod), patch, { type: 'merge' });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #remove(job: Job, { remove, isBlameless = false }: Decision): Promise<void> {
    const errors = await atOnce(remove, async (pod) => {
      this.#context.signal.throwIfAborted();
      if (isBlameless && isTracked(pod)) await this.#release(pod);
      try {
        await this.#context.client.delete('pods', nameOf(pod), { preconditions: { uid: pod.metadata?.uid } });
        this.#event(job, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata?.name}`);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
      this.#expectations.expectDeleted(keyOf(job), pod);
    });
    throwFirst(errors);
  }

  async #create(job: Job, { create, indexes }: Decision, { retried }: Tally): Promise<void> {
    const rest = [...indexes];
    const { error } = await slowStart(Math.min(create, burst), async () => {
      this.#context.signal.throwIfAborted();
      const index = rest.shift();
      const before = index === undefined ? undefined : retried.get(index);
      const pod = await this.#context.client.create('pods', podFor(job, index, before));
      this.#expectations.expectCreated(keyOf(job), pod);
      this.#event(job, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata?.name}`);
    });
    if (error === undefined) return;
    this.#context.signal.throwIfAborted();
    if (isNamespaceTerminating(error)) return;
    if (outcomeUnknown(error)) this.#freshness.doubt(job);
    this.#event(job, 'Warning', 'FailedCreate', `Error creating: ${error instanceof Error ? error.message : error}`);
    throw error;
  }

  #event(job: Job, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#recorder.event(job, kinds.jobs, type, reason, message);
  }
}

function throwFirst([error]: readonly unknown[]): void {
  if (error !== undefined) throw error;
}
