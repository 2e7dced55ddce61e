/** The one implementation of Resource: a strategy's reader and writer, and the subresources that it has. */
import { isNotFound, methodNotAllowed, pathNotFound } from '../../api/errors.ts';
import type { Kind } from '../../api/kinds.ts';
import { nowSeconds } from '../../api/meta.ts';
import type { KubeObject, Status } from '../../api/types.ts';
import type { AdmissionRequest } from '../admission/types.ts';
import type { Stored } from '../store/types.ts';
import { checkBody } from './body.ts';
import { asStored } from './committer.ts';
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
import { Reader } from './reader.ts';
import type { Resource } from './resource.ts';
import { shapeOf } from './schema/shape.ts';
import type { Strategy, SubresourceStrategy } from './strategy.ts';
import { type ApplyOptions, Writer, type WriterParts } from './writer.ts';

/** How many objects of a collection are deleted at once. */
const deleteConcurrency = 16;

export class GenericResource implements Resource {
  readonly kind: Kind;
  readonly columns: readonly Column[];
  readonly #strategy: Strategy;
  readonly #clock: WriterParts['clock'];
  readonly #admission: WriterParts['admission'];
  readonly #reader: Reader;
  readonly #writer: Writer;

  constructor(parts: WriterParts) {
    this.kind = parts.strategy.kind;
    this.columns = parts.strategy.columns;
    this.#strategy = parts.strategy;
    this.#clock = parts.clock;
    this.#admission = parts.admission;
    this.#reader = new Reader(parts.strategy, parts.store);
    this.#writer = new Writer(parts);
  }

  async get(_ctx: RequestContext, name: ObjectName, options: GetOptions, subresource?: Subresource): Promise<Stored> {
    const sub = this.#subresource(subresource);
    return viewed(sub, await this.#reader.get(name, options));
  }

  list(_ctx: RequestContext, namespace: string | undefined, options: ListOptions): Promise<ListResult> {
    return this.#reader.list(namespace, options);
  }

  create(ctx: RequestContext, namespace: string | undefined, object: KubeObject): Promise<Stored> {
    return this.#writer.create(ctx, namespace, object);
  }

  async update(ctx: RequestContext, name: ObjectName, object: KubeObject, subresource?: Subresource): Promise<Stored> {
    const sub = this.#subresource(subresource);
    return viewed(sub, await this.#writer.update(ctx, name, object, subresource));
  }

  async patch(ctx: RequestContext, name: ObjectName, patch: Patch, subresource?: Subresource): Promise<Stored> {
    const sub = this.#subresource(subresource);
    return viewed(sub, await this.#writer.patch(ctx, name, patch, subresource));
  }

  async apply(
    ctx: RequestContext,
    name: ObjectName,
    config: KubeObject,
    options: ApplyOptions,
    subresource?: Subresource,
  ): Promise<{ stored: Stored; created: boolean }> {
    const sub = this.#subresource(subresource);
    const { stored, created } = await this.#writer.apply(ctx, name, config, options, subresource);
    return { stored: viewed(sub, stored), created };
  }

  delete(ctx: RequestContext, name: ObjectName, options: DeleteOptions): Promise<DeleteResult> {
    return this.#writer.delete(ctx, name, options);
  }

  async deleteCollection(
    ctx: RequestContext,
    namespace: string | undefined,
    list: ListOptions,
    options: DeleteOptions,
  ): Promise<ListResult> {
    if (this.#strategy.deleteCollection === false) throw methodNotAllowed();
    const chosen = await this.#reader.list(namespace, list);
    const waiting = [...chosen.items];
    const deleteSome = async (): Promise<void> => {
      for (let item = waiting.shift(); item; item = waiting.shift()) await this.#deleteIfThere(ctx, item, options);
    };
    await Promise.all(Array.from({ length: deleteConcurrency }, deleteSome));
    return chosen;
  }

  watch(
    _ctx: RequestContext,
    namespace: string | undefined,
    options: ListOptions,
    listener: WatchListener,
    signal: AbortSignal,
  ): Promise<WatchProgress> {
    return this.#reader.watch(namespace, options, listener, signal);
  }

  async createSubresource(
    ctx: RequestContext,
    name: ObjectName,
    subresource: ActionSubresource,
    body: KubeObject,
  ): Promise<Status> {
    const action = this.#strategy.actions?.[subresource];
    const row = this.kind.subresources.find((other) => other.name === subresource);
    if (!action || !row) throw pathNotFound();
    const { group = this.kind.group, version = this.kind.version, kind = this.kind.kind } = row;
    const bodyKind = { group, version, kind };
    checkBody(ctx, bodyKind, shapeOf(bodyKind), body, name);
    const { kind: own } = this;
    const request: AdmissionRequest = { ctx, operation: 'CREATE', kind: own, subresource, ...name, object: body };
    await this.#admission.admit(request);
    await this.#admission.validate(request);
    return action.run(this.#writer, ctx, name, body, nowSeconds(this.#clock.now()));
  }

  async #deleteIfThere(ctx: RequestContext, { object }: Stored, options: DeleteOptions): Promise<void> {
    const { namespace, name = '' } = object.metadata ?? {};
    try {
      await this.#writer.delete(ctx, namespace === undefined ? { name } : { namespace, name }, options);
    } catch (error) {
      // Somebody else was quicker: what was asked for is so.
      if (!isNotFound(error)) throw error;
    }
  }

  #subresource(name: Subresource | undefined): SubresourceStrategy | undefined {
    if (name === undefined) return undefined;
    const sub = this.#strategy.subresources?.[name];
    if (!sub) throw pathNotFound();
    return sub;
  }
}

function viewed(sub: SubresourceStrategy | undefined, stored: Stored): Stored {
  return sub?.view ? asStored(stored.key, sub.view.of(stored.object), stored.revision) : stored;
}
