/**
 * What a request brings to the registry and what it takes from it: plain data, with no HTTP in it. The routes parse a
 * URL, headers and a body into these; the registry's verbs speak nothing else.
 */
import type { StatusError } from '../../api/errors.ts';
import type { Fence } from '../../api/fence.ts';
import type { DeleteOptions, KubeObject } from '../../api/types.ts';
import type { Stored } from '../store/types.ts';

export interface UserInfo {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** Everything about one request that is not its object. */
export interface RequestContext {
  readonly user: UserInfo;
  /** The generation of the leader that writes; the store refuses the write when a later one has begun. */
  readonly fence?: Fence;
  /** Do everything but the store's transaction. */
  readonly dryRun: boolean;
  readonly fieldManager?: string;
  readonly fieldValidation: 'Strict' | 'Warn' | 'Ignore';
  /** What the body's text says twice, as messages: the parsed object cannot tell. */
  duplicateFields?: readonly string[];
  /** The registry adds to it; the answer carries each as a `Warning` header. */
  readonly warnings: string[];
  /** The API server's own write, which webhooks and policies are not asked about: they may need it to be reachable. */
  readonly internal?: true;
  /** What admission notes for the audit log, where one is kept: `<plugin or webhook>/<key>` and its value. */
  readonly auditAnnotations?: Map<string, string>;
  readonly signal: AbortSignal;
}

/** The API server's own writes: as whoever may do everything. */
export function systemContext(signal: AbortSignal): RequestContext {
  return {
    user: { name: 'system:apiserver', groups: ['system:masters'] },
    dryRun: false,
    fieldValidation: 'Ignore',
    warnings: [],
    internal: true,
    signal,
  };
}

/** Whom a verb is about. `namespace` is absent for cluster-scoped resources. */
export interface ObjectName {
  readonly namespace?: string;
  readonly name: string;
}

export interface GetOptions {
  readonly resourceVersion?: string;
}

/** The query of a list or watch, as text where Kubernetes' own messages quote it. */
export interface ListOptions {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: string;
  readonly allowWatchBookmarks?: boolean;
  readonly timeoutSeconds?: number;
  readonly sendInitialEvents?: boolean;
}

export interface ListResult {
  readonly items: readonly Stored[];
  /** The same array comes again while nothing in it changes: what is made of it may be kept by its identity. */
  readonly shared?: boolean;
  readonly revision: number;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/** `gone`: the object is no more, and this is its last state; otherwise it stays until its finalizers or grace end. */
export interface DeleteResult {
  readonly object: Stored;
  readonly gone: boolean;
}

export interface Patch {
  readonly type: 'json' | 'merge' | 'strategic';
  /** The parsed JSON of the body. */
  readonly patch: unknown;
}

/** One event as one watcher sees it. `stored.bytes` is the JSON to send as the event's object. */
export interface ResourceEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly stored: Stored;
}

/** The revision up to which a watcher was told everything. It goes on without events too, with every write to any resource. */
export type WatchProgress = () => number;

export interface WatchListener {
  /** What happened up to `revision`, in order: no events where a selector chose none. */
  onEvents(events: readonly ResourceEvent[], revision: number): void;
  /** All initial events have been given (asked for with `sendInitialEvents`); they are the state at `revision`. */
  onInitialEventsEnd(revision: number): void;
  /** The watch is over and no more events follow; the watcher starts again. */
  onEnd(error?: StatusError): void;
}

/** A column of a Table. `priority` 1 is shown only with `-o wide`. */
export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  readonly description: string;
  readonly priority: 0 | 1;
  /** `now` is in milliseconds since the epoch, for ages. */
  value(object: KubeObject, now: number): string | number | boolean | null;
}

/** The subresources that are got, updated and patched (the others are only created). */
export type Subresource = 'status' | 'scale' | 'finalize' | 'approval' | 'ephemeralcontainers' | 'resize';
/** The subresources that are created: each does something to its parent. */
export type ActionSubresource = 'binding' | 'eviction';

export type { DeleteOptions };
