/**
 * The replication manager: as many pods as `spec.replicas` says, made from the template, for each ReplicationController and each
 * ReplicaSet.
 *
 * Guarantees: it never creates or deletes on a count that its cache cannot vouch for, neither its own earlier writes
 * (`expectations.ts`) nor a former leader's (`freshness.ts`); what is too much goes in the order of `pod-ranking.ts`; a pod
 * that is being deleted no longer counts, so it is replaced at once. It does not touch pods of another controller.
 */

import type { ReconcileResult } from '../../api/controller.ts';
import { isNamespaceTerminating, isNotFound, messageOf } from '../../api/errors.ts';
import type { EventRecorder } from '../../api/events.ts';
import type { Kind } from '../../api/kinds.ts';
import { controllerOf, deepEqual, keyOf, nameOf, newControllerRef } from '../../api/meta.ts';
import type { Pod } from '../../api/types.ts';
import type { WorkQueue } from '../../api/workqueue.ts';
import { atOnce } from '../at-once.ts';
import { type Claims, claimed, claimPods, concernedBy, settleClaims } from '../claims.ts';
import { type ControllerContext, newQueue, newRecorder, type StartController, work } from '../context.ts';
import { isActive } from '../pod-facts.ts';
import { StatusPace } from '../status-pace.ts';
import { Expectations } from './expectations.ts';
import { Freshness, outcomeUnknown } from './freshness.ts';
import { podsToDelete } from './pod-ranking.ts';
import {
  type OwnerCache,
  type ReplicaKind,
  type ReplicaOwner,
  type ReplicaStatus,
  replicaSets,
  replicationControllers,
} from './replica-kinds.ts';
import { slowStart } from './slow-start.ts';
import { computeStatus, type ReplicaFailure } from './status.ts';

/** Kubernetes' burst: at most this many creations or deletions in one pass. */
const burstReplicas = 500;
/** The same where pods are missing and nothing else holds them up, as at the begin of a term: events take a few milliseconds. */
const catchingUpMs = 10;
const concurrency = 5;

export const startReplicationController: StartController = (context) => run(context, replicationControllers);
export const startReplicaSets: StartController = (context) => run(context, replicaSets);

async function run<Owner extends ReplicaOwner>(context: ControllerContext, kind: ReplicaKind<Owner>): Promise<void> {
  const controller = new ReplicaManager(context, kind);
  controller.watch();
  await work(context, controller.queue, concurrency, (key) => controller.reconcile(key));
}

class ReplicaManager<Owner extends ReplicaOwner> {
  readonly queue: WorkQueue;
  readonly #context: ControllerContext;
  readonly #kind: ReplicaKind<Owner>;
  readonly #owners: OwnerCache<Owner>;
  readonly #recorder: EventRecorder;
  readonly #expectations: Expectations;
  readonly #freshness: Freshness<Owner>;
  readonly #pace: StatusPace;

  constructor(context: ControllerContext, kind: ReplicaKind<Owner>) {
    this.#context = context;
    this.#pace = new StatusPace(context.clock);
    this.#kind = kind;
    this.#owners = kind.cache(context.caches);
    this.queue = newQueue(context, kind.queue);
    this.#recorder = newRecorder(context, kind.component);
    this.#expectations = new Expectations(context.caches.pods);
    this.#freshness = new Freshness(context.client, kind, context.caches.pods, context.revision);
  }

  watch(): void {
    const { caches, signal } = this.#context;
    const enqueue = (owner: Owner): void => this.queue.add(keyOf(owner));
    this.#owners.addHandler({ added: enqueue, updated: (_, owner) => enqueue(owner), deleted: enqueue }, signal);
    const concerned = (pod: Pod): void => this.#enqueueOwners(pod);
    caches.pods.addHandler(
      {
        added: concerned,
        updated: (previous, pod) => {
          if (controllerOf(previous)?.uid !== controllerOf(pod)?.uid) this.#enqueueOwners(previous);
          this.#enqueueOwners(pod);
        },
        deleted: concerned,
      },
      signal,
    );
  }

  /** The pod's controller, or all whose selector would adopt it. */
  #enqueueOwners(pod: Pod): void {
    const keys = concernedBy(pod, this.#kind.kind, this.#owners, this.#kind.selects);
    for (const key of keys) this.queue.add(key);
  }

  async reconcile(key: string): Promise<ReconcileResult> {
    const { client, clock } = this.#context;
    const owner = this.#owners.get(key);
    if (!owner) {
      this.#expectations.forget(key);
      this.#pace.forget(key);
      return {};
    }
    const { kind } = this.#kind;
    const live = () => this.#kind.read(client, nameOf(owner));
    await settleClaims({ client, owner, kind, live }, 'pods', this.#claims(owner));
    const owned = claimed(this.#claims(owner));
    let outcome: ScaleOutcome = {};
    if (!owner.metadata?.deletionTimestamp && this.#expectations.satisfied(key))
      outcome = await this.#scale(owner, owned);
    const { countsTerminating } = this.#kind;
    const { status, availableInMs } = computeStatus(owner, owned, outcome.failure, clock.now(), countsTerminating);
    const statusInMs = await this.#writeStatus(owner, status);
    if (outcome.error) throw outcome.error;
    const waits = [outcome.againInMs, availableInMs, statusInMs].filter((wait) => wait !== undefined);
    return waits.length > 0 ? { requeueAfterMs: Math.min(...waits) } : {};
  }

  #claims(owner: Owner): Claims<Pod> {
    return claimPods(owner, (pod) => this.#kind.selects(owner, pod), this.#context.caches.pods);
  }

  async #scale(owner: Owner, owned: readonly Pod[]): Promise<ScaleOutcome> {
    const wanted = owner.spec?.replicas ?? 1;
    if (owned.filter(isActive).length === wanted) return {};
    if (!(await this.#freshness.verify(owner, owned))) return { againInMs: catchingUpMs };
    // The cache may have moved on meanwhile: what it is vouched for is what it holds now.
    const active = claimed(this.#claims(owner)).filter(isActive);
    const missing = wanted - active.length;
    if (missing === 0) return {};
    const outcome = missing > 0 ? await this.#create(owner, missing) : await this.#remove(owner, active, -missing);
    if (outcome.error && outcomeUnknown(outcome.error)) this.#freshness.doubt(owner);
    return outcome;
  }

  async #create(owner: Owner, missing: number): Promise<ScaleOutcome> {
    const template = podFor(owner, this.#kind.kind);
    const { error } = await slowStart(Math.min(missing, burstReplicas), async () => {
      this.#context.signal.throwIfAborted();
      const pod = await this.#context.client.create('pods', template);
      this.#expectations.expectCreated(keyOf(owner), pod);
      this.#event(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata?.name}`);
    });
    if (error === undefined) return {};
    // The end of the term is no failure of the pods.
    this.#context.signal.throwIfAborted();
    // A namespace on its way out takes no pods, and its owners of pods go with it.
    if (isNamespaceTerminating(error)) return {};
    const message = messageOf(error);
    this.#event(owner, 'Warning', 'FailedCreate', `Error creating: ${message}`);
    return { failure: { reason: 'FailedCreate', message }, error };
  }

  async #remove(owner: Owner, active: readonly Pod[], surplus: number): Promise<ScaleOutcome> {
    const doomed = podsToDelete(
      active,
      Math.min(surplus, burstReplicas),
      this.#kind.related(owner, this.#context.caches).filter(isActive),
    );
    const errors = await atOnce(doomed, async (pod) => {
      this.#context.signal.throwIfAborted();
      try {
        const preconditions = { uid: pod.metadata?.uid };
        await this.#context.client.delete('pods', nameOf(pod), { preconditions });
        this.#event(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata?.name}`);
      } catch (error) {
        // Gone already, or the name is another pod's by now: the cache will show it.
        if (!isNotFound(error)) throw error;
      }
      this.#expectations.expectDeleted(keyOf(owner), pod);
    });
    const [error] = errors;
    if (error === undefined) return {};
    this.#context.signal.throwIfAborted();
    const message = messageOf(error);
    this.#event(owner, 'Warning', 'FailedDelete', `Error deleting: ${message}`);
    return { failure: { reason: 'FailedDelete', message }, error };
  }

  /** Gives the wait (ms) when a status of mere progress was held back: each pod's every change is not worth a write. */
  async #writeStatus(owner: Owner, status: ReplicaStatus): Promise<number | undefined> {
    if (deepEqual(withoutZeroes(owner.status), status)) return undefined;
    const { replicas, availableReplicas = 0 } = status;
    const isSettled = replicas === (owner.spec?.replicas ?? 1) && availableReplicas === replicas;
    const write = () => this.#kind.writeStatus(this.#context.client, owner, status);
    return this.#pace.write(keyOf(owner), isSettled, write);
  }

  #event(owner: Owner, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#recorder.event(owner, this.#kind.kind, type, reason, message);
  }
}

interface ScaleOutcome {
  failure?: ReplicaFailure;
  error?: unknown;
  againInMs?: number;
}

/** The pod that the template describes; the API server gives it its name. */
export function podFor(owner: ReplicaOwner, kind: Kind): Pod {
  const { metadata = {}, spec } = owner.spec?.template ?? {};
  const { labels, annotations, finalizers } = metadata;
  return {
    metadata: {
      namespace: owner.metadata?.namespace,
      generateName: `${owner.metadata?.name}-`,
      ...(labels && { labels }),
      ...(annotations && { annotations }),
      ...(finalizers && { finalizers }),
      ownerReferences: [newControllerRef(owner, kind)],
    },
    spec,
  };
}

/** A stored count of 0 is the same as none. */
function withoutZeroes(status: ReplicaStatus | undefined): ReplicaStatus | undefined {
  if (!status) return undefined;
  const { fullyLabeledReplicas, readyReplicas, availableReplicas, conditions, ...rest } = status;
  return {
    ...rest,
    fullyLabeledReplicas: fullyLabeledReplicas || undefined,
    readyReplicas: readyReplicas || undefined,
    availableReplicas: availableReplicas || undefined,
    ...(conditions && conditions.length > 0 && { conditions }),
  };
}
