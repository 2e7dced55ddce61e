/**
 * The store as one version of a resource sees it. Objects lie in the version that is stored, or was when they were written last; here
 * they are given in another, and what is written goes into the version that is stored. So the generic verbs need not know that
 * there are several.
 *
 * Guarantees: an object that lies in the wanted version and need not be completed is passed on as it is, at no cost; one object or
 * event is converted once, however many readers and watchers there are; a watch keeps its order while a webhook is asked.
 */
import { apiVersionOf, type Kind } from '../../../api/kinds.ts';
import type { KubeObject } from '../../../api/types.ts';
import { RevisionMismatch } from '../../store/errors.ts';
import type {
  Deleted,
  Freshness,
  Listed,
  Store,
  Stored,
  StoreEvent,
  WatchListener,
  WatchSource,
  WriteOptions,
} from '../../store/types.ts';
import { asStored } from '../committer.ts';

/** Asks for objects in another version, in the same order. Throws a StatusError. */
export type Convert = (objects: readonly KubeObject[], apiVersion: string) => Promise<readonly KubeObject[]>;

/** How objects become those of the version that is wanted, and of the one that is stored. Nothing here changes what it is given. */
export interface Conversions {
  /** The wanted version. */
  readonly kind: Kind;
  /** `example.com/v1`: the version to write in. */
  readonly storageVersion: string;
  /** Given: somebody is asked for objects in another version before anything else is done to them. */
  readonly convert?: Convert | undefined;
  /** An object that was read, whole, as the wanted version has it. */
  shown(object: KubeObject): KubeObject;
  /** Whether that makes a difference to objects that lie in the wanted version. */
  readonly completesOwn: boolean;
  /** An object to be written, as the storage version has it. */
  kept(object: KubeObject): KubeObject;
}

export class VersionedStore implements Store {
  readonly #store: Store;
  readonly #conversions: Conversions;
  readonly #apiVersion: string;
  readonly #convert: Convert | undefined;
  /** How an object of the wanted version begins in the store. */
  readonly #head: Buffer;
  readonly #ends = new Set<() => void>();
  readonly #views = new WeakMap<Stored, Stored | Promise<Stored>>();
  readonly #events = new WeakMap<StoreEvent, StoreEvent>();

  constructor(store: Store, conversions: Conversions) {
    this.#store = store;
    this.#conversions = conversions;
    this.#apiVersion = apiVersionOf(conversions.kind);
    this.#convert = conversions.convert;
    const [kind, apiVersion] = [conversions.kind.kind, this.#apiVersion].map((text) => JSON.stringify(text));
    this.#head = Buffer.from(`{"kind":${kind},"apiVersion":${apiVersion},`);
  }

  get ready(): boolean {
    return this.#store.ready;
  }

  get cacheRevision(): number {
    return this.#store.cacheRevision;
  }

  memberProblems(): ReturnType<Store['memberProblems']> {
    return this.#store.memberProblems();
  }

  currentRevision(): Promise<number> {
    return this.#store.currentRevision();
  }

  isStale(key: string): boolean {
    return this.#store.isStale(key);
  }

  async get(key: string, freshness: Freshness): Promise<Stored | undefined> {
    const stored = await this.#store.get(key, freshness);
    return stored && this.#view(stored);
  }

  async list(prefix: string, freshness: Freshness): Promise<Listed> {
    return this.#listed(await this.#store.list(prefix, freshness));
  }

  async listAt(prefix: string, revision: number): Promise<Listed> {
    return this.#listed(await this.#store.listAt(prefix, revision));
  }

  async create(key: string, object: KubeObject, options?: WriteOptions): Promise<Stored> {
    return this.#view(await this.#store.create(key, await this.#forStorage(object), options));
  }

  async update(key: string, object: KubeObject, expectedRevision: number, options?: WriteOptions): Promise<Stored> {
    const ready = await this.#forStorage(object);
    return this.#viewed(() => this.#store.update(key, ready, expectedRevision, options));
  }

  async delete(key: string, expectedRevision: number, options?: WriteOptions): Promise<Deleted> {
    let revision = 0;
    const last = await this.#viewed(async () => {
      const deleted = await this.#store.delete(key, expectedRevision, options);
      revision = deleted.revision;
      return deleted.last;
    });
    return { revision, last };
  }

  /** Ends all watches: the kind is no longer served, or no longer as it was. Clients that go on meet what is served now. */
  retire(): void {
    for (const end of [...this.#ends]) end();
  }

  watch(prefix: string, from: number, listener: WatchListener): WatchSource {
    const source = this.#convert
      ? this.#watchConverted(prefix, from, listener)
      : this.#watchNow(prefix, from, listener);
    const ends = this.#ends;
    const end = (): void => {
      ends.delete(end);
      source.close();
      listener.onEnd(new Error('the definition of the resource has changed'));
    };
    ends.add(end);
    return {
      get revision() {
        return source.revision;
      },
      close() {
        ends.delete(end);
        source.close();
      },
    };
  }

  #watchNow(prefix: string, from: number, listener: WatchListener): WatchSource {
    return this.#store.watch(prefix, from, {
      onEvents: (events, revision) => {
        listener.onEvents(
          events.map((event) => this.#eventNow(event)),
          revision,
        );
      },
      onEnd: (error) => listener.onEnd(error),
    });
  }

  #watchConverted(prefix: string, from: number, listener: WatchListener): WatchSource {
    // Batches wait for one another, so that none overtakes one whose objects are still being converted.
    let last: Promise<void> = Promise.resolve();
    let ended = false;
    // How many batches wait, and the revision of the last that does not.
    let waiting = 0;
    let passed = from;
    const source = this.#store.watch(prefix, from, {
      onEvents: (events, revision) => {
        waiting += 1;
        last = last.then(async () => {
          if (ended) return;
          try {
            const seen = await Promise.all(events.map((event) => this.#event(event)));
            if (ended) return;
            waiting -= 1;
            passed = revision;
            listener.onEvents(seen, revision);
          } catch (error) {
            ended = true;
            source.close();
            listener.onEnd(error instanceof Error ? error : new Error(String(error)));
          }
        });
      },
      onEnd: (error) => {
        waiting += 1;
        last = last.then(() => {
          if (!ended) listener.onEnd(error);
          ended = true;
        });
      },
    });
    return {
      get revision() {
        return waiting === 0 ? source.revision : passed;
      },
      close() {
        ended = true;
        source.close();
      },
    };
  }

  async #listed({ items, revision }: Listed): Promise<Listed> {
    if (this.#convert) await this.#convertAll(items, this.#convert);
    const views = items.map((item) => this.#view(item));
    const ready = views.filter((view): view is Stored => !(view instanceof Promise));
    return { items: ready.length === views.length ? ready : await Promise.all(views), revision };
  }

  /** Asks once for all that lie in other versions. */
  async #convertAll(items: readonly Stored[], convert: Convert): Promise<void> {
    const others = items.filter((item) => !this.#views.has(item) && !this.#isHere(item));
    if (others.length === 0) return;
    const objects = await convert(
      others.map(({ object }) => object),
      this.#apiVersion,
    );
    for (const [index, stored] of others.entries()) {
      this.#views.set(stored, this.#completed(stored, objects[index] ?? {}));
    }
  }

  #isHere({ bytes }: Stored): boolean {
    return this.#head.equals(bytes.subarray(0, this.#head.length));
  }

  async #viewed(write: () => Promise<Stored>): Promise<Stored> {
    try {
      return await this.#view(await write());
    } catch (error) {
      if (!(error instanceof RevisionMismatch) || !error.current) throw error;
      throw new RevisionMismatch(error.key, error.current.revision, await this.#view(error.current));
    }
  }

  #view(stored: Stored): Stored | Promise<Stored> {
    const known = this.#views.get(stored);
    if (known) return known;
    const isHere = this.#isHere(stored);
    if (isHere && !this.#conversions.completesOwn) return stored;
    const view =
      isHere || !this.#convert ? this.#completed(stored, stored.object) : this.#converted(stored, this.#convert);
    this.#views.set(stored, view);
    return view;
  }

  async #converted(stored: Stored, convert: Convert): Promise<Stored> {
    try {
      const [object = {}] = await convert([stored.object], this.#apiVersion);
      return this.#completed(stored, object);
    } catch (error) {
      // The next reader asks again.
      this.#views.delete(stored);
      throw error;
    }
  }

  #completed({ key, revision, object: before }: Stored, object: KubeObject): Stored {
    const { metadata, kind: _kind, apiVersion: _version, ...rest } = this.#conversions.shown(object);
    const meta = { ...metadata };
    if (before.metadata?.resourceVersion !== undefined) meta.resourceVersion = before.metadata.resourceVersion;
    const { kind } = this.#conversions.kind;
    return asStored(key, { kind, apiVersion: this.#apiVersion, metadata: meta, ...rest }, revision);
  }

  async #forStorage(object: KubeObject): Promise<KubeObject> {
    const { storageVersion } = this.#conversions;
    if (this.#apiVersion === storageVersion) return object;
    const [converted = object] = this.#convert ? await this.#convert([object], storageVersion) : [object];
    return this.#conversions.kept(converted);
  }

  #eventNow(event: StoreEvent): StoreEvent {
    const known = this.#events.get(event);
    if (known) return known;
    const { current, previous, ...rest } = event;
    const now = current && this.#viewNow(current);
    const before = previous && this.#viewNow(previous);
    const same = now === current && before === previous;
    const seen = same ? event : { ...rest, ...(now && { current: now }), ...(before && { previous: before }) };
    this.#events.set(event, seen);
    return seen;
  }

  /** Without a webhook nothing has to be waited for. */
  #viewNow(stored: Stored): Stored {
    const view = this.#view(stored);
    return view instanceof Promise ? stored : view;
  }

  async #event(event: StoreEvent): Promise<StoreEvent> {
    if (event.current) await this.#view(event.current);
    if (event.previous) await this.#view(event.previous);
    const known = this.#events.get(event);
    if (known) return known;
    const { current, previous, ...rest } = event;
    const seen = {
      ...rest,
      ...(current && { current: await this.#view(current) }),
      ...(previous && { previous: await this.#view(previous) }),
    };
    this.#events.set(event, seen);
    return seen;
  }
}
