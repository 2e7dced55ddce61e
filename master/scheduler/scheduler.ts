/**
 * The scheduler: gives every pod that has no node the best node that will take it.
 *
 * The picture of the cluster and the queue are kept whether this process leads or not, so that a takeover waits for no
 * list. Only a leader takes pods from the queue, and all that it writes carries its fence. The choice for one pod is
 * synchronous; bindings and reports run beside the next choices, a bounded number at a time.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Client } from '../api/client.ts';
import { type Clock, sleep, systemClock } from '../api/clock.ts';
import { isConflict, isNotFound } from '../api/errors.ts';
import { EventRecorder } from '../api/events.ts';
import type { Informer } from '../api/informer.ts';
import { kinds } from '../api/kinds.ts';
import type { Term } from '../api/leader-elector.ts';
import type { Logger } from '../api/logging.ts';
import { deepEqual, getCondition, keyOf, metaOf, nowSeconds, setCondition } from '../api/meta.ts';
import type { Node, Pod } from '../api/types.ts';
import { Algorithm, type RefusedNode } from './algorithm.ts';
import { SchedulerCache } from './cache.ts';
import { diagnosisOf } from './diagnosis.ts';
import type { Surroundings } from './framework.ts';
import type { SchedulerMetrics } from './metrics.ts';
import type { NodeInfo } from './node-info.ts';
import { plugins } from './plugins/index.ts';
import { isFinished, isForUs } from './pod-facts.ts';
import { type PodInfo, podInfo } from './pod-info.ts';
import { type Preemption, preempt, preemptionReason } from './preemption.ts';
import { type QueuedPod, SchedulingQueue } from './queue.ts';
import { Slots } from './slots.ts';
import { followVolumes, type VolumeInformers } from './volumes/follow.ts';
import { type Reservation, VolumeBinder } from './volumes/volume-binder.ts';

export interface SchedulerOptions extends VolumeInformers {
  readonly pods: Informer<'pods'>;
  readonly nodes: Informer<'nodes'>;
  readonly namespaces: Informer<'namespaces'>;
  readonly budgets: Informer<'poddisruptionbudgets'>;
  readonly metrics: SchedulerMetrics;
  readonly logger: Logger;
  readonly clock?: Clock;
  readonly random?: () => number;
  /** How many bindings and reports may be under way at once. */
  readonly concurrency?: number;
}

/** One pod's way through an attempt: with whose authority, and since when. */
interface Attempt {
  readonly queued: QueuedPod;
  readonly client: Client;
  readonly recorder: EventRecorder;
  readonly signal: AbortSignal;
  /** Ends with the term. */
  readonly term: AbortSignal;
  readonly startedAt: number;
}

const schedulerName = 'default-scheduler';
/** After so much work in one go the event loop gets its turn, so that answers and watch events are not kept waiting. */
const longestTurnMs = 10;
const expiryPeriodMs = 5_000;
/** Bindings that are under way when a term ends may still be answered for this long. */
const lastAnswersMs = 1_000;
/** How long a new leader waits at most to have seen what its predecessor wrote last. */
const catchUpMs = 500;
/** Deliveries to watchers may be put off by so much, one collection's longer than another's. */
const streamLagMs = 25;

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #clock: Clock;
  readonly #cache = new SchedulerCache();
  readonly #queue: SchedulingQueue;
  readonly #algorithm: Algorithm;
  readonly #volumes: VolumeBinder;
  /** Pods that room is being made for: what is written for it is under way. */
  readonly #making = new Set<string>();

  constructor(options: SchedulerOptions) {
    const { metrics, random, clock = systemClock, pods, nodes, namespaces } = options;
    this.#options = options;
    this.#clock = clock;
    this.#queue = new SchedulingQueue({ clock, onEnter: (place, event) => metrics.entered(place, event) });
    this.#algorithm = new Algorithm(plugins, random);
    this.#volumes = new VolumeBinder(this.#cache.volumes, clock);
    followVolumes(options, this.#cache.volumes, (event, concerns) =>
      this.#queue.moveOn(event, (pod, refusedBy) => isRefusedBy(lookingAtVolumes, refusedBy) && concerns(pod)),
    );
    metrics.watch(this.#queue, this.#cache);
    nodes.addHandler({
      added: (node) => this.#changed('NodeAdd', this.#cache.setNode(node)),
      updated: (previous, node) => this.#changed('NodeUpdate', this.#cache.setNode(node), isElsewhere(previous, node)),
      deleted: (node) => {
        this.#cache.removeNode(metaOf(node).name ?? '');
        this.#othersChanged('NodeDelete');
      },
    });
    namespaces.addHandler({
      added: (namespace) => this.#cache.setNamespace(namespace),
      updated: (_, namespace) => this.#cache.setNamespace(namespace),
      deleted: (namespace) => this.#cache.removeNamespace(namespace),
    });
    pods.addHandler({
      added: (pod) => this.#podSeen(undefined, pod),
      updated: (previous, pod) => this.#podSeen(previous, pod),
      deleted: (pod) => this.#podGone(pod),
    });
  }

  /** Keeps the picture clean until the signal is aborted: assumed pods that nobody confirmed lose their place. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(expiryPeriodMs, signal, this.#clock);
      for (const { key } of this.#cache.expire(this.#clock.elapsed())) {
        this.#options.logger.warn({ pod: key }, 'the binding was never confirmed, scheduling again');
        const pod = this.#options.pods.get(key);
        if (pod) this.#podSeen(undefined, pod);
      }
    }
  }

  /** Schedules for one term of leadership; returns when it is over and nothing is under way any more. */
  async lead(term: Term): Promise<void> {
    const { client, signal, generation, begun } = term;
    const { metrics, logger, concurrency = 64 } = this.#options;
    const recorder = new EventRecorder(client, { component: schedulerName }, logger);
    const slots = new Slots(concurrency);
    const lastAnswers = new AbortController();
    await this.#catchUp(term);
    begun();
    logger.info({ generation, ...this.#queue.counts() }, 'scheduling');
    metrics.leads(true);
    this.#queue.moveOn('LeadershipGained', () => true);
    let turnStarted = performance.now();
    for (let queued = await this.#queue.pop(signal); queued; queued = await this.#queue.pop(signal)) {
      const startedAt = performance.now();
      const attempt = { queued, client, recorder, startedAt, signal: lastAnswers.signal, term: signal };
      const task = this.#attempt(attempt, slots);
      if (task) await slots.start(task);
      if (performance.now() - turnStarted < longestTurnMs) continue;
      await nextTurn();
      turnStarted = performance.now();
    }
    metrics.leads(false);
    const timer = this.#clock.setTimeout(() => lastAnswers.abort(), lastAnswersMs);
    await slots.idle();
    this.#clock.clearTimeout(timer);
  }

  /** Chooses a node, and answers what is then to be done with the API server. What may take long is begun beside the slots. */
  #attempt(attempt: Attempt, slots: Slots): (() => Promise<void>) | undefined {
    const { queued, startedAt } = attempt;
    const { pod } = queued;
    const { metrics, pods } = this.#options;
    if (!pods.get(pod.key) || this.#cache.has(pod.key)) return undefined;
    const choice = this.#algorithm.choose(pod, this.#cache);
    metrics.chosen((performance.now() - startedAt) / 1000);
    if ('node' in choice) {
      this.#cache.assume(pod, choice.node);
      const reservation = this.#volumes.reserve(pod, this.#cache.node(choice.node)?.node);
      if (!reservation) return () => this.#bind(attempt, choice.node);
      slots.beside(() => this.#bindWithVolumes(attempt, choice.node, reservation));
      return undefined;
    }
    const preemption = this.#preempt(pod, choice.refused);
    const { message, plugins } = diagnosisOf(choice.refused, preemption);
    this.#queue.returnUnschedulable(queued, plugins);
    metrics.refused(plugins);
    metrics.attempted('unschedulable', (performance.now() - startedAt) / 1000);
    if (preemption.kind === 'made') {
      this.#cache.nominate(pod, preemption.node);
      this.#making.add(pod.key);
      return () => this.#makeRoom(attempt, message, preemption.node, preemption.victims);
    }
    if (preemption.kind === 'impossible') this.#cache.withdraw(pod.key);
    return () => this.#report(attempt, message, 'Unschedulable', preemption.kind === 'impossible' ? null : undefined);
  }

  #preempt(pod: PodInfo, refused: readonly RefusedNode[]): Preemption {
    if (this.#making.has(pod.key))
      return { kind: 'waits', why: 'waiting for the preemption for this pod to be finished' };
    return preempt(pod, refused, this.#cache, this.#algorithm, this.#options.budgets.list());
  }

  /** Says where the pod is to go before any other goes for it, so that the next leader knows it too. */
  async #makeRoom(attempt: Attempt, message: string, node: string, victims: readonly PodInfo[]): Promise<void> {
    const { pod, key } = attempt.queued.pod;
    try {
      await this.#report(attempt, message, 'Unschedulable', node);
      this.#options.metrics.preempted(victims.length);
      const by = `pod ${pod.metadata?.uid} on node ${node}`;
      const ended = await Promise.all(victims.map((victim) => this.#end(attempt, victim, by)));
      if (ended.includes(false)) this.#queue.moveOn('PreemptionFailed', (waiting) => waiting.key === key);
    } finally {
      this.#making.delete(key);
    }
  }

  /** Ends a pod for another one, and answers whether it ends; one that does already is left to it. */
  async #end({ client, recorder, signal }: Attempt, { pod, key, terminating }: PodInfo, by: string): Promise<boolean> {
    if (terminating) return true;
    const { namespace, name = '', uid } = metaOf(pod);
    const why = `${schedulerName}: preempting to accommodate a higher priority pod`;
    const condition = { type: 'DisruptionTarget', status: 'True', reason: preemptionReason, message: why };
    const conditions = setCondition([], condition, nowSeconds());
    const patch = { metadata: { uid }, status: { conditions } };
    try {
      await client.patch('pods', { namespace, name }, patch, { type: 'strategic', subresource: 'status', signal });
      await client.delete('pods', { namespace, name }, { preconditions: { uid } });
      recorder.event(pod, kinds.pods, 'Normal', 'Preempted', `Preempted by ${by}`);
      return true;
    } catch (error) {
      this.#options.logger.debug({ pod: key, err: error }, 'the pod was not preempted');
      return isNotFound(error) || isConflict(error);
    }
  }

  /** The pod has its place on the node while its volumes are bound, which may take whoever makes them minutes. */
  async #bindWithVolumes(attempt: Attempt, node: string, reservation: Reservation): Promise<void> {
    const isPlaced = (): boolean => this.#cache.isAssumed(attempt.queued.pod.key);
    try {
      await this.#volumes.bind(reservation, attempt.client, attempt.term, isPlaced);
    } catch (error) {
      this.#volumes.release(reservation);
      if (!isPlaced()) return;
      this.#options.metrics.attempted('error', (performance.now() - attempt.startedAt) / 1000);
      await this.#bindingFailed(attempt, error, 'running PreBind plugin "VolumeBinding"');
      return;
    }
    await this.#bind(attempt, node);
  }

  async #bind(attempt: Attempt, node: string): Promise<void> {
    const { queued, client, recorder, signal, startedAt } = attempt;
    const { pod, key } = queued.pod;
    const { namespace, name = '', uid } = metaOf(pod);
    const { metrics, logger } = this.#options;
    try {
      await client.bind({ namespace, name, uid }, node, { signal });
    } catch (error) {
      metrics.attempted('error', (performance.now() - startedAt) / 1000);
      await this.#bindingFailed(attempt, error);
      return;
    }
    const now = this.#clock.elapsed();
    this.#cache.finishBinding(queued.pod, now);
    metrics.attempted('scheduled', (performance.now() - startedAt) / 1000);
    metrics.scheduled(queued.attempts, (now - queued.firstAddedAt) / 1000);
    recorder.event(pod, kinds.pods, 'Normal', 'Scheduled', `Successfully assigned ${namespace}/${name} to ${node}`);
    logger.debug({ pod: key, node }, 'bound');
  }

  /**
   * The room is free again and the pod tries again. If the binding took place after all (its answer was lost), the watch
   * tells so before the back-off is over, and the next try would only be refused with a conflict.
   */
  async #bindingFailed(attempt: Attempt, error: unknown, step = 'binding rejected'): Promise<void> {
    const { queued, term } = attempt;
    const { key, uid } = queued.pod;
    const { pods, logger } = this.#options;
    const freed = this.#cache.forget(queued.pod);
    const pod = pods.get(key);
    const stillWaits = pod?.metadata?.uid === uid && isForUs(pod) && !this.#cache.has(key);
    if (stillWaits) this.#queue.returnFailed({ ...queued, pod: podInfo(pod) });
    if (freed) this.#freed(freed);
    const expected = isConflict(error) || isNotFound(error) || term.aborted;
    logger[expected ? 'debug' : 'warn']({ pod: key, err: error }, 'binding failed');
    if (expected) return;
    const message = `${step}: ${error instanceof Error ? error.message : String(error)}`;
    await this.#report(attempt, message, 'SchedulerError');
  }

  /**
   * Says why the pod waits: as an event, and in its PodScheduled condition if that says something else so far. `nominated`: the node that
   * others make room on for it, null for none.
   */
  async #report(
    { queued, client, recorder, signal }: Attempt,
    message: string,
    reason: string,
    nominated?: string | null,
  ): Promise<void> {
    const { pods, logger } = this.#options;
    const pod = pods.get(queued.pod.key);
    if (!pod || signal.aborted) return;
    recorder.event(pod, kinds.pods, 'Warning', 'FailedScheduling', message);
    const current = getCondition(pod.status?.conditions, 'PodScheduled');
    const isNominated = nominated === undefined || (pod.status?.nominatedNodeName ?? null) === nominated;
    const isSaid = current?.status === 'False' && current.reason === reason && current.message === message;
    if (isSaid && isNominated) return;
    const condition = { type: 'PodScheduled', status: 'False', reason, message };
    const [set] = setCondition(current ? [current] : [], condition, nowSeconds());
    const { namespace, name = '', uid } = metaOf(pod);
    const nomination = isNominated ? {} : { nominatedNodeName: nominated };
    const patch = { metadata: { uid }, status: { conditions: [set], ...nomination } };
    try {
      await client.patch('pods', { namespace, name }, patch, { type: 'strategic', subresource: 'status', signal });
    } catch (error) {
      logger.debug({ pod: queued.pod.key, err: error }, 'the condition was not written');
    }
  }

  #podSeen(previous: Pod | undefined, pod: Pod): void {
    const key = keyOf(pod);
    if (isFinished(pod)) {
      this.#podGone(pod);
    } else if (pod.spec?.nodeName) {
      this.#queue.remove(key);
      this.#cache.setPod(pod);
      if (!previous?.spec?.nodeName) this.#othersChanged('AssignedPodAdd');
      else if (isOtherPod(previous, pod)) this.#othersChanged('AssignedPodUpdate');
    } else if (!isForUs(pod)) {
      this.#queue.remove(key);
      this.#cache.withdraw(key);
    } else if (!this.#cache.isAssumed(key)) {
      const node = pod.status?.nominatedNodeName;
      if (node) this.#cache.nominate(podInfo(pod), node);
      else if (previous?.status?.nominatedNodeName) this.#cache.withdraw(key);
      const waits = previous !== undefined && this.#queue.has(key);
      if (waits && !couldHelp(previous, pod)) this.#queue.refresh(podInfo(pod));
      else this.#queue.add(podInfo(pod));
    }
  }

  #podGone(pod: Pod): void {
    this.#queue.remove(keyOf(pod));
    this.#cache.withdraw(keyOf(pod));
    const freed = this.#cache.removePod(pod);
    if (freed) this.#freed(freed);
    this.#cache.volumes.told();
  }

  /** A pod left the node; to those who wait for a volume alone that is nothing. */
  #freed(node: NodeInfo): void {
    this.#changed('AssignedPodDelete', node, true, (refusedBy) => !isSubsetOf(refusedBy, lookingAtVolumes));
  }

  /**
   * The node may have become better: pods that now fit on it are tried again. So are those for whom pods elsewhere matter, unless they
   * are none of theirs (`elsewhere`).
   */
  #changed(
    event: string,
    node: NodeInfo,
    elsewhere = true,
    concerns: (refusedBy: ReadonlySet<string>) => boolean = () => true,
  ): void {
    this.#queue.moveOn(
      event,
      (pod, refusedBy) =>
        concerns(refusedBy) &&
        ((elsewhere && isRefusedBy(lookingAround, refusedBy)) || this.#algorithm.mayFit(pod, node)),
    );
  }

  /** Something changed among the pods of nodes that may matter to those that want to be near or far from others. */
  #othersChanged(event: string): void {
    this.#queue.moveOn(event, (_, refusedBy) => isRefusedBy(lookingAround, refusedBy));
  }

  /**
   * What the former leader bound last may still be on its way here: all of it is older than the term, so the first newer event of a pod
   * says that it has come. Where there is none, the term's begin itself shows in the watch of the Lease: the API server has seen
   * then all that is older, and it is in this process's stream already. If neither comes, the kubelets still refuse what does not fit.
   */
  async #catchUp({ revision, shown, signal }: Term): Promise<void> {
    const over = new AbortController();
    const limit = AbortSignal.any([signal, over.signal, AbortSignal.timeout(catchUpMs)]);
    const lag = (): Promise<void> => sleep(streamLagMs, limit, this.#clock);
    await Promise.race([this.#options.pods.reached(revision, limit), shown(limit).then(lag)]);
    over.abort();
  }
}

const lookingAt = (what: Surroundings): ReadonlySet<string> =>
  new Set(plugins.flatMap(({ name, looksAt }) => (looksAt === what ? [name] : [])));
/** The plugins for whom the pods of other nodes matter. */
const lookingAround = lookingAt('otherPods');
const lookingAtVolumes = lookingAt('volumes');

const isRefusedBy = (some: ReadonlySet<string>, refusedBy: ReadonlySet<string>): boolean =>
  !some.isDisjointFrom(refusedBy);

/** Whether there are any, and all of them are of `all`. */
const isSubsetOf = (some: ReadonlySet<string>, all: ReadonlySet<string>): boolean =>
  some.size > 0 && some.isSubsetOf(all);

/** Whether the node changed in what says which place it is in, and who may be there. */
const isElsewhere = (previous: Node, node: Node): boolean =>
  !deepEqual(previous.metadata?.labels, node.metadata?.labels) || !deepEqual(previous.spec?.taints, node.spec?.taints);

/** Whether a pod on a node changed in what other pods choose it by. */
const isOtherPod = (previous: Pod, pod: Pod): boolean =>
  previous.metadata?.deletionTimestamp !== pod.metadata?.deletionTimestamp ||
  !deepEqual(previous.metadata?.labels, pod.metadata?.labels);

/** Whether a waiting pod changed in a way that can matter to a node: its wishes, or its labels. */
function couldHelp(previous: Pod, pod: Pod): boolean {
  return !deepEqual(previous.spec, pod.spec) || !deepEqual(previous.metadata?.labels, pod.metadata?.labels);
}
