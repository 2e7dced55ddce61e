/**
 * Taint eviction: deletes the pods that do not tolerate a NoExecute taint of their node, each after its tolerationSeconds.
 *
 * Guarantees: the time of tolerance counts from when this process first saw the taint, so neither a long pause of the masters
 * nor a restart of all makes it run out at once; while the observer is blind nothing is evicted.
 */
import type { ReconcileResult } from '../../api/controller.ts';
import { isNotFound } from '../../api/errors.ts';
import type { EventRecorder } from '../../api/events.ts';
import { kinds } from '../../api/kinds.ts';
import { deepEqual, keyOf, nowSeconds, setCondition } from '../../api/meta.ts';
import type { Node, Pod, Taint } from '../../api/types.ts';
import type { WorkQueue } from '../../api/workqueue.ts';
import { podIndex } from '../caches.ts';
import { type ControllerContext, newQueue, newRecorder, work } from '../context.ts';
import { isTerminated, isTerminating } from '../pod-facts.ts';
import { evictionTime } from './tolerations.ts';

const concurrency = 8;
const blindMs = 1_000;

export async function startTaintEviction(context: ControllerContext): Promise<void> {
  const controller = new TaintEviction(context);
  controller.watch();
  await work(context, controller.queue, concurrency, (key) => controller.reconcile(key));
}

class TaintEviction {
  readonly queue: WorkQueue;
  readonly #context: ControllerContext;
  readonly #recorder: EventRecorder;
  /** Pods that will be deleted unless something changes. */
  readonly #scheduled = new Set<string>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.queue = newQueue(context, 'noexec_taint_pod');
    this.#recorder = newRecorder(context, 'taint-eviction-controller');
  }

  watch(): void {
    const { caches, signal } = this.#context;
    const pods = (node: Node): void => {
      for (const pod of caches.pods.byIndex(podIndex.node, keyOf(node))) this.queue.add(keyOf(pod));
    };
    caches.nodes.addHandler(
      {
        added: (node) => noExecuteTaints(node).length > 0 && pods(node),
        updated: (previous, node) => !deepEqual(noExecuteTaints(previous), noExecuteTaints(node)) && pods(node),
      },
      signal,
    );
    caches.pods.addHandler(
      {
        added: (pod) => this.#consider(pod),
        updated: (_, pod) => this.#consider(pod),
        deleted: (pod) => this.#scheduled.delete(keyOf(pod)),
      },
      signal,
    );
  }

  #consider(pod: Pod): void {
    const node = this.#context.caches.nodes.get(pod.spec?.nodeName ?? '');
    if (node && noExecuteTaints(node).length > 0) this.queue.add(keyOf(pod));
  }

  async reconcile(key: string): Promise<ReconcileResult> {
    const { caches, health } = this.#context;
    const pod = caches.pods.get(key);
    if (!pod || isTerminating(pod) || isTerminated(pod)) {
      this.#scheduled.delete(key);
      return {};
    }
    const node = caches.nodes.get(pod.spec?.nodeName ?? '');
    const taints = node ? noExecuteTaints(node) : [];
    const { now } = health;
    const nodeName = pod.spec?.nodeName ?? '';
    const since = (taint: Taint): number => health.taintedSince(nodeName, taint) ?? now;
    const due = evictionTime(pod.spec?.tolerations ?? [], taints, since);
    if (due === 'never') {
      if (this.#scheduled.delete(key)) this.#event(pod, `Cancelling deletion of Pod ${key}`);
      return {};
    }
    if (due > now) {
      this.#scheduled.add(key);
      return { requeueAfterMs: due - now };
    }
    if (health.blind) return { requeueAfterMs: blindMs };
    await this.#evict(pod);
    this.#scheduled.delete(key);
    return {};
  }

  async #evict(pod: Pod): Promise<void> {
    const { client, metrics, clock } = this.#context;
    const { namespace, name = '', uid } = pod.metadata ?? {};
    this.#event(pod, `Marking for deletion Pod ${keyOf(pod)}`);
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'DeletionByTaintManager',
      message: 'Taint manager: deleting due to NoExecute taint',
    };
    const conditions = setCondition(pod.status?.conditions, condition, nowSeconds(clock.now()));
    try {
      const patch = { metadata: { uid }, status: { conditions } };
      await client.patch('pods', { namespace, name }, patch, { type: 'strategic', subresource: 'status' });
      await client.delete('pods', { namespace, name }, { preconditions: { uid } });
      metrics.taintDeletions.inc();
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #event(pod: Pod, message: string): void {
    this.#recorder.event(pod, kinds.pods, 'Normal', 'TaintManagerEviction', message);
  }
}

function noExecuteTaints(node: Node): Taint[] {
  return (node.spec?.taints ?? []).filter(({ effect }) => effect === 'NoExecute');
}
