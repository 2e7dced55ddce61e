/**
 * Binds what waits for a pod's node: volumes are kept for claims, and for claims without one the node is named where it is to be made. A pod
 * may be bound when all its claims are.
 *
 * Guarantees: no two pods are promised one volume: what is reserved shows in the cache at once, and each write compares the state that was
 * found free. Whatever was written when a binding fails holds for the next try.
 */
import type { Client } from '../../api/client.ts';
import { type Clock, sleep } from '../../api/clock.ts';
import { keyOf } from '../../api/meta.ts';
import type { Node, PersistentVolume, PersistentVolumeClaim } from '../../api/types.ts';
import { annotated, boundTo, isFullyBound, reaches, selectedNode } from '../../api/volume-claims.ts';
import type { PodInfo } from '../pod-info.ts';
import type { VolumeCache } from './volume-cache.ts';
import { planAt, volumeNeeds } from './volume-needs.ts';

/** What is promised to a pod, as it is to be written. */
export interface Reservation {
  readonly node: Node;
  readonly volumes: readonly PersistentVolume[];
  /** Those that name the node. */
  readonly provisions: readonly PersistentVolumeClaim[];
  /** All claims that are to be bound before the pod. */
  readonly claims: readonly PersistentVolumeClaim[];
}

/** How long whoever makes volumes may take (kube-scheduler's bindTimeoutSeconds). */
const bindTimeoutMs = 600_000;

export class VolumeBinder {
  readonly #cache: VolumeCache;
  readonly #clock: Clock;

  constructor(cache: VolumeCache, clock: Clock) {
    this.#cache = cache;
    this.#clock = clock;
  }

  /** Promises the pod what its claims need on the node, where it was found just now; undefined if they need nothing more. */
  reserve(pod: PodInfo, node: Node | undefined): Reservation | undefined {
    if (pod.claims.length === 0 || !node) return undefined;
    const needs = volumeNeeds(pod, this.#cache);
    const plan = typeof needs === 'string' ? undefined : planAt(needs, node);
    if (!plan || !('bindings' in plan) || plan.bindings.length + plan.provisions.length === 0) return undefined;
    const volumes = plan.bindings.map(({ claim, volume }) => boundTo(volume, claim));
    const on = { [selectedNode]: node.metadata?.name ?? '' };
    const provisions = plan.provisions.map((claim) => ({ ...claim, metadata: annotated(claim, on) }));
    for (const volume of volumes) this.#cache.volumes.assume(volume);
    for (const claim of provisions) this.#cache.claims.assume(claim);
    return { node, volumes, provisions, claims: [...plan.bindings.map(({ claim }) => claim), ...provisions] };
  }

  /** Takes the promise back. */
  release({ volumes, provisions }: Reservation): void {
    for (const volume of volumes) this.#cache.volumes.forget(volume);
    for (const claim of provisions) this.#cache.claims.forget(claim);
  }

  /**
   * Writes what was promised and waits until the claims are bound, as long as `isWanted` says so. Rejects with an Error when they cannot be,
   * when it takes too long and when the signal is aborted, and with a StatusError where a write is refused.
   */
  async bind(
    { node, volumes, provisions, claims }: Reservation,
    client: Client,
    signal: AbortSignal,
    isWanted: () => boolean,
  ): Promise<void> {
    for (const volume of volumes) await client.update('persistentvolumes', volume, { signal });
    for (const claim of provisions) await client.update('persistentvolumeclaims', claim, { signal });
    const over = new AbortController();
    const ends = AbortSignal.any([signal, over.signal]);
    const timeout = sleep(bindTimeoutMs, ends, this.#clock).then(() => over.abort());
    try {
      while (!claims.every((claim) => this.#isBound(claim, node, provisions))) {
        if (!isWanted()) throw new Error('the pod is gone');
        if (ends.aborted) throw new Error('binding volumes: timed out waiting for the condition');
        await this.#cache.changed(ends);
      }
    } finally {
      over.abort();
      await timeout;
    }
  }

  #isBound(claim: PersistentVolumeClaim, node: Node, provisions: readonly PersistentVolumeClaim[]): boolean {
    const { name = '', uid } = claim.metadata ?? {};
    const now = this.#cache.claims.get(keyOf(claim));
    if (!now || now.metadata?.uid !== uid) throw new Error(`persistentvolumeclaim ${JSON.stringify(name)} not found`);
    if (isFullyBound(now)) {
      const volume = this.#cache.volumes.get(now.spec?.volumeName ?? '');
      if (volume && !reaches(volume, node)) {
        const names = [volume, node].map(({ metadata }) => JSON.stringify(metadata?.name));
        throw new Error(`pv ${names[0]} node affinity doesn't match node ${names[1]}`);
      }
      return volume !== undefined;
    }
    // Whoever makes volumes takes the name of the node away when it cannot make one there.
    if (provisions.includes(claim) && now.metadata?.annotations?.[selectedNode] !== node.metadata?.name) {
      throw new Error(`selectedNode annotation reset for PVC ${JSON.stringify(name)}`);
    }
    return false;
  }
}
