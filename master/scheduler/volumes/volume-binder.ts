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

/** What is promised to a pod. Another pod with the same claim may have been promised it before, and writes it. */
export interface Reservation {
  readonly node: Node;
  /** The claims that are to be bound before the pod, with the volume for each; undefined for one that is to be made on the node. */
  readonly claims: readonly { readonly claim: PersistentVolumeClaim; readonly volume: string | undefined }[];
  /** Volumes and claims as they are to be written. */
  readonly volumes: readonly PersistentVolume[];
  readonly provisions: readonly PersistentVolumeClaim[];
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
    const on = { [selectedNode]: node.metadata?.name ?? '' };
    const volumes = plan.bindings.flatMap(({ claim, volume }) => {
      const own = boundTo(volume, claim);
      return own === volume ? [] : [own];
    });
    const provisions = plan.provisions
      .filter(({ metadata }) => metadata?.annotations?.[selectedNode] === undefined)
      .map((claim) => ({ ...claim, metadata: annotated(claim, on) }));
    for (const volume of volumes) this.#cache.volumes.assume(volume);
    for (const claim of provisions) this.#cache.claims.assume(claim);
    const bound = plan.bindings.map(({ claim, volume }) => ({ claim, volume: keyOf(volume) }));
    const made = plan.provisions.map((claim) => ({ claim, volume: undefined }));
    return { node, volumes, provisions, claims: [...bound, ...made] };
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
      while (!claims.every((claim) => this.#isBound(claim, node))) {
        if (!isWanted()) throw new Error('the pod is gone');
        if (ends.aborted) throw new Error('binding volumes: timed out waiting for the condition');
        await this.#cache.changed(ends);
      }
    } finally {
      over.abort();
      await timeout;
    }
  }

  #isBound({ claim, volume: promised }: Reservation['claims'][number], node: Node): boolean {
    const { name = '', uid } = claim.metadata ?? {};
    if (promised !== undefined && this.#cache.volumes.get(promised)?.spec?.claimRef?.uid !== uid) {
      throw new Error(`ClaimRef got reset for pv ${JSON.stringify(promised)}`);
    }
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
    if (promised === undefined && now.metadata?.annotations?.[selectedNode] !== node.metadata?.name) {
      throw new Error(`selectedNode annotation reset for PVC ${JSON.stringify(name)}`);
    }
    return false;
  }
}
