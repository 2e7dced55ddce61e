/**
 * The daemon set controller: one pod on each node that a DaemonSet's template fits, replaced node by node when the template changes.
 *
 * Guarantees: nothing is made or removed on a count that the cache cannot vouch for (as in `../replication/`); a pod that is too many
 * on its node goes; no more nodes than the strategy allows are without an available pod for a rollout's sake.
 */
import type { ReconcileResult } from '../../api/controller.ts';
import { isNamespaceTerminating, isNotFound, messageOf } from '../../api/errors.ts';
import type { EventRecorder } from '../../api/events.ts';
import { kinds } from '../../api/kinds.ts';
import { deepEqual, keyOf, nameOf } from '../../api/meta.ts';
import { labelSelectorFromObject, labelSelectorText, matchesLabels } from '../../api/selectors.ts';
import type { DaemonSet, Node, Pod } from '../../api/types.ts';
import type { WorkQueue } from '../../api/workqueue.ts';
import { atOnce } from '../at-once.ts';
import { type Claims, claimed, claimPods, concernedBy, settleClaims } from '../claims.ts';
import { type ControllerContext, newQueue, newRecorder, work } from '../context.ts';
import { History } from '../history/history.ts';
import { Expectations } from '../replication/expectations.ts';
import { Freshness, outcomeUnknown } from '../replication/freshness.ts';
import { slowStart } from '../replication/slow-start.ts';
import { StatusPace } from '../status-pace.ts';
import { FailureBackoff } from './failure-backoff.ts';
import { hashLabel, podFor } from './placement.ts';
import { type Plan, plan, type View, viewOf } from './plan.ts';
import { type DaemonSetStatus, statusOf } from './status.ts';

const concurrency = 2;
/** Kubernetes' burst: at most this many creations or deletions in one pass. */
const burst = 250;
/** A cache that is behind is looked at again after this. */
const behindMs = 20;

export async function startDaemonSets(context: ControllerContext): Promise<void> {
  const controller = new DaemonSetController(context);
  controller.watch();
  await work(context, controller.queue, concurrency, (key) => controller.reconcile(key));
}

const selection = {
  selects: ({ spec }: DaemonSet, { metadata }: Pod): boolean =>
    matchesLabels(labelSelectorFromObject(spec?.selector ?? {}), metadata?.labels),
  selectorText: ({ spec }: DaemonSet): string => labelSelectorText(spec?.selector),
};

class DaemonSetController {
  readonly queue: WorkQueue;
  readonly #context: ControllerContext;
  readonly #recorder: EventRecorder;
  readonly #history: History<DaemonSet>;
  readonly #expectations: Expectations;
  readonly #freshness: Freshness<DaemonSet>;
  readonly #failures = new FailureBackoff();
  readonly #pace: StatusPace;

  constructor(context: ControllerContext) {
    const { client, caches, revision } = context;
    this.#context = context;
    this.#pace = new StatusPace(context.clock);
    this.queue = newQueue(context, 'daemonset');
    this.#recorder = newRecorder(context, 'daemonset-controller');
    this.#history = new History(context, kinds.daemonsets, hashLabel, (set) => client.get('daemonsets', nameOf(set)));
    this.#expectations = new Expectations(caches.pods);
    this.#freshness = new Freshness(client, selection, caches.pods, revision);
  }

  watch(): void {
    const { caches, signal } = this.#context;
    const enqueue = (set: DaemonSet): void => this.queue.add(keyOf(set));
    caches.daemonsets.addHandler({ added: enqueue, updated: (_, set) => enqueue(set), deleted: enqueue }, signal);
    const concerned = (pod: Pod): void => {
      for (const key of concernedBy(pod, kinds.daemonsets, caches.daemonsets, selection.selects)) this.queue.add(key);
    };
    caches.pods.addHandler({ added: concerned, updated: (_, pod) => concerned(pod), deleted: concerned }, signal);
    const all = (): void => caches.daemonsets.list().forEach(enqueue);
    caches.nodes.addHandler(
      // A node tells often that it lives; only what decides about pods concerns them.
      { added: all, updated: (before, node) => void (isLike(before, node) || all()), deleted: all },
      signal,
    );
  }

  async reconcile(key: string): Promise<ReconcileResult> {
    const { caches, client, clock } = this.#context;
    const set = caches.daemonsets.get(key);
    if (!set) {
      this.#expectations.forget(key);
      this.#failures.forget(`${key} `);
      this.#pace.forget(key);
      return {};
    }
    if (set.metadata?.deletionTimestamp) return {};
    if (labelSelectorFromObject(set.spec?.selector ?? {}).length === 0) {
      const message = 'This daemon set is selecting all pods. A non-empty selector is required.';
      this.#event(set, 'Warning', 'SelectingAll', message);
      return {};
    }
    const live = () => client.get('daemonsets', nameOf(set));
    await settleClaims({ client, owner: set, kind: kinds.daemonsets, live }, 'pods', this.#claims(set));
    const { revision, known } = await this.#history.present(set);
    if (!revision) return await this.#collided(set);
    const hash = revision.metadata?.labels?.[hashLabel] ?? '';
    const isFresh = await this.#freshness.verify(set, claimed(this.#claims(set)));
    // The cache may have moved on meanwhile: what it is vouched for is what it holds now.
    const pods = claimed(this.#claims(set));
    const now = clock.now();
    const view = viewOf(set, hash, caches.nodes.list(), pods, now, (node) =>
      this.#failures.waitMs(`${key} ${set.metadata?.generation} ${node}`, now),
    );
    const isCertain = isFresh && this.#expectations.satisfied(key);
    const next = isCertain ? plan(view) : undefined;
    const error = next && (await this.#act(view, next));
    const { status, availableInMs } = statusOf(view);
    const statusInMs = await this.#writeStatus(set, status);
    if (error !== undefined) throw error;
    const hashes = new Set([hash, ...pods.map(({ metadata }) => metadata?.labels?.[hashLabel])]);
    await this.#history.forget(set, known, ({ metadata }) => hashes.has(metadata?.labels?.[hashLabel]));
    const waits = [isCertain ? next?.againInMs : behindMs, availableInMs, statusInMs].filter(
      (wait) => wait !== undefined,
    );
    return waits.length > 0 ? { requeueAfterMs: Math.min(...waits) } : {};
  }

  #claims(set: DaemonSet): Claims<Pod> {
    return claimPods(set, (pod) => selection.selects(set, pod), this.#context.caches.pods);
  }

  /** Gives the first error. */
  async #act({ set, hash, nowMs }: View, { create, remove, ended }: Plan): Promise<unknown> {
    const { signal } = this.#context;
    for (const { pod, node } of ended) {
      const { namespace, name } = pod.metadata ?? {};
      const isFailed = pod.status?.phase === 'Failed';
      const what = `${isFailed ? 'failed' : 'succeeded'} daemon pod ${namespace}/${name} on node ${node}`;
      if (isFailed) this.#failures.replaced(`${keyOf(set)} ${set.metadata?.generation} ${node}`, nowMs);
      if (isFailed) this.#event(set, 'Warning', 'FailedDaemonPod', `Found ${what}, will try to kill it`);
      else this.#event(set, 'Normal', 'SucceededDaemonPod', `Found ${what}, will try to delete it`);
    }
    const rest = create.slice(0, burst);
    const { error } = await slowStart(rest.length, () => this.#create(set, hash, rest.shift() ?? ''));
    const errors = await atOnce(remove.slice(0, burst), (pod) => this.#remove(set, pod));
    signal.throwIfAborted();
    if ([error, ...errors].some((one) => one !== undefined && outcomeUnknown(one))) this.#freshness.doubt(set);
    if (error !== undefined && !isNamespaceTerminating(error)) {
      this.#event(set, 'Warning', 'FailedCreate', `Error creating: ${messageOf(error)}`);
      return error;
    }
    if (errors[0] !== undefined) this.#event(set, 'Warning', 'FailedDelete', `Error deleting: ${messageOf(errors[0])}`);
    return errors[0];
  }

  async #create(set: DaemonSet, hash: string, node: string): Promise<void> {
    this.#context.signal.throwIfAborted();
    const pod = await this.#context.client.create('pods', podFor(set, node, hash));
    this.#expectations.expectCreated(keyOf(set), pod);
    this.#event(set, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata?.name}`);
  }

  async #remove(set: DaemonSet, pod: Pod): Promise<void> {
    this.#context.signal.throwIfAborted();
    try {
      await this.#context.client.delete('pods', nameOf(pod), { preconditions: { uid: pod.metadata?.uid } });
      this.#event(set, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata?.name}`);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    this.#expectations.expectDeleted(keyOf(set), pod);
  }

  /** Another template has this one's hash: with one more collision counted the next one is another. */
  async #collided(set: DaemonSet): Promise<ReconcileResult> {
    const collisionCount = (set.status?.collisionCount ?? 0) + 1;
    const status = { ...statusOf(viewOf(set, '', [], [], 0, () => 0)).status, ...set.status, collisionCount };
    await this.#context.client.update('daemonsets', { ...set, status }, { subresource: 'status' });
    return {};
  }

  /** Gives the wait (ms) when a status of mere progress was held back, or the cache was behind. */
  async #writeStatus(set: DaemonSet, status: DaemonSetStatus): Promise<number | undefined> {
    if (deepEqual(set.status, status)) return undefined;
    const isSettled =
      status.numberUnavailable === undefined && status.updatedNumberScheduled === status.desiredNumberScheduled;
    const write = () => this.#context.client.update('daemonsets', { ...set, status }, { subresource: 'status' });
    return this.#pace.write(keyOf(set), isSettled, write);
  }

  #event(set: DaemonSet, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#recorder.event(set, kinds.daemonsets, type, reason, message);
  }
}

/** Whether the node says the same of whether pods may be on it. */
const isLike = (before: Node, node: Node): boolean =>
  deepEqual(before.metadata?.labels, node.metadata?.labels) &&
  deepEqual(before.spec?.taints, node.spec?.taints) &&
  before.metadata?.deletionTimestamp === node.metadata?.deletionTimestamp;
