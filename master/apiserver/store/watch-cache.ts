/**
 * The state of etcd in memory, and what led to it. One feed applies etcd's events in order; reads are answered from here, and
 * every watcher is told from here.
 *
 * Delivery is by batch (delivery.ts): whatever was applied since the last delivery goes out together, once per prefix, so
 * that watchers of one prefix get the very same array and may share what they make of it. A watcher only queues what it is
 * given, so none can slow another.
 */
import { type Clock, systemClock } from '../../api/clock.ts';
import { expired, internalError, serviceUnavailable } from '../../api/errors.ts';
import { Collection } from './collection.ts';
import { Delivery } from './delivery.ts';
import { defaultWindowLimits, EventWindow, type RememberedEvent, type WindowLimits } from './event-window.ts';
import { collectionOf } from './keys.ts';
import type { OwnWrites } from './own-writes.ts';
import type { Listed, Stored, StoreEvent, WatchListener } from './types.ts';
import { storedFromValue, tokenOf, withRevision } from './value.ts';
import { Watcher } from './watcher.ts';
import type { KeyValue, WireEvent } from './wire.ts';

export interface WatchCacheOptions {
  readonly ownWrites: OwnWrites;
  readonly limits?: WindowLimits | undefined;
  readonly clock?: Clock | undefined;
  readonly deliveryPaceMs?: number | undefined;
}

interface Waiter {
  readonly revision: number;
  resolve(reached: boolean): void;
}

export class WatchCache {
  readonly #ownWrites: OwnWrites;
  readonly #limits: WindowLimits;
  readonly #clock: Clock;
  #collections = new Map<string, Collection>();
  #window = new EventWindow(0);
  /** Invariant: the state is exactly etcd's at this revision. */
  #revision = 0;
  /** The revision from which on the state may be shown; before, it is older than what was already known of etcd. */
  #shownFrom = Number.POSITIVE_INFINITY;
  #waiters: Waiter[] = [];
  /** By collection, once something is watched there. */
  readonly #deliveries = new Map<string, Delivery>();
  /** Keys of values that no key opens. */
  readonly #sealed = new Set<string>();
  readonly #deliveryPaceMs: number | undefined;

  constructor(options: WatchCacheOptions) {
    const { ownWrites, limits = defaultWindowLimits, clock = systemClock } = options;
    this.#deliveryPaceMs = options.deliveryPaceMs;
    this.#ownWrites = ownWrites;
    this.#limits = limits;
    this.#clock = clock;
  }

  get revision(): number {
    return this.#revision;
  }

  /** Whether there is a state to answer from. */
  get filled(): boolean {
    return this.#revision >= this.#shownFrom;
  }

  /** Objects by collection, for metrics. */
  get sizes(): ReadonlyMap<string, number> {
    return new Map([...this.#collections].map(([name, { size }]) => [name, size]));
  }

  countOf(collection: string): number {
    return this.#collections.get(collection)?.size ?? 0;
  }

  get watcherCount(): number {
    let count = 0;
    for (const { watchers } of this.#deliveries.values()) count += watchers.size;
    return count;
  }

  /**
   * Starts over from a state that was read whole: what happened between is unknown, so every watcher must list again. The
   * state may be a past one, so that the events since become known; nothing is shown before the cache has reached `shownFrom`.
   */
  reset(kvs: Iterable<KeyValue>, revision: number, shownFrom = revision): void {
    this.#ownWrites.lose();
    this.#collections = new Map();
    this.#sealed.clear();
    for (const { key, value, revision: modified } of kvs) {
      const stored = storedFromValue(key, value, modified);
      this.#collection(key)?.put(stored);
      if (stored.sealed) this.#sealed.add(key);
    }
    this.#window = new EventWindow(revision, this.#limits);
    this.#revision = revision;
    this.#shownFrom = shownFrom;
    for (const delivery of this.#deliveries.values()) delivery.forget();
    this.endWatches(expired('too old resource version: the server has started its cache anew'));
    this.#wakeWaiters();
  }

  /** Applies events that follow the present state, all of whole revisions. */
  apply(events: readonly WireEvent[]): void {
    for (const { type, kv } of events) {
      const collectionName = collectionOf(kv.key);
      if (collectionName !== '') this.#applyOne(type, kv);
      this.#revision = kv.revision;
    }
    this.#wakeWaiters();
  }

  /** Nothing more will come up to this revision. */
  progress(revision: number): void {
    if (revision <= this.#revision) return;
    this.#revision = revision;
    this.#wakeWaiters();
  }

  get(key: string): Stored | undefined {
    return this.#collections.get(collectionOf(key))?.get(key);
  }

  list(prefix: string): Listed {
    return { items: this.#collections.get(collectionOf(prefix))?.list(prefix) ?? [], revision: this.#revision };
  }

  /** The state at a past revision, by undoing what happened since; undefined where that is forgotten or yet to come. */
  listAt(prefix: string, revision: number): Listed | undefined {
    if (revision === this.#revision) return this.list(prefix);
    if (revision < this.#window.start || revision > this.#revision) return undefined;
    const since = this.#window.after(revision).filter(({ key }) => key.startsWith(prefix));
    const { items } = this.list(prefix);
    if (since.length === 0) return { items, revision };
    const state = new Collection();
    for (const stored of items) state.put(stored);
    for (const event of since.reverse()) {
      const before = event.deleted ?? event.previous;
      if (before) state.put(before);
      else state.delete(event.key);
    }
    return { items: state.list(prefix), revision };
  }

  /** Tries again to read what could not be read: there may be new keys. */
  reopen(open: (kv: KeyValue) => KeyValue): void {
    for (const key of this.#sealed) {
      const collection = this.#collection(key);
      const sealed = collection?.get(key);
      if (!sealed) continue;
      const { value, revision } = open({ key, value: sealed.bytes, revision: sealed.revision });
      const opened = storedFromValue(key, value, revision);
      if (opened.sealed) continue;
      collection?.put(opened);
      this.#sealed.delete(key);
    }
  }

  /** A key under the prefix whose value nobody here can read. */
  sealedUnder(prefix: string): string | undefined {
    if (this.#sealed.size === 0) return undefined;
    for (const key of this.#sealed) if (key.startsWith(prefix)) return key;
    return undefined;
  }

  /** What happened to a key after a revision, oldest first; undefined where that is forgotten. */
  historyOf(key: string, after: number): StoreEvent[] | undefined {
    if (after < this.#window.start) return undefined;
    return this.#window.after(after).filter((event) => event.key === key);
  }

  /** Resolves true when the cache has reached a revision, false when it did not within the time. */
  waitFor(revision: number, timeoutMs: number): Promise<boolean> {
    if (this.filled && this.#revision >= revision) return Promise.resolve(true);
    return new Promise((resolve) => {
      const waiter: Waiter = {
        revision,
        resolve: (reached) => {
          this.#clock.clearTimeout(timer);
          resolve(reached);
        },
      };
      const timer = this.#clock.setTimeout(() => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        resolve(false);
      }, timeoutMs);
      this.#waiters.push(waiter);
    });
  }

  watch(prefix: string, from: number, listener: WatchListener): Watcher {
    if (!this.filled) throw serviceUnavailable('the watch cache is not filled yet', 1);
    const name = collectionOf(prefix);
    const start = this.#window.startOf(name);
    if (from < start) throw expired(`too old resource version: ${from} (${start})`);
    const missed = this.#window.after(from).filter(({ key }) => key.startsWith(prefix));
    const sealed = missed.find(({ current, previous }) => current?.sealed || previous?.sealed);
    if (sealed) throw undecryptable(sealed.key);
    const delivery = this.#delivery(name);
    const watcher = new Watcher({
      prefix,
      from,
      listener,
      missed,
      registeredAt: this.#revision,
      delivered: () => delivery.revision,
      detach: () => delivery.watchers.delete(watcher),
    });
    delivery.watchers.add(watcher);
    delivery.soon();
    return watcher;
  }

  /** Ends every watch. */
  endWatches(error: Error): void {
    for (const { watchers } of this.#deliveries.values()) {
      for (const watcher of [...watchers]) watcher.end(error);
    }
  }

  #applyOne(type: WireEvent['type'], { key, value, revision }: KeyValue): void {
    const collection = this.#collection(key);
    if (!collection) return;
    let event: RememberedEvent;
    if (type === 'put') {
      this.#ownWrites.saw(tokenOf(value), revision);
      const current = storedFromValue(key, value, revision);
      const before = collection.put(current);
      event = before ? { type, key, revision, current, previous: before } : { type, key, revision, current };
    } else {
      const deleted = collection.delete(key);
      if (!deleted) return;
      event = { type, key, revision, previous: withRevision(deleted, revision), deleted };
    }
    this.#window.add(event, this.#clock.elapsed());
    this.#deliveries.get(collectionOf(key))?.add(event);
    if (event.current?.sealed || event.previous?.sealed) this.#cannotTell(event);
  }

  /** Watchers cannot be told of a value that nobody can read: they end, and a list says why. */
  #cannotTell({ key, current }: StoreEvent): void {
    if (current?.sealed) this.#sealed.add(key);
    else this.#sealed.delete(key);
    for (const watcher of [...(this.#deliveries.get(collectionOf(key))?.watchers ?? [])]) {
      if (key.startsWith(watcher.prefix)) watcher.end(undecryptable(key));
    }
  }

  #collection(key: string): Collection | undefined {
    const name = collectionOf(key);
    if (name === '') return undefined;
    let collection = this.#collections.get(name);
    if (!collection) {
      collection = new Collection();
      this.#collections.set(name, collection);
    }
    return collection;
  }

  #delivery(collection: string): Delivery {
    let delivery = this.#deliveries.get(collection);
    if (!delivery) {
      const applied = (): number => this.#revision;
      delivery = new Delivery({ prefix: collection, applied, clock: this.#clock, paceMs: this.#deliveryPaceMs });
      this.#deliveries.set(collection, delivery);
    }
    return delivery;
  }

  #wakeWaiters(): void {
    if (this.#waiters.length === 0) return;
    if (!this.filled) return;
    const reached = this.#waiters.filter(({ revision }) => revision <= this.#revision);
    if (reached.length === 0) return;
    this.#waiters = this.#waiters.filter(({ revision }) => revision > this.#revision);
    for (const waiter of reached) waiter.resolve(true);
  }
}

/** In Kubernetes' words. */
export const undecryptable = (key: string, why = 'no matching prefix found'): Error =>
  internalError(new Error(`unable to transform key ${JSON.stringify(key)}: ${why}`));
