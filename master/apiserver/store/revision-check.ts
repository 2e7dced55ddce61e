/**
 * What makes a read from memory as fresh as etcd: before it, one small linearizable request learns etcd's revision, and the
 * read waits until the cache is there. Reads that wait at the same time share the request. A read that arrives while one is in
 * flight waits for the next, because that one may have been answered before the write that the read must see.
 */
import { type Clock, systemClock } from '../../api/clock.ts';
import { timeout } from '../../api/errors.ts';
import type { Members } from './members.ts';
import type { WatchCache } from './watch-cache.ts';

export interface RevisionCheckOptions {
  readonly members: Pick<Members, 'read'>;
  readonly cache: Pick<WatchCache, 'revision' | 'waitFor'>;
  /** Called when the cache stays behind for so long that its watch must be at fault. */
  readonly onStale: (reason: string) => void;
  readonly clock?: Clock | undefined;
}

/** Events reach the cache within milliseconds; past this the watch is given up for another. */
const staleAfterMs = 1000;
const patienceMs = 10_000;
/**
 * Where reads come side by side, they wait for as many as came before, at most so long after the last answer: a request costs as much
 * as several reads. In a crowd, those who were answered are waited for by those who came meanwhile: otherwise the readers would fall into
 * two halves, each with requests of its own. A client that reads one after the other never waits.
 */
const companyMs = 8;
const crowd = 4;

export class RevisionCheck {
  readonly #options: RevisionCheckOptions;
  readonly #revision: Shared<number>;
  readonly #fresh: Shared<void>;

  constructor(options: RevisionCheckOptions) {
    this.#options = options;
    const { clock = systemClock } = options;
    this.#revision = new Shared(() => this.#ask(), clock);
    this.#fresh = new Shared(async () => this.#reach(await this.#ask()), clock);
  }

  /** The newest revision of etcd. */
  current(): Promise<number> {
    return this.#revision.get();
  }

  /** Resolves when the cache has every write that was acknowledged before the call. */
  fresh(): Promise<void> {
    return this.#fresh.get();
  }

  async #ask(): Promise<number> {
    const { revision } = await this.#options.members.read((member, timeoutMs) => member.revision(timeoutMs), true);
    return revision;
  }

  async #reach(revision: number): Promise<void> {
    const { cache, onStale } = this.#options;
    if (cache.revision >= revision) return;
    if (await cache.waitFor(revision, staleAfterMs)) return;
    onStale(`the cache is at revision ${cache.revision} while etcd is at ${revision}`);
    if (await cache.waitFor(revision, patienceMs)) return;
    throw timeout(`the watch cache did not reach revision ${revision} in time`);
  }
}

/** Runs a request for all who ask for it before it starts; never two at once, nor in too quick a succession. */
class Shared<T> {
  readonly #request: () => Promise<T>;
  readonly #clock: Clock;
  #answeredAt = Number.NEGATIVE_INFINITY;
  #waiting = 0;
  /** How many are likely to share the next request: as many as there were lately, and fewer by and by. */
  #expected = 0;
  /** Ends the wait for them. */
  #enough: (() => void) | undefined;
  #running: Promise<T> | undefined;
  #next: Promise<T> | undefined;

  constructor(request: () => Promise<T>, clock: Clock) {
    this.#request = request;
    this.#clock = clock;
  }

  get(): Promise<T> {
    this.#waiting += 1;
    if (this.#waiting >= this.#expected) this.#enough?.();
    this.#next ??= this.#start();
    return this.#next;
  }

  async #start(): Promise<T> {
    // Even with none in flight, the others of this turn of the event loop may still join.
    await (this.#running?.then(noop, noop) ?? turn());
    await this.#company();
    const sharing = this.#waiting;
    this.#expected = Math.max(sharing, this.#expected - 1);
    this.#waiting = 0;
    const request = this.#request();
    this.#running = request;
    this.#next = undefined;
    try {
      return await request;
    } finally {
      this.#answeredAt = this.#clock.elapsed();
      const met = sharing + this.#waiting;
      if (this.#waiting > 0 && met >= crowd) this.#expected = Math.max(this.#expected, met);
      if (this.#running === request) this.#running = undefined;
    }
  }

  async #company(): Promise<void> {
    const restMs = this.#answeredAt + companyMs - this.#clock.elapsed();
    if (this.#waiting >= this.#expected || restMs <= 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#clock.setTimeout(resolve, restMs);
    this.#enough = resolve;
    await promise;
    this.#enough = undefined;
    this.#clock.clearTimeout(timer);
  }
}

function noop(): void {}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
