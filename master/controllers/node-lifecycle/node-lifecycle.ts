/**
 * Node lifecycle: turns a node's silence into conditions, taints and unready pods.
 *
 * Guarantees: a node is Unknown only after this process saw no sign of life for the whole grace period; NoExecute taints are
 * set at the rate of `zones.ts`, and none at all when every node looks dead; taints for conditions follow the conditions at
 * once. It evicts nothing itself: see `taint-eviction.ts`.
 */
import { isConflict, isNotFound } from '../../api/errors.ts';
import type { EventRecorder } from '../../api/events.ts';
import { kinds } from '../../api/kinds.ts';
import { keyOf } from '../../api/meta.ts';
import type { Node, Pod } from '../../api/types.ts';
import type { WorkQueue } from '../../api/workqueue.ts';
import { atOnce } from '../at-once.ts';
import { podIndex } from '../caches.ts';
import { type ControllerContext, everyPeriod, newQueue, newRecorder, work } from '../context.ts';
import { type Readiness, readinessOf, silencedConditions, unreadyStatus } from './conditions.ts';
import { evictionKey, isTaintedForEviction, wantedTaints } from './taints.ts';
import { EvictionLimiter, evictionRate, type ZoneCount, type ZoneLimits, zoneOf, zoneState } from './zones.ts';

const concurrency = 8;

export async function startNodeLifecycle(context: ControllerContext): Promise<void> {
  const controller = new NodeLifecycle(context);
  controller.watch();
  await Promise.all([
    work(context, controller.queue, concurrency, (key) => controller.reconcile(key)),
    everyPeriod(context, 'node health', context.options.nodeMonitorPeriodMs, () => controller.monitor()),
  ]);
}

class NodeLifecycle {
  readonly queue: WorkQueue;
  readonly #context: ControllerContext;
  readonly #recorder: EventRecorder;
  readonly #limits: ZoneLimits;
  readonly #limiters = new Map<string, EvictionLimiter>();
  /** Nodes a second for each zone, as the last pass found it; a zone that is not here yet may not be evicted from. */
  #rates = new Map<string, number>();
  #allZonesDown = false;
  /** Nodes that the limiter has let pass: a write that fails does not need a second permission. */
  readonly #permitted = new Set<string>();
  /** Nodes whose kubelet has just said that they are not ready. */
  readonly #wentDown = new Set<string>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.queue = newQueue(context, 'node_lifecycle_controller');
    this.#recorder = newRecorder(context, 'node-controller');
    const { options } = context;
    this.#limits = {
      evictionRate: options.nodeEvictionRate,
      secondaryEvictionRate: options.secondaryNodeEvictionRate,
      largeClusterSize: options.largeClusterSizeThreshold,
      unhealthyThreshold: options.unhealthyZoneThreshold,
    };
  }

  watch(): void {
    const { caches, signal } = this.#context;
    caches.nodes.addHandler(
      {
        added: (node) => {
          this.#event(
            node,
            'RegisteredNode',
            `Node ${keyOf(node)} event: Registered Node ${keyOf(node)} in Controller`,
          );
          this.queue.add(keyOf(node));
        },
        updated: (previous, node) => {
          if (readinessOf(previous) === 'True' && readinessOf(node) === 'False') {
            this.#event(node, 'NodeNotReady', statusMessage(node));
            this.#wentDown.add(keyOf(node));
          }
          this.queue.add(keyOf(node));
        },
        deleted: (node) => {
          this.#permitted.delete(keyOf(node));
          this.#wentDown.delete(keyOf(node));
          this.#event(node, 'RemovingNode', `Node ${keyOf(node)} event: Removing Node ${keyOf(node)} from Controller`);
        },
      },
      signal,
    );
  }

  /** One look at all nodes. */
  async monitor(): Promise<void> {
    const { caches, health } = this.#context;
    if (health.blind) return;
    const nodes = caches.nodes.list();
    // First who is silent, then how many are: only with that is it known from whom to evict.
    this.#assessZones(nodes);
    await atOnce(
      nodes.filter((node) => this.#isSilent(node)),
      (node) => this.#silence(node),
    );
    for (const node of nodes) this.queue.add(keyOf(node));
  }

  #isSilent(node: Node): boolean {
    const { health, options } = this.#context;
    const hasReported = (node.status?.conditions ?? []).some(({ type }) => type === 'Ready');
    const graceMs = hasReported ? options.nodeMonitorGracePeriodMs : options.nodeStartupGracePeriodMs;
    return health.silentMs(keyOf(node)) >= graceMs;
  }

  /** What the node's readiness is, whether or not it was written already. */
  #readiness(node: Node): Readiness {
    return this.#isSilent(node) ? 'Unknown' : readinessOf(node);
  }

  #assessZones(nodes: readonly Node[]): void {
    const { metrics, health, logger } = this.#context;
    const counts = new Map<string, ZoneCount>();
    for (const node of nodes) {
      const zone = zoneOf(node);
      const count = counts.get(zone) ?? { ready: 0, notReady: 0 };
      count[this.#readiness(node) === 'True' ? 'ready' : 'notReady'] += 1;
      counts.set(zone, count);
    }
    const states = new Map([...counts].map(([zone, count]) => [zone, zoneState(count, this.#limits)]));
    const allZonesDown = states.size > 0 && [...states.values()].every((state) => state === 'FullDisruption');
    if (allZonesDown && !this.#allZonesDown) {
      logger.warn('Controller detected that all Nodes are not-Ready. Entering master disruption mode.');
    } else if (!allZonesDown && this.#allZonesDown) {
      logger.info('Controller detected that some Nodes are Ready. Exiting master disruption mode.');
      // Nothing could be learnt of the others meanwhile: each has its whole grace period to be heard.
      health.restart();
    }
    this.#allZonesDown = allZonesDown;
    this.#rates = new Map();
    for (const [zone, { ready, notReady }] of counts) {
      const size = ready + notReady;
      this.#rates.set(zone, evictionRate(states.get(zone) ?? 'Normal', size, allZonesDown, this.#limits));
      metrics.zoneSize.set({ zone }, size);
      metrics.unhealthyNodes.set({ zone }, notReady);
      metrics.zoneHealth.set({ zone }, (100 * ready) / size);
    }
  }

  /** Writes that nothing is known of the node any more, and takes its pods out of the endpoints. */
  async #silence(node: Node): Promise<void> {
    const { client, clock, logger } = this.#context;
    const conditions = silencedConditions(node, clock.now());
    if (conditions) {
      try {
        // The resourceVersion is compared: a kubelet that reports just now makes this a conflict, and rightly so.
        await client.update('nodes', { ...node, status: { ...node.status, conditions } }, { subresource: 'status' });
      } catch (error) {
        if (!isConflict(error) && !isNotFound(error)) throw error;
        return;
      }
      logger.info({ node: keyOf(node) }, 'node is silent: its status is unknown');
      if (readinessOf(node) === 'True') this.#event(node, 'NodeNotReady', statusMessage(node));
    }
    await this.#markPodsUnready(node);
  }

  async #markPodsUnready(node: Node): Promise<void> {
    const { caches, client, clock, logger } = this.#context;
    const errors = await atOnce(caches.pods.byIndex(podIndex.node, keyOf(node)), async (pod: Pod) => {
      const status = unreadyStatus(pod, clock.now());
      if (!status) return;
      await client.update('pods', { ...pod, status }, { subresource: 'status' });
      this.#recorder.event(pod, kinds.pods, 'Warning', 'NodeNotReady', 'Node is not ready');
    });
    // The next pass looks at the same pods again.
    const serious = errors.filter((error) => !isConflict(error) && !isNotFound(error));
    if (serious.length > 0) logger.warn({ node: keyOf(node), err: serious[0] }, 'pods were not marked as not ready');
  }

  /** Level-triggered: the taints follow from the conditions and from what the last pass found. */
  async reconcile(key: string): Promise<void> {
    const { caches, client, clock } = this.#context;
    const node = caches.nodes.get(key);
    if (!node) return;
    if (this.#wentDown.delete(key)) await this.#markPodsUnready(node);
    const taints = wantedTaints(node, this.#evictBy(node), clock.now());
    if (!taints) return;
    const { name = '', resourceVersion } = node.metadata ?? {};
    const patch = { metadata: { resourceVersion }, spec: { taints: taints.length > 0 ? taints : null } };
    try {
      await client.patch('nodes', { name }, patch, { type: 'merge' });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** The key of the NoExecute taint that the node should carry now. */
  #evictBy(node: Node): string | undefined {
    const key = evictionKey(readinessOf(node));
    if (!key || this.#allZonesDown) {
      this.#permitted.delete(keyOf(node));
      return undefined;
    }
    if (isTaintedForEviction(node) || this.#permitted.has(keyOf(node))) return key;
    // Unknown may stand there from a time before this observer: it must have seen the silence itself.
    if (readinessOf(node) === 'Unknown' && !this.#isSilent(node)) return undefined;
    const zone = zoneOf(node);
    const limiter = this.#limiters.get(zone) ?? new EvictionLimiter();
    this.#limiters.set(zone, limiter);
    if (!limiter.tryTake(this.#rates.get(zone) ?? 0, this.#context.clock.elapsed())) return undefined;
    this.#permitted.add(keyOf(node));
    this.#context.metrics.nodeEvictions.inc({ zone });
    return key;
  }

  #event(node: Node, reason: string, message: string): void {
    this.#recorder.event(node, kinds.nodes, 'Normal', reason, message);
  }
}

const statusMessage = (node: Node): string => `Node ${keyOf(node)} status is now: NodeNotReady`;
