/**
 * The deployment controller: a ReplicaSet for each state of a Deployment's template, and pods moved from the old ones to the new
 * one as its strategy says.
 *
 * Guarantees: each pass takes one step, which is decided from what the cluster shows (`rollout.ts`), and changes a ReplicaSet only
 * in the state that the decision saw. A ReplicaSet's name follows from the template, so a new leader or a late cache cannot make a
 * second one.
 */
import type { ReconcileResult } from '../../api/controller.ts';
import { isAlreadyExists, isNamespaceTerminating, isNotFound } from '../../api/errors.ts';
import type { EventRecorder } from '../../api/events.ts';
import { kinds } from '../../api/kinds.ts';
import { controllerOf, deepEqual, keyOf, nameOf } from '../../api/meta.ts';
import { unlessOvertaken } from '../../api/overtaken.ts';
import { labelSelectorFromObject, matchesLabels } from '../../api/selectors.ts';
import type { Deployment, Pod, ReplicaSet } from '../../api/types.ts';
import type { WorkQueue } from '../../api/workqueue.ts';
import { namespaceIndex, podIndex } from '../caches.ts';
import { claim, claimed, concernedBy, settleClaims } from '../claims.ts';
import { type ControllerContext, newQueue, newRecorder, work } from '../context.ts';
import { isTerminated } from '../pod-facts.ts';
import { replicasOf, revisionAnnotation } from './facts.ts';
import { annotationsFor, findNew, newReplicaSet, scaleAnnotations, toForget } from './replica-sets.ts';
import { isScaled, nextSize, type Resize, recreateStep, rollingStep, type Sets, scaleStep } from './rollout.ts';
import { isComplete, type Note, pauseNote, statusOf } from './status.ts';

const concurrency = 5;

export async function startDeployments(context: ControllerContext): Promise<void> {
  const controller = new DeploymentController(context);
  controller.watch();
  await work(context, controller.queue, concurrency, (key) => controller.reconcile(key));
}

/** What a pass has come to: the ReplicaSets as they are now, and what is to be said of it. */
interface Outcome {
  readonly sets: Sets;
  /** The Deployment, where this pass has written to it. */
  readonly revised?: Deployment | undefined;
  readonly note?: Note | undefined;
  readonly collisionCount?: number;
  readonly error?: unknown;
}

class DeploymentController {
  readonly queue: WorkQueue;
  readonly #context: ControllerContext;
  readonly #recorder: EventRecorder;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.queue = newQueue(context, 'deployment');
    this.#recorder = newRecorder(context, 'deployment-controller');
  }

  watch(): void {
    const { caches, signal } = this.#context;
    const enqueue = (deployment: Deployment): void => this.queue.add(keyOf(deployment));
    const concerned = (set: ReplicaSet): void => this.#enqueueOwners(set);
    caches.deployments.addHandler(
      { added: enqueue, updated: (_, deployment) => enqueue(deployment), deleted: enqueue },
      signal,
    );
    caches.replicasets.addHandler(
      {
        added: concerned,
        updated: (previous, set) => {
          if (controllerOf(previous)?.uid !== controllerOf(set)?.uid) concerned(previous);
          concerned(set);
        },
        deleted: concerned,
      },
      signal,
    );
    // Recreate waits for the last pod of an old ReplicaSet to be gone, which no status tells.
    caches.pods.addHandler({ deleted: (pod) => this.#enqueueRecreated(pod) }, signal);
  }

  #enqueueOwners(set: ReplicaSet): void {
    const keys = concernedBy(set, kinds.deployments, this.#context.caches.deployments, selects);
    for (const key of keys) this.queue.add(key);
  }

  #enqueueRecreated(pod: Pod): void {
    const { caches } = this.#context;
    const namespace = pod.metadata?.namespace ?? '';
    const owner = controllerOf(pod);
    const set = owner?.kind === kinds.replicasets.kind && caches.replicasets.get(`${namespace}/${owner.name}`);
    const deployment = set && caches.deployments.get(`${namespace}/${controllerOf(set)?.name}`);
    if (deployment && deployment.spec?.strategy?.type === 'Recreate') this.queue.add(keyOf(deployment));
  }

  async reconcile(key: string): Promise<ReconcileResult> {
    const { caches, client, clock } = this.#context;
    const deployment = caches.deployments.get(key);
    if (!deployment) return {};
    const candidates = caches.replicasets.byIndex(namespaceIndex, deployment.metadata?.namespace ?? '');
    const claims = claim(deployment, (set: ReplicaSet) => selects(deployment, set), candidates);
    const live = () => client.get('deployments', nameOf(deployment));
    const claimant = { client, owner: deployment, kind: kinds.deployments, live };
    await settleClaims(claimant, 'replicasets', claims);
    const mine = claimed(claims);
    const fresh = findNew(deployment, mine);
    const sets: Sets = { fresh, old: mine.filter((set) => set !== fresh) };
    const outcome = deployment.metadata?.deletionTimestamp ? { sets } : await this.#step(deployment, sets);
    const { status, checkInMs } = statusOf(deployment, outcome.sets, clock.now(), outcome.note);
    if (outcome.collisionCount !== undefined) status.collisionCount = outcome.collisionCount;
    const againInMs = await this.#writeStatus(outcome.revised ?? deployment, status);
    if (outcome.error) throw outcome.error;
    const waits = [checkInMs, againInMs].filter((wait) => wait !== undefined);
    return waits.length > 0 ? { requeueAfterMs: Math.min(...waits) } : {};
  }

  async #step(deployment: Deployment, sets: Sets): Promise<Outcome> {
    const note = pauseNote(deployment);
    const { paused, strategy } = deployment.spec ?? {};
    if (paused || isScaled(deployment, sets)) {
      const now = await this.#resize(deployment, sets, scaleStep(deployment, sets));
      if (paused) await this.#forget(deployment, sets);
      return { sets: now, note };
    }
    if (strategy?.type === 'Recreate') {
      const ending = recreateStep(sets.old);
      if (ending.length > 0) return { sets: await this.#resize(deployment, sets, ending), note };
      if (this.#hasOldPods(sets)) return { sets, note };
    }
    const { fresh } = sets;
    if (!fresh) return await this.#create(deployment, sets, note);
    const told = await this.#tell(deployment, fresh, sets.old);
    const revised = await this.#revise(deployment, told);
    const steps = rollingStep(deployment, told, sets.old);
    const now = await this.#resize(deployment, { fresh: told, old: sets.old }, steps);
    if (steps.length === 0 && isComplete(deployment, deployment.status)) await this.#forget(deployment, sets);
    const isNew = !deployment.status?.conditions?.some(({ type }) => type === 'Progressing');
    const message = `Found new replica set "${fresh.metadata?.name}"`;
    return {
      sets: now,
      revised,
      note: note ?? (isNew ? { status: 'True', reason: 'FoundNewReplicaSet', message } : undefined),
    };
  }

  #hasOldPods({ old }: Sets): boolean {
    const { pods } = this.#context.caches;
    return old.some(
      ({ metadata, status }) =>
        (status?.replicas ?? 0) > 0 ||
        pods.byIndex(podIndex.controller, metadata?.uid ?? '').some((pod) => !isTerminated(pod)),
    );
  }

  async #create(deployment: Deployment, sets: Sets, note: Note | undefined): Promise<Outcome> {
    const { client, signal } = this.#context;
    const wanted = newReplicaSet(deployment, sets.old, nextSize(deployment, sets.old, 0));
    const name = wanted.metadata?.name ?? '';
    try {
      const fresh = await client.create('replicasets', wanted);
      const size = replicasOf(fresh);
      if (size > 0)
        this.#event(deployment, 'Normal', 'ScalingReplicaSet', `Scaled up replica set ${name} from 0 to ${size}`);
      const revised = await this.#revise(deployment, fresh);
      const created: Note = {
        status: 'True',
        reason: 'NewReplicaSetCreated',
        message: `Created new replica set "${name}"`,
      };
      return { sets: { ...sets, fresh }, revised, note: note ?? created };
    } catch (error) {
      signal.throwIfAborted();
      if (isAlreadyExists(error)) return await this.#collided(deployment, sets, name);
      if (isNamespaceTerminating(error)) return { sets };
      const message = `Failed to create new replica set "${name}": ${error instanceof Error ? error.message : error}`;
      const failed: Note = { status: 'False', reason: 'ReplicaSetCreateError', message };
      this.#event(deployment, 'Warning', failed.reason, message);
      return { sets, note: failed, error };
    }
  }

  /** The name is taken: by what this Deployment made already and the cache does not show yet, or by another template's hash. */
  async #collided(deployment: Deployment, sets: Sets, name: string): Promise<Outcome> {
    const set = await this.#context.client.get('replicasets', { namespace: deployment.metadata?.namespace, name });
    const isMine = controllerOf(set)?.uid === deployment.metadata?.uid && findNew(deployment, [set]) !== undefined;
    if (isMine) return { sets: { ...sets, fresh: set } };
    return { sets, collisionCount: (deployment.status?.collisionCount ?? 0) + 1 };
  }

  /** Brings what the new ReplicaSet is told up to date; gives it as it is then. */
  async #tell(deployment: Deployment, fresh: ReplicaSet, old: readonly ReplicaSet[]): Promise<ReplicaSet> {
    const annotations = annotationsFor(deployment, fresh, old);
    const minReadySeconds = deployment.spec?.minReadySeconds ?? 0;
    const isTold =
      deepEqual(annotations, fresh.metadata?.annotations) && (fresh.spec?.minReadySeconds ?? 0) === minReadySeconds;
    return isTold
      ? fresh
      : await this.#context.client.update('replicasets', {
          ...fresh,
          metadata: { ...fresh.metadata, annotations },
          ...(fresh.spec && { spec: { ...fresh.spec, minReadySeconds } }),
        });
  }

  /** The Deployment has the revision of its present ReplicaSet. Told with its status: that is no change of what is wanted. */
  async #revise(deployment: Deployment, fresh: ReplicaSet): Promise<Deployment | undefined> {
    const revision = fresh.metadata?.annotations?.[revisionAnnotation];
    if (revision === undefined || deployment.metadata?.annotations?.[revisionAnnotation] === revision) return undefined;
    const { uid } = deployment.metadata ?? {};
    const patch = { metadata: { uid, annotations: { [revisionAnnotation]: revision } } };
    const options = { type: 'merge', subresource: 'status' } as const;
    return await this.#context.client.patch('deployments', nameOf(deployment), patch, options);
  }

  /** Each only in the state that was decided on: another change is a conflict, and the step is decided anew. */
  async #resize(deployment: Deployment, sets: Sets, steps: readonly Resize[]): Promise<Sets> {
    const changed = new Map<ReplicaSet, ReplicaSet>();
    for (const { set, replicas } of steps) {
      this.#context.signal.throwIfAborted();
      const annotations = { ...set.metadata?.annotations, ...scaleAnnotations(deployment) };
      const before = replicasOf(set);
      if (before === replicas && deepEqual(annotations, set.metadata?.annotations)) continue;
      const resized = await this.#context.client.update('replicasets', {
        ...set,
        metadata: { ...set.metadata, annotations },
        ...(set.spec && { spec: { ...set.spec, replicas } }),
      });
      changed.set(set, resized);
      if (before === replicas) continue;
      const way = before < replicas ? 'up' : 'down';
      const message = `Scaled ${way} replica set ${set.metadata?.name} from ${before} to ${replicas}`;
      this.#event(deployment, 'Normal', 'ScalingReplicaSet', message);
    }
    const now = (set: ReplicaSet): ReplicaSet => changed.get(set) ?? set;
    return { fresh: sets.fresh && now(sets.fresh), old: sets.old.map(now) };
  }

  async #forget(deployment: Deployment, { old }: Sets): Promise<void> {
    for (const set of toForget(deployment, old)) {
      const { uid, resourceVersion } = set.metadata ?? {};
      try {
        await this.#context.client.delete('replicasets', nameOf(set), { preconditions: { uid, resourceVersion } });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
  }

  /** Gives the wait (ms) until it is looked at again, where the cache was behind. */
  async #writeStatus(deployment: Deployment, status: Deployment['status']): Promise<number | undefined> {
    if (deepEqual(deployment.status, status)) return undefined;
    const writing = this.#context.client.update('deployments', { ...deployment, status }, { subresource: 'status' });
    return (await unlessOvertaken(writing)).requeueAfterMs;
  }

  #event(deployment: Deployment, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#recorder.event(deployment, kinds.deployments, type, reason, message);
  }
}

const selects = ({ spec }: Deployment, set: ReplicaSet): boolean =>
  matchesLabels(labelSelectorFromObject(spec?.selector ?? {}), set.metadata?.labels);
