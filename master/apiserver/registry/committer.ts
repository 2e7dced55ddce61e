/**
 * The end of every write: its one transaction. With the object go the keys that belong to it: the addresses and ports that
 * no other object may have, and what its strategy adds, such as a lease's generation.
 */
import { alreadyExists, conflict, invalid, modifiedMessage } from '../../api/errors.ts';
import type { KubeObject } from '../../api/types.ts';
import { ExtraConflict, FenceLost, KeyExists, RevisionMismatch } from '../store/errors.ts';
import { consistent, type ExtraPut, type Store, type Stored } from '../store/types.ts';
import type { RequestContext } from './context.ts';
import type { Strategy } from './strategy.ts';
import { FieldErrors } from './validation/field-errors.ts';

/** After how many choices that turned out to be taken all that is taken is looked up. */
const maxBlindChoices = 8;

export class Committer {
  readonly #strategy: Strategy;
  readonly #store: Store;

  constructor(strategy: Strategy, store: Store) {
    this.#strategy = strategy;
    this.#store = store;
  }

  /** Throws KeyExists, FenceLost, or a StatusError. A dry run looks and does not write. */
  create(ctx: RequestContext, key: string, object: KubeObject): Promise<Stored> {
    return this.#allocating(object, undefined, async (ready) => {
      if (ctx.dryRun) {
        if (await this.#store.get(key, consistent)) throw new KeyExists(key);
        return asStored(key, ready, 0);
      }
      return this.#store.create(key, ready, { fence: ctx.fence, also: this.#extras(ready, undefined) });
    });
  }

  /** Throws RevisionMismatch, FenceLost, or a StatusError. */
  put(ctx: RequestContext, old: Stored, object: KubeObject): Promise<Stored> {
    return this.#allocating(object, old.object, (ready) => {
      if (ctx.dryRun) return Promise.resolve(asStored(old.key, ready, old.revision));
      const also = this.#extras(ready, old.object);
      return this.#store.update(old.key, ready, old.revision, { fence: ctx.fence, also });
    });
  }

  /** Throws RevisionMismatch or FenceLost. */
  async remove(ctx: RequestContext, old: Stored): Promise<Stored> {
    if (ctx.dryRun) return old;
    const also = this.#extras(undefined, old.object);
    const { last } = await this.#store.delete(old.key, old.revision, { fence: ctx.fence, also });
    return last;
  }

  /** Writes with what the allocator chose; chooses again when another API server was quicker to take it. */
  async #allocating(
    object: KubeObject,
    old: KubeObject | undefined,
    write: (ready: KubeObject) => Promise<Stored>,
  ): Promise<Stored> {
    const { allocator, kind } = this.#strategy;
    if (!allocator) return write(object);
    const taken = new Set<string>();
    for (let attempt = 1; ; attempt++) {
      const { object: ready, chosen } = allocator.allocate(object, old, taken);
      try {
        return await write(ready);
      } catch (error) {
        if (!(error instanceof ExtraConflict)) throw error;
        if (!chosen.has(error.key)) {
          const errors = new FieldErrors();
          allocator.refuse(ready, error.key, errors);
          throw invalid(kind, object.metadata?.name ?? '', errors.causes);
        }
        taken.add(error.key);
        if (attempt > maxBlindChoices) await this.#addAllTaken(allocator.prefixes, taken);
      }
    }
  }

  async #addAllTaken(prefixes: readonly string[], taken: Set<string>): Promise<void> {
    for (const prefix of prefixes) {
      const { items } = await this.#store.list(prefix, consistent);
      for (const { key } of items) taken.add(key);
    }
  }

  /** The keys that change together with the object: what it takes, what it gives back, and what its strategy adds. */
  #extras(current: KubeObject | undefined, previous: KubeObject | undefined): ExtraPut[] {
    const { allocator } = this.#strategy;
    const extras = this.#strategy.also?.(current, previous) ?? [];
    if (!allocator) return extras;
    const now = new Set(current ? allocator.keysOf(current) : []);
    const before = new Set(previous ? allocator.keysOf(previous) : []);
    const owner = JSON.stringify({ uid: (current ?? previous)?.metadata?.uid });
    for (const key of now) {
      if (before.has(key)) continue;
      extras.push({ key, value: (current && allocator.valueOf?.(key, current)) ?? owner, expectedRevision: 0 });
    }
    for (const key of before) if (!now.has(key)) extras.push({ key, delete: true });
    return extras;
  }

  /** What the store refused a write for, as a StatusError. */
  mapped(error: unknown, name: string): unknown {
    const { kind } = this.#strategy;
    if (error instanceof KeyExists) return alreadyExists(kind, name);
    if (error instanceof RevisionMismatch) return conflict(kind, name, modifiedMessage);
    if (error instanceof FenceLost) return conflict(kind, name, `the write is fenced off: ${error.message}`);
    return error;
  }
}

/** An object in the form of a stored one, for what a dry run or a view of an object answers. */
export function asStored(key: string, object: KubeObject, revision: number): Stored {
  return { key, object, bytes: Buffer.from(JSON.stringify(object)), revision };
}
