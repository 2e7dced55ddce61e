/**
 * The store: objects by key, with one order of revisions over all of them.
 *
 * Guarantees: a write happens once or not at all, and is acknowledged only once a majority of the etcd members has it. A
 * consistent read sees every write that was acknowledged, by whichever API server, before the read began. A watch
 * delivers every change after its revision once, in order, or ends with an error that says to list again.
 *
 * Not its business: what the objects mean, who may touch them, selectors, or how answers are written.
 */
import type { Fence } from '../../api/fence.ts';
import type { KubeObject } from '../../api/types.ts';

export interface MemberProblem {
  readonly url: string;
  /** Undefined when nothing is. */
  readonly problem: string | undefined;
}

export interface Store {
  /** The cache is filled and the etcd members were heard lately. */
  readonly ready: boolean;
  /** The revision that the cache has reached. */
  readonly cacheRevision: number;
  /** The etcd members, in the order of their URLs, and what is wrong with each as far as it is known here. */
  memberProblems(): Promise<readonly MemberProblem[]>;
  /** The newest revision that etcd has acknowledged to anybody: one linearizable request, shared by those who wait. */
  currentRevision(): Promise<number>;

  /** Throws a StatusError of reason InternalError for a value that cannot be decrypted, as `list` and `listAt` do. */
  get(key: string, freshness: Freshness): Promise<Stored | undefined>;
  /** Everything whose key starts with `prefix`, which ends in a slash. */
  list(prefix: string, freshness: Freshness): Promise<Listed>;
  /** The state as it was at exactly this revision. Throws a StatusError of reason Expired where that is forgotten. */
  listAt(prefix: string, revision: number): Promise<Listed>;

  /** Whether the value of a key should be written again though nothing changes in it: it is not encrypted as it should be. */
  isStale(key: string): boolean;

  /** Throws KeyExists, FenceLost or ExtraConflict. */
  create(key: string, object: KubeObject, options?: WriteOptions): Promise<Stored>;
  /** Throws RevisionMismatch, FenceLost or ExtraConflict. */
  update(key: string, object: KubeObject, expectedRevision: number, options?: WriteOptions): Promise<Stored>;
  /** Throws RevisionMismatch, FenceLost or ExtraConflict. */
  delete(key: string, expectedRevision: number, options?: WriteOptions): Promise<Deleted>;

  /**
   * Tells `listener` of every change after revision `from` under `prefix`. Nothing is delivered before this returns. To
   * begin with a list and go on from it: `list`, then `watch` from the list's revision.
   * Throws a StatusError of reason Expired when `from` is older than what the store remembers.
   */
  watch(prefix: string, from: number, listener: WatchListener): WatchSource;
}

/** A store whose cache can be looked at. */
export interface PeekableStore extends Store {
  /** What the cache has now under a prefix: for decisions that cannot wait. The same array while nothing changes there. */
  peek(prefix: string): readonly Stored[];
}

/** An object as the store holds it. */
export interface Stored {
  readonly key: string;
  readonly revision: number;
  /** The JSON text of the object, its resourceVersion inside. Shared: never write into it. */
  readonly bytes: Buffer;
  /** The parsed object, its resourceVersion set. Shared: never change it. `{}` where the value is no JSON object. */
  readonly object: KubeObject;
  /** The value is encrypted and no key here opens it: `bytes` are no JSON. Never given to anybody outside the store. */
  readonly sealed?: boolean;
}

export interface Listed {
  /** Sorted by key. Shared by all who list the same state, so what is made of it may be kept by its identity. */
  items: readonly Stored[];
  /** The revision of the state that the items are. */
  revision: number;
}

export interface Deleted {
  /** The revision of the deletion. */
  revision: number;
  /** The last state, with the deletion's revision as its resourceVersion, as Kubernetes answers it. */
  last: Stored;
}

/** How fresh the state must be that a read is answered from. */
export type Freshness =
  /** Every write acknowledged before the read began. */
  | { readonly kind: 'consistent' }
  /** Whatever the cache has (resourceVersion=0). */
  | { readonly kind: 'any' }
  /** This revision or newer. Waits for it up to 3 s, then throws a StatusError of reason Timeout, as Kubernetes. */
  | { readonly kind: 'atLeast'; readonly revision: number };

export const consistent: Freshness = { kind: 'consistent' };
export const anyRevision: Freshness = { kind: 'any' };

export interface WriteOptions {
  /** The write is refused with FenceLost unless this is the generation that the fence's key holds. */
  readonly fence?: Fence | undefined;
  /** Written in the same transaction. */
  readonly also?: readonly ExtraPut[] | undefined;
}

/** A key written or deleted together with an object. `expectedRevision` 0: the key must not exist; absent: no condition. */
export type ExtraPut =
  | { readonly key: string; readonly value: string; readonly expectedRevision?: number }
  | { readonly key: string; readonly delete: true; readonly expectedRevision?: number };

export interface StoreEvent {
  readonly type: 'put' | 'delete';
  readonly key: string;
  readonly revision: number;
  /** The new state; absent for a delete. */
  readonly current?: Stored;
  /** The state before; absent for a create. For a delete, it carries the deletion's revision, in its bytes too. */
  readonly previous?: Stored;
}

export interface WatchListener {
  /**
   * Changes in order, one call for what came together, never empty. `revision` is what the watch has now reached. Watchers of
   * the same prefix are mostly given the very same array, so what is made of it may be shared by its identity. Must return
   * quickly: it runs within the delivery to all watchers.
   */
  onEvents(events: readonly StoreEvent[], revision: number): void;
  /** The store ended the watch: its events were lost (Expired: list again) or the store is closing. */
  onEnd(error: Error): void;
}

export interface WatchSource {
  /** The revision up to which everything was delivered; it grows without events too (for bookmarks). */
  readonly revision: number;
  /** No call of the listener happens after this. */
  close(): void;
}
