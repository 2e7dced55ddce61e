/**
 * Claims, volumes and classes as the scheduler sees them: what the watches tell, and over it what it has decided and is about to write.
 * A decision gives way to any newer state that the watch shows.
 */
import { keyOf } from '../../api/meta.ts';
import type { KubeObject, PersistentVolume, PersistentVolumeClaim, StorageClass } from '../../api/types.ts';

export class VolumeCache {
  readonly claims = new Assumable<PersistentVolumeClaim>();
  readonly volumes = new Assumable<PersistentVolume>();
  readonly #classes = new Map<string, StorageClass>();
  readonly #waiting = new Set<() => void>();

  storageClass(name: string): StorageClass | undefined {
    return this.#classes.get(name);
  }

  setClass(storageClass: StorageClass): void {
    this.#classes.set(keyOf(storageClass), storageClass);
  }

  removeClass(storageClass: StorageClass): void {
    this.#classes.delete(keyOf(storageClass));
  }

  /** Resolves at the next word of `told`, or when the signal is aborted. */
  async changed(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    if (signal.aborted) return;
    this.#waiting.add(wake);
    signal.addEventListener('abort', wake, { once: true });
    await promise;
    this.#waiting.delete(wake);
    signal.removeEventListener('abort', wake);
  }

  /** A claim or a volume changed, or a pod went for which any of them is waited for. */
  told(): void {
    for (const wake of this.#waiting) wake();
  }
}

/** Objects by key, some of them as they will be. */
export class Assumable<T extends KubeObject> {
  readonly #seen = new Map<string, T>();
  readonly #assumed = new Map<string, T>();

  get(key: string): T | undefined {
    return this.#assumed.get(key) ?? this.#seen.get(key);
  }

  list(): T[] {
    if (this.#assumed.size === 0) return [...this.#seen.values()];
    return [...this.#seen].map(([key, seen]) => this.#assumed.get(key) ?? seen);
  }

  /** The watch shows it. */
  set(object: T): void {
    const key = keyOf(object);
    this.#seen.set(key, object);
    const assumed = this.#assumed.get(key);
    if (assumed?.metadata?.resourceVersion !== object.metadata?.resourceVersion) this.#assumed.delete(key);
  }

  remove(object: T): void {
    this.#seen.delete(keyOf(object));
    this.#assumed.delete(keyOf(object));
  }

  /** It will be so: a state made of the one that `get` gave. */
  assume(object: T): void {
    this.#assumed.set(keyOf(object), object);
  }

  /** It will not be so after all. What took its place meanwhile stays. */
  forget(object: T): void {
    if (this.#assumed.get(keyOf(object)) === object) this.#assumed.delete(keyOf(object));
  }
}
