/**
 * How carefully to evict, by how many nodes of a zone look dead (Kubernetes, "Nodes: rate limits on eviction"). Many dead
 * nodes at once speak rather for a fault between the masters and the nodes than for as many broken machines.
 */
import type { Node } from '../../api/types.ts';

export type ZoneState = 'Normal' | 'PartialDisruption' | 'FullDisruption';

export interface ZoneLimits {
  /** Nodes a second from which pods are evicted in a healthy zone. */
  readonly evictionRate: number;
  /** The same in a partially disrupted zone, if it is large. */
  readonly secondaryEvictionRate: number;
  /** A zone with more nodes than this is large. */
  readonly largeClusterSize: number;
  /** The part of not ready nodes from which a zone counts as partially disrupted. */
  readonly unhealthyThreshold: number;
}

export interface ZoneCount {
  ready: number;
  notReady: number;
}

export function zoneOf({ metadata }: Node): string {
  const region = metadata?.labels?.['topology.kubernetes.io/region'] ?? '';
  const zone = metadata?.labels?.['topology.kubernetes.io/zone'] ?? '';
  return region === '' && zone === '' ? '' : `${region}:${zone}`;
}

export function zoneState({ ready, notReady }: ZoneCount, { unhealthyThreshold }: ZoneLimits): ZoneState {
  if (ready === 0 && notReady > 0) return 'FullDisruption';
  if (notReady > 2 && notReady / (ready + notReady) >= unhealthyThreshold) return 'PartialDisruption';
  return 'Normal';
}

/** Nodes a second from which pods may be evicted. When every zone is down, none: the fault is ours. */
export function evictionRate(state: ZoneState, size: number, allZonesDown: boolean, limits: ZoneLimits): number {
  if (allZonesDown) return 0;
  if (state === 'PartialDisruption') return size > limits.largeClusterSize ? limits.secondaryEvictionRate : 0;
  return limits.evictionRate;
}

/** A token bucket of one: permits a first act at once and then `rate` a second. */
export class EvictionLimiter {
  #nextMs = 0;

  /** Whether an act is permitted now; it is counted if so. */
  tryTake(rate: number, now: number): boolean {
    if (rate <= 0 || now < this.#nextMs) return false;
    this.#nextMs = now + 1000 / rate;
    return true;
  }
}
