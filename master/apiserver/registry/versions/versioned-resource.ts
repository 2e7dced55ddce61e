/** A resource in a version that is not the stored one: the generic verbs, and conversion at their edges. */
import { internalError, isStatusError } from '../../../api/errors.ts';
import type { Kind } from '../../../api/kinds.ts';
import type { KubeObject, Status } from '../../../api/types.ts';
import type { Stored } from '../../store/types.ts';
import { asStored } from '../committer.ts';
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
  ResourceEvent,
  Subresource,
  WatchListener,
  WatchProgress,
} from '../context.ts';
import { GenericResource } from '../generic-resource.ts';
import type { Resource } from '../resource.ts';
import type { ApplyOptions, WriterParts } from '../writer.ts';
import type { ServedVersion } from './served-version.ts';

export class VersionedResource implements Resource {
  readonly kind: Kind;
  readonly columns: readonly Column[];
  readonly #version: ServedVersion;
  readonly #stored: Resource;
  /** An event goes to many watchers: what was made of its object is kept with it. */
  readonly #converted = new WeakMap<Stored, Stored>();

  constructor(parts: WriterParts, version: ServedVersion) {
    this.kind = version.kind;
    this.columns = version.columns;
    this.#version = version;
    this.#stored = new GenericResource({ ...parts, version });
  }

  async get(ctx: RequestContext, name: ObjectName, options: GetOptions, subresource?: Subresource): Promise<Stored> {
    return this.#shown(await this.#stored.get(ctx, name, options, subresource), subresource);
  }

  async list(ctx: RequestContext, namespace: string | undefined, options: ListOptions): Promise<ListResult> {
    const result = await this.#stored.list(ctx, namespace, options);
    return { ...result, items: await this.#all(result.items) };
  }

  async create(ctx: RequestContext, namespace: string | undefined, object: KubeObject): Promise<Stored> {
    return this.#one(await this.#stored.create(ctx, namespace, object));
  }

  async update(ctx: RequestContext, name: ObjectName, object: KubeObject, subresource?: Subresource): Promise<Stored> {
    return this.#shown(await this.#stored.update(ctx, name, object, subresource), subresource);
  }

  async patch(ctx: RequestContext, name: ObjectName, patch: Patch, subresource?: Subresource): Promise<Stored> {
    return this.#shown(await this.#stored.patch(ctx, name, patch, subresource), subresource);
  }

  async apply(
    ctx: RequestContext,
    name: ObjectName,
    config: KubeObject,
    options: ApplyOptions,
    subresource?: Subresource,
  ): Promise<{ stored: Stored; created: boolean }> {
    const { stored, created } = await this.#stored.apply(ctx, name, config, options, subresource);
    return { stored: await this.#shown(stored, subresource), created };
  }

  async delete(ctx: RequestContext, name: ObjectName, options: DeleteOptions): Promise<DeleteResult> {
    const { object, gone } = await this.#stored.delete(ctx, name, options);
    return { object: await this.#one(object), gone };
  }

  async deleteCollection(
    ctx: RequestContext,
    namespace: string | undefined,
    list: ListOptions,
    options: DeleteOptions,
  ): Promise<ListResult> {
    const result = await this.#stored.deleteCollection(ctx, namespace, list, options);
    return { ...result, items: await this.#all(result.items) };
  }

  async watch(
    ctx: RequestContext,
    namespace: string | undefined,
    options: ListOptions,
    listener: WatchListener,
    signal: AbortSignal,
  ): Promise<WatchProgress> {
    const converting = new ConvertingListener(listener, this.#events);
    const progress = await this.#stored.watch(ctx, namespace, options, converting, signal);
    return () => converting.reached(progress);
  }

  createSubresource(
    ctx: RequestContext,
    name: ObjectName,
    subresource: ActionSubresource,
    body: KubeObject,
  ): Promise<Status | KubeObject> {
    return this.#stored.createSubresource(ctx, name, subresource, body);
  }

  /** A subresource of another kind (scale) is the same in all versions. */
  #shown(stored: Stored, subresource: Subresource | undefined): Stored | Promise<Stored> {
    const row = subresource && this.kind.subresources.find(({ name }) => name === subresource);
    return row?.kind === undefined ? this.#one(stored) : stored;
  }

  async #one(stored: Stored): Promise<Stored> {
    const [converted] = await this.#all([stored]);
    return converted ?? stored;
  }

  #all(items: readonly Stored[]): readonly Stored[] | Promise<readonly Stored[]> {
    const missing = items.filter((item) => !this.#converted.has(item));
    const keep = (made: readonly KubeObject[]): readonly Stored[] => {
      missing.forEach((item, index) => {
        this.#converted.set(item, asStored(item.key, made[index] ?? item.object, item.revision));
      });
      return items.map((item) => this.#converted.get(item) ?? item);
    };
    const made = missing.length === 0 ? [] : this.#version.fromStored(missing.map(({ object }) => object));
    return made instanceof Promise ? made.then(keep) : keep(made);
  }

  readonly #events = (
    events: readonly ResourceEvent[],
  ): readonly ResourceEvent[] | Promise<readonly ResourceEvent[]> => {
    const joined = (items: readonly Stored[]): readonly ResourceEvent[] =>
      events.map((event, index) => ({ type: event.type, stored: items[index] ?? event.stored }));
    const items = this.#all(events.map(({ stored }) => stored));
    return items instanceof Promise ? items.then(joined) : joined(items);
  };
}

type Convert = (events: readonly ResourceEvent[]) => readonly ResourceEvent[] | Promise<readonly ResourceEvent[]>;

/** Passes a watch on in order, waiting where a conversion takes its time. A conversion that fails ends the watch. */
class ConvertingListener implements WatchListener {
  readonly #to: WatchListener;
  readonly #convert: Convert;
  /** The revision that was passed on last. */
  #passed = 0;
  /** What is still to be passed on; absent when nothing is. */
  #waiting: Promise<void> | undefined;
  #ended = false;

  constructor(to: WatchListener, convert: Convert) {
    this.#to = to;
    this.#convert = convert;
  }

  onEvents(events: readonly ResourceEvent[], revision: number): void {
    this.#inTurn(() => {
      const converted = this.#convert(events);
      if (!(converted instanceof Promise)) return this.#pass(converted, revision);
      return converted.then((made) => this.#pass(made, revision));
    });
  }

  /** How far the watcher is, whose events may still be converted when the watch itself is further. */
  reached(progress: WatchProgress): number {
    return this.#waiting === undefined ? progress() : this.#passed;
  }

  onInitialEventsEnd(revision: number): void {
    this.#inTurn(() => this.#to.onInitialEventsEnd(revision));
  }

  onEnd(error?: Parameters<WatchListener['onEnd']>[0]): void {
    this.#inTurn(() => this.#end(error));
  }

  #pass(events: readonly ResourceEvent[], revision: number): void {
    this.#passed = revision;
    this.#to.onEvents(events, revision);
  }

  #inTurn(pass: () => void | Promise<void>): void {
    if (this.#ended) return;
    if (this.#waiting !== undefined) {
      this.#wait(this.#waiting.then(() => (this.#ended ? undefined : pass())));
      return;
    }
    try {
      const passed = pass();
      if (passed instanceof Promise) this.#wait(passed);
    } catch (error) {
      this.#fail(error);
    }
  }

  #wait(passed: Promise<void>): void {
    const waiting = passed
      .catch((error: unknown) => this.#fail(error))
      .then(() => {
        if (this.#waiting === waiting) this.#waiting = undefined;
      });
    this.#waiting = waiting;
  }

  #fail(error: unknown): void {
    this.#end(isStatusError(error) ? error : internalError(error instanceof Error ? error.message : String(error)));
  }

  #end(error: Parameters<WatchListener['onEnd']>[0]): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#to.onEnd(error);
  }
}
