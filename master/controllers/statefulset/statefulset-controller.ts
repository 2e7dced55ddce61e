/**
 * The stateful set controller: pods with an identity each, made, replaced and removed by ordinal, and the claims that stay theirs.
 *
 * Guarantees: there is never a second pod of an ordinal, because its name is the identity; nothing is made or removed on a state that the
 * cache cannot vouch for (as in `../replication/`); in order, a step is taken only when the one before has come to its end.
 */
import type { ReconcileResult } from '../../api/controller.ts';
import { isAlreadyExists, isNamespaceTerminating, isNotFound, messageOf } from '../../api/errors.ts';
import type { EventRecorder } from '../../api/events.ts';
import { kinds } from '../../api/kinds.ts';
import { controllerOf, deepEqual, keyOf, nameOf } from '../../api/meta.ts';
import { labelSelectorFromObject, labelSelectorText, matchesLabels } from '../../api/selectors.ts';
import type { ControllerRevision, Pod, StatefulSet } from '../../api/types.ts';
import type { WorkQueue } from '../../api/workqueue.ts';
import { atOnce } from '../at-once.ts';
import { namespaceIndex } from '../caches.ts';
import { type Claims, claimed, claimPods, concernedBy, settleClaims } from '../claims.ts';
import { type ControllerContext, newQueue, newRecorder, work } from '../context.ts';
import { History } from '../history/history.ts';
import { templateOf } from '../history/revisions.ts';
import { isTerminating } from '../pod-facts.ts';
import { Expectations } from '../replication/expectations.ts';
import { Freshness, outcomeUnknown } from '../replication/freshness.ts';
import { slowStart } from '../replication/slow-start.ts';
import { StatusPace } from '../status-pace.ts';
import { ClaimKeeper } from './claim-keeper.ts';
import { hashLabel, missingLabels, ordinalOf, podFor, podNameOf, replicasOf, revisionLabel } from './identity.ts';
import { byOrdinal, condemnedOf, type Plan, plan, type View } from './plan.ts';
import { type StatefulSetStatus, statusOf } from './status.ts';

const concurrency = 5;
/** A cache that is behind is looked at again after this. */
const behindMs = 20;
/** A claim on its way out is looked at again after this, if nobody tells before. */
const claimWaitMs = 1_000;

export async function startStatefulSets(context: ControllerContext): Promise<void> {
  const controller = new StatefulSetController(context);
  controller.watch();
  await work(context, controller.queue, concurrency, (key) => controller.reconcile(key));
}

/** A pod is the set's by its name, too. */
const selection = {
  selects: (set: StatefulSet, pod: Pod): boolean =>
    ordinalOf(set, pod) !== undefined &&
    matchesLabels(labelSelectorFromObject(set.spec?.selector ?? {}), pod.metadata?.labels),
  selectorText: ({ spec }: StatefulSet): string => labelSelectorText(spec?.selector),
};

interface Revisions {
  readonly current: ControllerRevision;
  readonly update: ControllerRevision;
}

class StatefulSetController {
  readonly queue: WorkQueue;
  readonly #context: ControllerContext;
  readonly #recorder: EventRecorder;
  readonly #history: History<StatefulSet>;
  readonly #volumes: ClaimKeeper;
  readonly #expectations: Expectations;
  readonly #freshness: Freshness<StatefulSet>;
  readonly #pace: StatusPace;

  constructor(context: ControllerContext) {
    const { client, caches, revision } = context;
    this.#context = context;
    this.#pace = new StatusPace(context.clock);
    this.queue = newQueue(context, 'statefulset');
    this.#recorder = newRecorder(context, 'statefulset-controller');
    const live = (set: StatefulSet): Promise<StatefulSet> => client.get('statefulsets', nameOf(set));
    this.#history = new History(context, kinds.statefulsets, hashLabel, live);
    this.#volumes = new ClaimKeeper(context);
    this.#expectations = new Expectations(caches.pods);
    this.#freshness = new Freshness(client, selection, caches.pods, revision);
  }

  watch(): void {
    const { caches, signal } = this.#context;
    const enqueue = (set: StatefulSet): void => this.queue.add(keyOf(set));
    caches.statefulsets.addHandler({ added: enqueue, updated: (_, set) => enqueue(set), deleted: enqueue }, signal);
    const concerned = (pod: Pod): void => {
      const keys = concernedBy(pod, kinds.statefulsets, caches.statefulsets, selection.selects);
      for (const key of keys) this.queue.add(key);
    };
    caches.pods.addHandler({ added: concerned, updated: (_, pod) => concerned(pod), deleted: concerned }, signal);
    caches.persistentvolumeclaims.addHandler(
      {
        deleted: ({ metadata }) => {
          const sets = caches.statefulsets.byIndex(namespaceIndex, metadata?.namespace ?? '');
          sets.filter(({ spec }) => spec?.volumeClaimTemplates?.length).forEach(enqueue);
        },
      },
      signal,
    );
  }

  async reconcile(key: string): Promise<ReconcileResult> {
    const { caches, client, clock } = this.#context;
    const set = caches.statefulsets.get(key);
    if (!set) {
      this.#expectations.forget(key);
      this.#pace.forget(key);
      return {};
    }
    if (labelSelectorFromObject(set.spec?.selector ?? {}).length === 0) return {};
    const live = () => client.get('statefulsets', nameOf(set));
    await settleClaims({ client, owner: set, kind: kinds.statefulsets, live }, 'pods', this.#claims(set));
    const { revision: update, known } = await this.#history.present(set);
    if (!update) return await this.#collided(set);
    const current = known.find(({ metadata }) => metadata?.name === set.status?.currentRevision) ?? update;
    const isFresh = await this.#freshness.verify(set, claimed(this.#claims(set)));
    // The cache may have moved on meanwhile: what it is vouched for is what it holds now.
    const view: View = {
      set,
      currentRevision: current.metadata?.name ?? '',
      updateRevision: update.metadata?.name ?? '',
      pods: byOrdinal(set, claimed(this.#claims(set))),
      nowMs: clock.now(),
      hasDoomedClaim: (ordinal) => this.#volumes.hasDoomed(set, ordinal),
    };
    const mayAct = !set.metadata?.deletionTimestamp;
    const isCertain = isFresh && this.#expectations.satisfied(key);
    const next = mayAct && isCertain ? plan(view) : undefined;
    const error = next && (await this.#act(view, next, { current, update }));
    const { status, availableInMs } = statusOf(view);
    const statusInMs = await this.#writeStatus(set, status);
    if (error !== undefined) throw error;
    const alive = new Set([view.currentRevision, view.updateRevision, status.currentRevision]);
    for (const { metadata } of view.pods.values()) alive.add(metadata?.labels?.[revisionLabel]);
    await this.#history.forget(set, known, ({ metadata }) => alive.has(metadata?.name));
    const againInMs = mayAct && !isCertain ? behindMs : next?.waitsForClaim ? claimWaitMs : undefined;
    const waits = [againInMs, availableInMs, statusInMs].filter((wait) => wait !== undefined);
    return waits.length > 0 ? { requeueAfterMs: Math.min(...waits) } : {};
  }

  #claims(set: StatefulSet): Claims<Pod> {
    return claimPods(set, (pod) => selection.selects(set, pod), this.#context.caches.pods);
  }

  /** Gives the first error. */
  async #act(view: View, { create, remove }: Plan, revisions: Revisions): Promise<unknown> {
    const { set } = view;
    const { signal } = this.#context;
    await this.#settlePods(view);
    const rest = [...create];
    const { error } = await slowStart(rest.length, async () => {
      const next = rest.shift();
      if (next) await this.#create(set, next.ordinal, next.isUpdated ? revisions.update : revisions.current);
    });
    const errors = await atOnce(remove, (pod) => this.#remove(set, pod));
    signal.throwIfAborted();
    if ([error, ...errors].some((one) => one !== undefined && outcomeUnknown(one))) this.#freshness.doubt(set);
    return isNamespaceTerminating(error) ? undefined : (error ?? errors[0]);
  }

  /** What pods that are there lack: labels, claims, and that their claims go with whom they should. */
  async #settlePods(view: View): Promise<void> {
    const { set, pods } = view;
    const condemned = new Set(condemnedOf(view));
    for (const [ordinal, pod] of pods) {
      const isCondemned = condemned.has(pod);
      await this.#volumes.settle(set, ordinal, pod, isCondemned);
      if (isCondemned || isTerminating(pod)) continue;
      if (pod.status?.phase === 'Pending') await this.#ensureClaims(set, ordinal);
      const labels = missingLabels(set, ordinal, pod);
      if (!labels) continue;
      const { uid, resourceVersion } = pod.metadata ?? {};
      const patch = { metadata: { uid, resourceVersion, labels } };
      await this.#context.client.patch('pods', nameOf(pod), patch, { type: 'merge' });
    }
  }

  async #ensureClaims(set: StatefulSet, ordinal: number): Promise<void> {
    await this.#volumes.ensure(set, ordinal, ({ metadata }) => {
      const what = `Claim ${metadata?.name} Pod ${podNameOf(set, ordinal)} in StatefulSet ${set.metadata?.name}`;
      this.#event(set, 'Normal', 'SuccessfulCreate', `create ${what} success`);
    });
  }

  async #create(set: StatefulSet, ordinal: number, revision: ControllerRevision): Promise<void> {
    const { client, signal } = this.#context;
    signal.throwIfAborted();
    const template = templateOf(revision) ?? set.spec?.template ?? {};
    const wanted = podFor(set, template, revision.metadata?.name ?? '', ordinal);
    const what = `create Pod ${wanted.metadata?.name} in StatefulSet ${set.metadata?.name}`;
    try {
      await this.#ensureClaims(set, ordinal);
      const pod = await client.create('pods', wanted);
      this.#expectations.expectCreated(keyOf(set), pod);
      this.#event(set, 'Normal', 'SuccessfulCreate', `${what} successful`);
    } catch (error) {
      signal.throwIfAborted();
      if (isAlreadyExists(error) && (await this.#isOurs(set, wanted))) return;
      if (!isNamespaceTerminating(error)) {
        this.#event(set, 'Warning', 'FailedCreate', `${what} failed error: ${messageOf(error)}`);
      }
      throw error;
    }
  }

  /** Whether the pod of this name is the set's already: the cache shows it in a moment. */
  async #isOurs(set: StatefulSet, pod: Pod): Promise<boolean> {
    const taken = await this.#context.client.get('pods', nameOf(pod));
    if (controllerOf(taken)?.uid !== set.metadata?.uid) return false;
    this.#expectations.expectCreated(keyOf(set), taken);
    return true;
  }

  async #remove(set: StatefulSet, pod: Pod): Promise<void> {
    const { client, signal } = this.#context;
    signal.throwIfAborted();
    const { namespace, name } = pod.metadata ?? {};
    const { phase } = pod.status ?? {};
    const recreating = `StatefulSet ${namespace}/${set.metadata?.name} is recreating`;
    if (phase === 'Failed') this.#event(set, 'Warning', 'RecreatingFailedPod', `${recreating} failed Pod ${name}`);
    if (phase === 'Succeeded') {
      this.#event(set, 'Normal', 'RecreatingTerminatedPod', `${recreating} terminated Pod ${name}`);
    }
    const what = `delete Pod ${name} in StatefulSet ${set.metadata?.name}`;
    try {
      await client.delete('pods', nameOf(pod), { preconditions: { uid: pod.metadata?.uid } });
      this.#event(set, 'Normal', 'SuccessfulDelete', `${what} successful`);
    } catch (error) {
      signal.throwIfAborted();
      if (!isNotFound(error)) {
        this.#event(set, 'Warning', 'FailedDelete', `${what} failed error: ${messageOf(error)}`);
        throw error;
      }
    }
    this.#expectations.expectDeleted(keyOf(set), pod);
  }

  /** Another template has this one's hash: with one more collision counted the next one is another. */
  async #collided(set: StatefulSet): Promise<ReconcileResult> {
    const collisionCount = (set.status?.collisionCount ?? 0) + 1;
    const status: StatefulSetStatus = { replicas: 0, ...set.status, collisionCount };
    await this.#context.client.update('statefulsets', { ...set, status }, { subresource: 'status' });
    return {};
  }

  /** Gives the wait (ms) when a status of mere progress was held back, or the cache was behind. */
  async #writeStatus(set: StatefulSet, status: StatefulSetStatus): Promise<number | undefined> {
    if (deepEqual(set.status, status)) return undefined;
    const isSettled = status.replicas === replicasOf(set) && status.availableReplicas === status.replicas;
    const write = () => this.#context.client.update('statefulsets', { ...set, status }, { subresource: 'status' });
    return this.#pace.write(keyOf(set), isSettled, write);
  }

  #event(set: StatefulSet, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#recorder.event(set, kinds.statefulsets, type, reason, message);
  }
}
