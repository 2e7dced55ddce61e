/**
 * When each node gave its last sign of life, as this process saw it.
 *
 * Guarantees: time is counted on this process's own clock from the moment at which it saw a lease or a status change, never
 * by comparing clocks; a node is never called silent for time in which the observer itself could not see. It runs on a
 * standby too, so a takeover does not start the count anew. It decides nothing and writes nothing.
 *
 * Blindness: some lease changes all the time (leaders renew theirs about twice a second), and it comes by the same kind of
 * watch as the nodes' leases. When nothing came for `blindAfterMs`, the watch, the API or this process stood still; then
 * every count begins anew, so that nodes have the whole grace period to be heard again.
 */
import { type Clock, systemClock } from '../../api/clock.ts';
import { getCondition, keyOf } from '../../api/meta.ts';
import type { Lease, Node, Taint } from '../../api/types.ts';
import type { Caches } from '../caches.ts';

export const nodeLeaseNamespace = 'kube-node-lease';

interface Observed {
  aliveMs: number;
  /** The last heartbeat of the status, to see that it changed. */
  heartbeat: string | undefined;
  /** When each NoExecute taint was first seen. */
  readonly taintsMs: Map<string, number>;
}

export class NodeHealthObserver {
  readonly #clock: Clock;
  readonly #blindAfterMs: number;
  readonly #nodes = new Map<string, Observed>();
  readonly #renewals = new Map<string, string | undefined>();
  #pulseMs: number;

  constructor(options: { blindAfterMs: number; clock?: Clock }) {
    this.#clock = options.clock ?? systemClock;
    this.#blindAfterMs = options.blindAfterMs;
    this.#pulseMs = this.#clock.elapsed();
  }

  /** Feeds the observer from the caches until the signal is aborted. */
  watch({ nodes, leases }: Pick<Caches, 'nodes' | 'leases'>, signal: AbortSignal): void {
    const node = (object: Node): void => this.nodeSeen(object);
    nodes.addHandler(
      { added: node, updated: (_, object) => node(object), deleted: (object) => this.nodeGone(keyOf(object)) },
      signal,
    );
    const lease = (object: Lease): void => this.leaseSeen(object);
    leases.addHandler(
      { added: lease, updated: (_, object) => lease(object), deleted: (object) => this.leaseGone(object) },
      signal,
    );
  }

  nodeSeen(node: Node): void {
    const now = this.#pulse();
    const name = keyOf(node);
    const heartbeat = getCondition(node.status?.conditions, 'Ready')?.lastHeartbeatTime;
    const observed = this.#nodes.get(name) ?? { aliveMs: now, heartbeat, taintsMs: new Map<string, number>() };
    this.#nodes.set(name, observed);
    if (observed.heartbeat !== heartbeat) Object.assign(observed, { heartbeat, aliveMs: now });
    const present = new Set((node.spec?.taints ?? []).filter(({ effect }) => effect === 'NoExecute').map(taintKey));
    for (const key of [...observed.taintsMs.keys()]) if (!present.has(key)) observed.taintsMs.delete(key);
    for (const key of present) if (!observed.taintsMs.has(key)) observed.taintsMs.set(key, now);
  }

  nodeGone(name: string): void {
    this.#nodes.delete(name);
  }

  leaseSeen(lease: Lease): void {
    const now = this.#pulse();
    const { namespace, name = '' } = lease.metadata ?? {};
    if (namespace !== nodeLeaseNamespace) return;
    const renewTime = lease.spec?.renewTime;
    if (this.#renewals.get(name) === renewTime) return;
    this.#renewals.set(name, renewTime);
    const observed = this.#nodes.get(name);
    if (observed) observed.aliveMs = now;
  }

  leaseGone(lease: Lease): void {
    this.#pulse();
    if (lease.metadata?.namespace === nodeLeaseNamespace) this.#renewals.delete(lease.metadata.name ?? '');
  }

  /** Whether nothing at all was seen for so long that the observer cannot tell who lives. */
  get blind(): boolean {
    return this.#clock.elapsed() - this.#pulseMs > this.#blindAfterMs;
  }

  /** For how long (ms) the observer, while it could see, saw no sign of life of the node. */
  silentMs(name: string): number {
    const observed = this.#nodes.get(name);
    if (!observed || this.blind) return 0;
    return Math.max(0, this.#clock.elapsed() - observed.aliveMs);
  }

  /** The present moment, in ms on the clock of all times that the observer tells: not that of the day. */
  get now(): number {
    return this.#clock.elapsed();
  }

  /** When the node's NoExecute taint was first seen here (see `now`); undefined if it was not. */
  taintedSince(name: string, taint: Pick<Taint, 'key' | 'effect'>): number | undefined {
    return this.#nodes.get(name)?.taintsMs.get(taintKey(taint));
  }

  /** Counts from now for every node, as after a disruption in which nothing could be learnt. */
  restart(): void {
    const now = this.#clock.elapsed();
    for (const observed of this.#nodes.values()) {
      observed.aliveMs = now;
      for (const key of observed.taintsMs.keys()) observed.taintsMs.set(key, now);
    }
  }

  #pulse(): number {
    const now = this.#clock.elapsed();
    if (now - this.#pulseMs > this.#blindAfterMs) this.restart();
    this.#pulseMs = now;
    return now;
  }
}

const taintKey = ({ key, effect }: Pick<Taint, 'key' | 'effect'>): string => `${key}:${effect}`;
