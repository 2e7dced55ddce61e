/** One watch of the cache: first what it missed since its revision, then every batch. */
import { expired } from '../../api/errors.ts';
import type { StoreEvent, WatchListener, WatchSource } from './types.ts';

export interface WatcherOptions {
  readonly prefix: string;
  readonly from: number;
  readonly listener: WatchListener;
  /** The events under the prefix after `from`, up to `registeredAt`. */
  readonly missed: readonly StoreEvent[];
  readonly registeredAt: number;
  /** The revision up to which the cache has delivered. */
  readonly delivered: () => number;
  readonly detach: () => void;
}

export class Watcher implements WatchSource {
  readonly prefix: string;
  readonly #options: WatcherOptions;
  /** Up to here the watcher knows everything from `missed` and `from`; undefined once that is delivered. */
  #catchingUpTo: number | undefined;
  #missed: readonly StoreEvent[];
  /** Whether `missed` was delivered. */
  #told = false;
  #open = true;

  constructor(options: WatcherOptions) {
    this.prefix = options.prefix;
    this.#options = options;
    this.#missed = options.missed;
    this.#catchingUpTo = Math.max(options.from, options.registeredAt);
  }

  get revision(): number {
    const { from, delivered } = this.#options;
    return this.#told ? Math.max(from, delivered()) : from;
  }

  /** Takes the events of one delivery; `revision` is what the cache has delivered with them. */
  deliver(batch: readonly StoreEvent[], revision: number): void {
    const known = this.#catchingUpTo;
    if (known === undefined) {
      this.#tell(batch, revision);
      return;
    }
    const events = [...this.#missed, ...batch.filter((event) => event.revision > known)];
    this.#missed = [];
    this.#told = true;
    if (revision >= known) this.#catchingUpTo = undefined;
    this.#tell(events, revision);
  }

  end(error: Error): void {
    if (!this.#open) return;
    this.close();
    this.#options.listener.onEnd(error);
  }

  close(): void {
    this.#open = false;
    this.#options.detach();
  }

  #tell(events: readonly StoreEvent[], revision: number): void {
    if (!this.#open || events.length === 0) return;
    try {
      this.#options.listener.onEvents(events, revision);
    } catch (error) {
      // One watcher's fault must not stop the delivery to the others; the events are lost to it, so it must list again.
      const end = expired('the watch failed to take its events');
      end.cause = error;
      this.end(end);
    }
  }
}
