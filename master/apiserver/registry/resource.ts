/**
 * The generic verbs, written once for every resource.
 */
import type { Kind } from '../../api/kinds.ts';
import type { KubeObject, Status } from '../../api/types.ts';
import type { Stored } from '../store/types.ts';
import type {
  ActionSubresource,
  Column,
  DeleteOptions,
  DeleteResult,
  GetOptions,
  ListOptions,
  ListResult,
  ObjectName,
  Patch,
  RequestContext,
  Subresource,
  WatchListener,
  WatchProgress,
} from './context.ts';
import type { ApplyOptions } from './writer.ts';

/** One resource as the routes use it. Every verb throws StatusError and nothing else that a client can cause. */
export interface Resource {
  readonly kind: Kind;
  readonly columns: readonly Column[];
  get(ctx: RequestContext, name: ObjectName, options: GetOptions, subresource?: Subresource): Promise<Stored>;
  list(ctx: RequestContext, namespace: string | undefined, options: ListOptions): Promise<ListResult>;
  create(ctx: RequestContext, namespace: string | undefined, object: KubeObject): Promise<Stored>;
  update(ctx: RequestContext, name: ObjectName, object: KubeObject, subresource?: Subresource): Promise<Stored>;
  patch(ctx: RequestContext, name: ObjectName, patch: Patch, subresource?: Subresource): Promise<Stored>;
  /** Server-side apply; `created`: the object was not there. */
  apply(
    ctx: RequestContext,
    name: ObjectName,
    config: KubeObject,
    options: ApplyOptions,
    subresource?: Subresource,
  ): Promise<{ stored: Stored; created: boolean }>;
  delete(ctx: RequestContext, name: ObjectName, options: DeleteOptions): Promise<DeleteResult>;
  deleteCollection(
    ctx: RequestContext,
    namespace: string | undefined,
    list: ListOptions,
    options: DeleteOptions,
  ): Promise<ListResult>;
  /** Resolves once the watch has begun and its initial events have been given, with how far it is; ends with `signal`. */
  watch(
    ctx: RequestContext,
    namespace: string | undefined,
    options: ListOptions,
    listener: WatchListener,
    signal: AbortSignal,
  ): Promise<WatchProgress>;
  /** POST to `pods/binding`, `pods/eviction`. */
  createSubresource(
    ctx: RequestContext,
    name: ObjectName,
    subresource: ActionSubresource,
    body: KubeObject,
  ): Promise<Status | KubeObject>;
}
