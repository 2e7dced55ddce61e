/**
 * The disruption controller: keeps the status of every PodDisruptionBudget, which evictions ask (Kubernetes, "Specifying a
 * Disruption Budget").
 *
 * Guarantees: a status is written under a comparison with the budget that it was counted for, so an eviction that drew from it
 * meanwhile is never lost; a pod that was let go does not count until it is gone, or until two minutes after this process first saw
 * that; what cannot be counted allows nothing, and says why.
 */
import type { ReconcileResult } from '../../api/controller.ts';
import { deletionTimeoutMs, isGuarded, withSyncFailed } from '../../api/disruption.ts';
import type { EventRecorder } from '../../api/events.ts';
import { kinds } from '../../api/kinds.ts';
import { deepEqual, keyOf, nowSeconds } from '../../api/meta.ts';
import { overtaken } from '../../api/overtaken.ts';
import { labelSelectorText } from '../../api/selectors.ts';
import type { Pod, PodDisruptionBudget } from '../../api/types.ts';
import type { WorkQueue } from '../../api/workqueue.ts';
import { namespaceIndex, podIndex } from '../caches.ts';
import { type ControllerContext, newQueue, newRecorder, work } from '../context.ts';
import { countBudget, isOfScale } from './budget-status.ts';
import { type ExpectedPods, expectedPods } from './expected-pods.ts';
import { Sightings } from './sightings.ts';
import { startStaleTargets } from './stale-targets.ts';

type Pdb = PodDisruptionBudget;

const concurrency = 2;
/** What could not be counted is tried again after this: not all that it depends on is followed. */
const failedMs = 10_000;

export async function startDisruption(context: ControllerContext): Promise<void> {
  const controller = new Disruption(context);
  controller.watch();
  await Promise.all([
    work(context, controller.queue, concurrency, (key) => controller.reconcile(key)),
    startStaleTargets(context),
  ]);
}

class Disruption {
  readonly queue: WorkQueue;
  readonly #context: ControllerContext;
  readonly #recorder: EventRecorder;
  readonly #sightings = new Sightings(deletionTimeoutMs);

  constructor(context: ControllerContext) {
    this.#context = context;
    this.queue = newQueue(context, 'disruption');
    this.#recorder = newRecorder(context, 'controllermanager');
  }

  watch(): void {
    const { caches, signal } = this.#context;
    const enqueue = (budget: Pdb): void => this.queue.add(keyOf(budget));
    const concerned = (pod: Pod): void => this.#budgetsOf(pod).forEach(enqueue);
    caches.poddisruptionbudgets.addHandler(
      { added: enqueue, updated: (_, budget) => enqueue(budget), deleted: enqueue },
      signal,
    );
    caches.pods.addHandler(
      {
        added: concerned,
        updated: (previous, pod) => {
          if (!deepEqual(previous.metadata?.labels, pod.metadata?.labels)) concerned(previous);
          concerned(pod);
        },
        deleted: concerned,
      },
      signal,
    );
  }

  #budgetsOf(pod: Pod): Pdb[] {
    const inNamespace = this.#context.caches.poddisruptionbudgets.byIndex(
      namespaceIndex,
      pod.metadata?.namespace ?? '',
    );
    return inNamespace.filter((budget) => isGuarded(pod, budget));
  }

  async reconcile(key: string): Promise<ReconcileResult> {
    const budget = this.#context.caches.poddisruptionbudgets.get(key);
    if (!budget) {
      this.#sightings.forget(key);
      return {};
    }
    try {
      return await this.#count(key, budget);
    } catch (error) {
      this.#context.signal.throwIfAborted();
      // Somebody drew from it.
      const result = overtaken(error);
      if (result) return result;
      await this.#allowNothing(budget, error);
      return { requeueAfterMs: failedMs };
    }
  }

  async #count(key: string, budget: Pdb): Promise<ReconcileResult> {
    const { caches, clock } = this.#context;
    const inNamespace = caches.pods.byIndex(podIndex.namespace, budget.metadata?.namespace ?? '');
    const pods = inNamespace.filter((pod) => isGuarded(pod, budget));
    const expected = await this.#expected(budget, pods);
    const waitsMs = this.#sightings.of(key, Object.entries(budget.status?.disruptedPods ?? {}));
    const { status, notDeleted, recheckInMs } = countBudget(budget, pods, expected.count, waitsMs, clock.now());
    if (!deepEqual(budget.status, status)) {
      this.#tell(budget, pods, expected, notDeleted);
      await this.#write({ ...budget, status });
    }
    return recheckInMs === undefined ? {} : { requeueAfterMs: recheckInMs };
  }

  async #expected({ spec = {} }: Pdb, pods: readonly Pod[]): Promise<ExpectedPods> {
    if (isOfScale(spec)) return expectedPods(this.#context, pods);
    return { count: spec.minAvailable === undefined ? 0 : pods.length, unmanaged: [] };
  }

  /** So that nothing is evicted while nobody can tell whether it may be. */
  async #allowNothing(budget: Pdb, error: unknown): Promise<void> {
    const message = error instanceof Error ? error.message : String(error);
    const { currentHealthy = 0, desiredHealthy = 0, expectedPods: expected = 0, ...rest } = budget.status ?? {};
    const now = nowSeconds(this.#context.clock.now());
    const conditions = withSyncFailed(rest, message, now);
    const counts = { currentHealthy, desiredHealthy, expectedPods: expected };
    const status = { ...rest, ...counts, disruptionsAllowed: 0, conditions };
    if (deepEqual(budget.status, status)) return;
    const why = `Failed to calculate the number of expected pods: ${message}`;
    this.#recorder.event(budget, kinds.poddisruptionbudgets, 'Warning', 'CalculateExpectedPodCountFailed', why);
    await this.#write({ ...budget, status });
  }

  async #write(budget: Pdb): Promise<void> {
    await this.#context.client.update('poddisruptionbudgets', budget, { subresource: 'status' });
  }

  #tell(budget: Pdb, pods: readonly Pod[], { unmanaged }: ExpectedPods, notDeleted: readonly Pod[]): void {
    const { name = '', namespace = '' } = budget.metadata ?? {};
    const say = (type: 'Normal' | 'Warning', reason: string, message: string): void =>
      this.#recorder.event(budget, kinds.poddisruptionbudgets, type, reason, message);
    if (pods.length === 0) say('Normal', 'NoPods', 'No matching pods found');
    if (unmanaged.length > 0) {
      const found = `Pods selected by this PodDisruptionBudget (selector: ${labelSelectorText(budget.spec?.selector)}) were found to be unmanaged.`;
      const so =
        'As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior.';
      const instead = 'To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.';
      say('Warning', 'UnmanagedPods', `${found} ${so} ${instead}`);
    }
    for (const pod of notDeleted) {
      const message = `Pod was expected by PDB ${namespace}/${name} to be deleted but it wasn't`;
      this.#recorder.event(pod, kinds.pods, 'Warning', 'NotDeleted', message);
    }
  }
}
