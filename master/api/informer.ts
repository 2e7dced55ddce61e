/**
 * Informer: a local copy of the objects of one resource, kept right by one list and one watch.
 *
 * Guarantees: handlers see every object's latest state, in order of resourceVersion for each object; a state in between may be
 * left out after a relist. It reconnects for ever, from where it stopped, and lists anew when the server no longer remembers
 * that point. What `get` and `list` return belongs to the cache: never change it. It comes without `metadata.managedFields`, which
 * would take more memory than the rest of many objects; a write that does not say them leaves them as they are.
 */
import type { Client, Selection } from './client.ts';
import { sleep } from './clock.ts';
import { newer } from './election.ts';
import { isExpired, StatusError } from './errors.ts';
import type { Kind } from './kind-row.ts';
import type { Logger } from './logging.ts';
import { keyOf } from './meta.ts';
import type { ResourceName, ResourceTypes, WatchEvent } from './types.ts';

export interface Handler<T> {
  added?(object: T): void;
  updated?(previous: T, object: T): void;
  deleted?(object: T): void;
}

/** The index keys of an object; none leaves it out of the index. */
export type IndexFunction<T> = (object: T) => readonly string[];

const firstRetryMs = 50;
const longestRetryMs = 2_000;
/** The server ends a watch after five to ten minutes, so that connections spread over the masters again. */
const shortestWatchSeconds = 300;

export class Informer<R extends ResourceName, T extends ResourceTypes[R] = ResourceTypes[R]> {
  /** A resource by its name, or any kind by its row. */
  readonly resource: R | Kind;
  readonly #client: Client;
  readonly #selection: Selection;
  readonly #logger: Logger | undefined;
  readonly #handlers: Handler<T>[] = [];
  readonly #indexes = new Map<string, Index<T>>();
  #objects = new Map<string, T>();
  #resourceVersion = '';
  /** Who waits for the copy to be complete up to a resourceVersion. */
  readonly #waiting = new Set<{ readonly version: string; readonly reached: () => void }>();
  #synced = Promise.withResolvers<void>();
  #hasSynced = false;

  constructor(client: Client, resource: R | Kind, options: Selection & { logger?: Logger } = {}) {
    const { logger, ...selection } = options;
    this.#client = client;
    this.resource = resource;
    this.#selection = selection;
    this.#logger = logger;
  }

  /**
   * Handlers are called synchronously. One that is added late is told of every object that is there already; one that is
   * added with a signal is told of nothing more after its abort (a leader's term ends, the informer lives on).
   */
  addHandler(handler: Handler<T>, signal?: AbortSignal): void {
    if (signal?.aborted) return;
    this.#handlers.push(handler);
    signal?.addEventListener('abort', () => this.#handlers.splice(this.#handlers.indexOf(handler), 1), { once: true });
    for (const object of this.#objects.values()) handler.added?.(object);
  }

  addIndex(name: string, keysOf: IndexFunction<T>): void {
    if (this.#indexes.has(name)) return;
    const index = new Index(keysOf);
    for (const [key, object] of this.#objects) index.add(key, object);
    this.#indexes.set(name, index);
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(): T[] {
    return [...this.#objects.values()];
  }

  byIndex(name: string, value: string): T[] {
    const index = this.#indexes.get(name);
    if (!index) throw new Error(`the informer of ${this.resource} has no index ${name}`);
    return index.get(value);
  }

  /** The resourceVersion up to which the copy is complete. */
  get resourceVersion(): string {
    return this.#resourceVersion;
  }

  /** Resolves when the copy is complete up to this resourceVersion or the signal is aborted; without events that can take a minute. */
  async reached(version: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted || !newer(version, this.#resourceVersion)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const reached = (): void => resolve();
    const waiter = { version, reached };
    this.#waiting.add(waiter);
    signal.addEventListener('abort', reached, { once: true });
    await promise;
    signal.removeEventListener('abort', reached);
    this.#waiting.delete(waiter);
  }

  /** Resolves when the first list is in the cache. */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** Lists and watches until the signal is aborted. It never rejects for an operating error. */
  async run(signal: AbortSignal): Promise<void> {
    let retryMs = firstRetryMs;
    while (!signal.aborted) {
      try {
        if (this.#resourceVersion === '') await this.#replace(signal);
        await this.#follow(signal, () => {
          retryMs = firstRetryMs;
        });
      } catch (error) {
        if (signal.aborted) return;
        if (isExpired(error)) this.#resourceVersion = '';
        this.#logger?.debug({ resource: this.resource, err: error }, 'watch ended, starting it again');
        await sleep(retryMs * (0.5 + Math.random() / 2), signal);
        retryMs = Math.min(retryMs * 2, longestRetryMs);
      }
    }
  }

  async #replace(signal: AbortSignal): Promise<void> {
    const { items, metadata } = await this.#client.list(this.resource, this.#selection, signal);
    const listed = new Map(items.map((object) => [keyOf(object), object as T]));
    for (const key of [...this.#objects.keys()]) if (!listed.has(key)) this.#remove(key, undefined);
    for (const [key, object] of listed) this.#put(key, object);
    this.#moveOn(metadata.resourceVersion ?? '');
    this.#hasSynced = true;
    this.#synced.resolve();
  }

  async #follow(signal: AbortSignal, progress: () => void): Promise<void> {
    const timeoutSeconds = Math.round(shortestWatchSeconds * (1 + Math.random()));
    const options = { ...this.#selection, resourceVersion: this.#resourceVersion, timeoutSeconds };
    for await (const events of this.#client.watch(this.resource, options, signal)) {
      if (signal.aborted) return;
      for (const event of events) this.#apply(event as WatchEvent<T>);
      progress();
    }
  }

  #apply(event: WatchEvent<T>): void {
    if (event.type === 'ERROR') throw new StatusError(event.object);
    const { object } = event;
    if (event.type === 'DELETED') this.#remove(keyOf(object), object);
    else if (event.type !== 'BOOKMARK') this.#put(keyOf(object), object);
    this.#moveOn(object.metadata?.resourceVersion ?? this.#resourceVersion);
  }

  #moveOn(version: string): void {
    this.#resourceVersion = version;
    for (const waiter of this.#waiting) if (!newer(waiter.version, version)) waiter.reached();
  }

  #put(key: string, object: T): void {
    const previous = this.#objects.get(key);
    if (previous && previous.metadata?.resourceVersion === object.metadata?.resourceVersion) return;
    delete object.metadata?.managedFields;
    this.#objects.set(key, object);
    for (const index of this.#indexes.values()) {
      if (previous) index.remove(key, previous);
      index.add(key, object);
    }
    for (const handler of this.#handlers) {
      if (!previous) handler.added?.(object);
      // The same name with another uid is another object: the old one's end must not go unseen.
      else if (previous.metadata?.uid !== object.metadata?.uid) {
        handler.deleted?.(previous);
        handler.added?.(object);
      } else handler.updated?.(previous, object);
    }
  }

  #remove(key: string, last: T | undefined): void {
    const previous = this.#objects.get(key);
    if (!previous) return;
    this.#objects.delete(key);
    for (const index of this.#indexes.values()) index.remove(key, previous);
    for (const handler of this.#handlers) handler.deleted?.(last ?? previous);
  }
}

class Index<T> {
  readonly #keysOf: IndexFunction<T>;
  readonly #buckets = new Map<string, Map<string, T>>();

  constructor(keysOf: IndexFunction<T>) {
    this.#keysOf = keysOf;
  }

  get(value: string): T[] {
    return [...(this.#buckets.get(value)?.values() ?? [])];
  }

  add(key: string, object: T): void {
    for (const value of this.#keysOf(object)) {
      const bucket = this.#buckets.get(value) ?? new Map<string, T>();
      this.#buckets.set(value, bucket.set(key, object));
    }
  }

  remove(key: string, object: T): void {
    for (const value of this.#keysOf(object)) {
      const bucket = this.#buckets.get(value);
      bucket?.delete(key);
      if (bucket?.size === 0) this.#buckets.delete(value);
    }
  }
}
