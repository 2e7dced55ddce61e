/**
 * All objects under one prefix, read once and then kept up by the store's watch: for whoever must know them without asking.
 * Like any cache of Kubernetes' it is a moment behind the writes of other servers.
 */
import { sleep } from '../../api/clock.ts';
import type { Logger } from '../../api/logging.ts';
import { anyRevision, type Store, type Stored, type StoreEvent, type WatchSource } from './types.ts';

/** Where the objects are kept. */
export interface Sink {
  /** These are all of them: at first, and after the watch was lost. */
  replace(items: readonly Stored[]): void;
  /** What has changed since. */
  change(events: readonly StoreEvent[]): void;
}

const retryMs = 100;

export class Follower {
  readonly #store: Pick<Store, 'list' | 'watch'>;
  readonly #prefix: string;
  readonly #sink: Sink;
  readonly #logger: Logger | undefined;
  readonly #filled = Promise.withResolvers<void>();
  #source: WatchSource | undefined;

  constructor(store: Pick<Store, 'list' | 'watch'>, prefix: string, sink: Sink, logger?: Logger) {
    this.#store = store;
    this.#prefix = prefix;
    this.#sink = sink;
    this.#logger = logger;
  }

  /** The revision up to which everything is known; -1 before anything is. */
  get revision(): number {
    return this.#source?.revision ?? -1;
  }

  /** Resolves once the objects are known for the first time. */
  get filled(): Promise<void> {
    return this.#filled.promise;
  }

  /** Reads everything as soon as the store can, and follows it until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const { items, revision } = await this.#store.list(this.#prefix, anyRevision);
        this.#sink.replace(items);
        this.#filled.resolve();
        await this.#watch(revision, signal);
      } catch (error) {
        this.#logger?.debug({ prefix: this.#prefix, err: error }, 'objects cannot be read yet');
        await sleep(retryMs, signal);
      }
    }
  }

  /** Resolves when the watch has ended; what is known stays known until the next list. */
  #watch(from: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const source = this.#store.watch(this.#prefix, from, {
        onEvents: (events) => this.#sink.change(events),
        onEnd: () => resolve(),
      });
      this.#source = source;
      const close = (): void => {
        source.close();
        resolve();
      };
      signal.addEventListener('abort', close, { once: true });
    });
  }
}
