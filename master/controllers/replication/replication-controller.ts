/**
 * The replication controller: as many pods as `spec.replicas` says, made from the template, for each ReplicationController.
 *
 * Guarantees: it never creates or deletes on a count that its cache cannot vouch for, neither its own earlier writes
 * (`expectations.ts`) nor a former leader's (`freshness.ts`); what is too much goes in the order of `pod-ranking.ts`; a pod
 * that is being deleted no longer counts, so it is replaced at once. It does not touch pods of another controller.
 */

import type { ReconcileResult } from '../../api/controller.ts';
import { isConflict, isForbidden, isNotFound, isStatusError } from '../../api/errors.ts';
import type { EventRecorder } from '../../api/events.ts';
import { kinds } from '../../api/kinds.ts';
import { controllerOf, deepEqual, keyOf, newControllerRef } from '../../api/meta.ts';
import type { OwnerReference, Pod, ReplicationController } from '../../api/types.ts';
import type { WorkQueue } from '../../api/workqueue.ts';
import { atOnce } from '../at-once.ts';
import { namespaceIndex, podIndex } from '../caches.ts';
import { type ControllerContext, newQueue, newRecorder, work } from '../context.ts';
import { isActive } from '../pod-facts.ts';
import { type Claims, claimPods, selects } from './claims.ts';
import { Expectations } from './expectations.ts';
import { Freshness, outcomeUnknown } from './freshness.ts';
import { podsToDelete } from './pod-ranking.ts';
import { slowStart } from './slow-start.ts';
import { computeStatus, type ReplicaFailure } from './status.ts';

/** Kubernetes' burst: at most this many creations or deletions in one pass. */
const burstReplicas = 500;
/** A cache that is behind is looked at again after this. */
const behindMs = 50;
/** The same where pods are missing and nothing else holds them up, as at the begin of a term: events take a few milliseconds. */
const catchingUpMs = 10;
/** The least time between two status writes that count only progress. */
const statusPeriodMs = 200;
const concurrency = 5;

export async function startReplicationController(context: ControllerContext): Promise<void> {
  const controller = new ReplicationManager(context);
  controller.watch();
  await work(context, controller.queue, concurrency, (key) => controller.reconcile(key));
}

class ReplicationManager {
  readonly queue: WorkQueue;
  readonly #context: ControllerContext;
  readonly #recorder: EventRecorder;
  readonly #expectations: Expectations;
  readonly #freshness: Freshness;
  readonly #statusWrittenMs = new Map<string, number>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.queue = newQueue(context, 'replicationcontroller');
    this.#recorder = newRecorder(context, 'replication-controller');
    this.#expectations = new Expectations(context.caches.pods);
    this.#freshness = new Freshness(context.client, context.caches.pods, context.revision);
  }

  watch(): void {
    const { caches, signal } = this.#context;
    const enqueue = (rc: ReplicationController): void => this.queue.add(keyOf(rc));
    caches.replicationcontrollers.addHandler(
      { added: enqueue, updated: (_, rc) => enqueue(rc), deleted: enqueue },
      signal,
    );
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
    const owner = controllerOf(pod);
    const namespace = pod.metadata?.namespace ?? '';
    if (owner) {
      if (owner.kind === kinds.replicationcontrollers.kind) this.queue.add(`${namespace}/${owner.name}`);
      return;
    }
    for (const rc of this.#context.caches.replicationcontrollers.byIndex(namespaceIndex, namespace)) {
      if (selects(rc, pod)) this.queue.add(keyOf(rc));
    }
  }

  async reconcile(key: string): Promise<ReconcileResult> {
    const { caches, clock } = this.#context;
    const rc = caches.replicationcontrollers.get(key);
    if (!rc) {
      this.#expectations.forget(key);
      this.#statusWrittenMs.delete(key);
      return {};
    }
    await this.#settleClaims(rc, this.#claims(rc));
    const owned = this.#owned(rc);
    let outcome: ScaleOutcome = {};
    if (!rc.metadata?.deletionTimestamp && this.#expectations.satisfied(key)) outcome = await this.#scale(rc, owned);
    const { status, availableInMs } = computeStatus(rc, owned, outcome.failure, clock.now());
    const statusInMs = await this.#writeStatus(rc, status);
    if (outcome.error) throw outcome.error;
    const waits = [outcome.againInMs, availableInMs, statusInMs].filter((wait) => wait !== undefined);
    return waits.length > 0 ? { requeueAfterMs: Math.min(...waits) } : {};
  }

  #claims(rc: ReplicationController): Claims {
    const { pods } = this.#context.caches;
    return claimPods(rc, [
      ...pods.byIndex(podIndex.controller, rc.metadata?.uid ?? ''),
      ...pods.byIndex(podIndex.orphans, rc.metadata?.namespace ?? ''),
    ]);
  }

  /** As the cache has them now; what was adopted a moment ago may still show there as an orphan. */
  #owned(rc: ReplicationController): Pod[] {
    const { owned, adopt } = this.#claims(rc);
    return [...owned, ...adopt];
  }

  /** Lets go and adopts. */
  async #settleClaims(rc: ReplicationController, { adopt, release }: Claims): Promise<void> {
    const { client } = this.#context;
    for (const pod of release) {
      const references = (pod.metadata?.ownerReferences ?? []).filter(({ uid }) => uid !== rc.metadata?.uid);
      await this.#setOwners(pod, references);
    }
    if (adopt.length === 0) return;
    // The cached controller may be gone or another by now; adopting in its name would orphan the pod for the collector.
    const live = await client.get('replicationcontrollers', nameOf(rc));
    if (live.metadata?.uid !== rc.metadata?.uid || live.metadata?.deletionTimestamp) {
      throw new Error(`${keyOf(rc)} is gone or being deleted: its pods are not adopted`);
    }
    const reference = newControllerRef(rc, kinds.replicationcontrollers);
    for (const pod of adopt) await this.#setOwners(pod, [...(pod.metadata?.ownerReferences ?? []), reference]);
  }

  /** Compares the pod's resourceVersion: a change meanwhile is a conflict, and the claim is judged anew. */
  async #setOwners(pod: Pod, ownerReferences: OwnerReference[]): Promise<void> {
    const { uid, resourceVersion } = pod.metadata ?? {};
    const patch = { metadata: { uid, resourceVersion, ownerReferences } };
    try {
      await this.#context.client.patch('pods', nameOf(pod), patch, { type: 'merge' });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #scale(rc: ReplicationController, owned: readonly Pod[]): Promise<ScaleOutcome> {
    const wanted = rc.spec?.replicas ?? 1;
    if (owned.filter(isActive).length === wanted) return {};
    if (!(await this.#freshness.verify(rc, owned))) return { againInMs: catchingUpMs };
    // The cache may have moved on meanwhile: what it is vouched for is what it holds now.
    const active = this.#owned(rc).filter(isActive);
    const missing = wanted - active.length;
    if (missing === 0) return {};
    const outcome = missing > 0 ? await this.#create(rc, missing) : await this.#remove(rc, active, -missing);
    if (outcome.error && outcomeUnknown(outcome.error)) this.#freshness.doubt(rc);
    return outcome;
  }

  async #create(rc: ReplicationController, missing: number): Promise<ScaleOutcome> {
    const template = podFor(rc);
    const { error } = await slowStart(Math.min(missing, burstReplicas), async () => {
      this.#context.signal.throwIfAborted();
      const pod = await this.#context.client.create('pods', template);
      this.#expectations.expectCreated(keyOf(rc), pod);
      this.#event(rc, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata?.name}`);
    });
    if (error === undefined) return {};
    // The end of the term is no failure of the pods.
    this.#context.signal.throwIfAborted();
    // A namespace on its way out takes no pods, and its replication controllers go with it.
    if (isNamespaceTerminating(error)) return {};
    const message = messageOf(error);
    this.#event(rc, 'Warning', 'FailedCreate', `Error creating: ${message}`);
    return { failure: { reason: 'FailedCreate', message }, error };
  }

  async #remove(rc: ReplicationController, active: readonly Pod[], surplus: number): Promise<ScaleOutcome> {
    const doomed = podsToDelete(active, Math.min(surplus, burstReplicas));
    const errors = await atOnce(doomed, async (pod) => {
      this.#context.signal.throwIfAborted();
      try {
        const preconditions = { uid: pod.metadata?.uid };
        await this.#context.client.delete('pods', nameOf(pod), { preconditions });
        this.#event(rc, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata?.name}`);
      } catch (error) {
        // Gone already, or the name is another pod's by now: the cache will show it.
        if (!isNotFound(error)) throw error;
      }
      this.#expectations.expectDeleted(keyOf(rc), pod);
    });
    const [error] = errors;
    if (error === undefined) return {};
    this.#context.signal.throwIfAborted();
    const message = messageOf(error);
    this.#event(rc, 'Warning', 'FailedDelete', `Error deleting: ${message}`);
    return { failure: { reason: 'FailedDelete', message }, error };
  }

  /** Gives the wait (ms) when a status of mere progress was held back: each pod's every change is not worth a write. */
  async #writeStatus(rc: ReplicationController, status: ReplicationController['status']): Promise<number | undefined> {
    const { client, clock } = this.#context;
    const key = keyOf(rc);
    if (deepEqual(withoutZeroes(rc.status), status)) return undefined;
    const wait = (this.#statusWrittenMs.get(key) ?? 0) + statusPeriodMs - clock.now();
    const settled = status?.replicas === (rc.spec?.replicas ?? 1) && status?.availableReplicas === status?.replicas;
    if (wait > 0 && !settled) return wait;
    try {
      await client.update('replicationcontrollers', { ...rc, status }, { subresource: 'status' });
      this.#statusWrittenMs.set(key, clock.now());
    } catch (error) {
      if (isNotFound(error)) return undefined;
      // The cache shows the newer object in a moment, and its event brings the key back.
      if (!isConflict(error)) throw error;
      return behindMs;
    }
    return undefined;
  }

  #event(rc: ReplicationController, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#recorder.event(rc, kinds.replicationcontrollers, type, reason, message);
  }
}

interface ScaleOutcome {
  failure?: ReplicaFailure;
  error?: unknown;
  againInMs?: number;
}

/** The pod that the template describes; the API server gives it its name. */
export function podFor(rc: ReplicationController): Pod {
  const { metadata = {}, spec } = rc.spec?.template ?? {};
  const { labels, annotations, finalizers } = metadata;
  return {
    metadata: {
      namespace: rc.metadata?.namespace,
      generateName: `${rc.metadata?.name}-`,
      ...(labels && { labels }),
      ...(annotations && { annotations }),
      ...(finalizers && { finalizers }),
      ownerReferences: [newControllerRef(rc, kinds.replicationcontrollers)],
    },
    spec,
  };
}

function nameOf({ metadata }: Pod | ReplicationController): { namespace?: string; name: string } {
  return { namespace: metadata?.namespace, name: metadata?.name ?? '' };
}

/** A stored count of 0 is the same as none. */
function withoutZeroes(status: ReplicationController['status']): ReplicationController['status'] {
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

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function isNamespaceTerminating(error: unknown): boolean {
  return (
    isForbidden(error) &&
    isStatusError(error) &&
    (error.status.details?.causes ?? []).some(({ reason }) => reason === 'NamespaceTerminating')
  );
}
