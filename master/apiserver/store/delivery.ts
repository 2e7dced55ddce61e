/**
 * How the changes of one collection come to its watchers: those that follow closely on one another go out together, in one
 * batch that all watchers of a prefix share. A change after a pause is delivered at once, whatever happens in other collections.
 */
import type { Clock } from '../../api/clock.ts';
import type { StoreEvent } from './types.ts';
import type { Watcher } from './watcher.ts';

export interface DeliveryOptions {
  /** Of all keys of the collection. */
  readonly prefix: string;
  /** The revision up to which the cache has applied changes. */
  readonly applied: () => number;
  readonly clock: Clock;
  readonly paceMs?: number | undefined;
}

/**
 * Deliveries are at least so far apart: each is a write to every watcher's connection, with its TLS record, its system call and its
 * reader's wake-up. Short beside what anybody notices, long beside what a write takes.
 */
const defaultPaceMs = 10;

export class Delivery {
  readonly watchers = new Set<Watcher>();
  readonly #options: DeliveryOptions;
  readonly #paceMs: number;
  #events: StoreEvent[] = [];
  /** Up to where the watchers were told of everything, while something waits for its delivery. */
  #delivered = 0;
  #due = false;
  #deliveredAt = Number.NEGATIVE_INFINITY;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#paceMs = options.paceMs ?? defaultPaceMs;
  }

  /** The revision up to which the watchers know everything. */
  get revision(): number {
    return this.#events.length === 0 ? this.#options.applied() : this.#delivered;
  }

  add(event: StoreEvent): void {
    if (this.watchers.size === 0) return;
    if (this.#events.length === 0) this.#delivered = event.revision - 1;
    this.#events.push(event);
    this.soon();
  }

  /** Delivers what there is as soon as the pace allows it: for new watchers too, which may have missed something. */
  soon(): void {
    if (this.#due) return;
    this.#due = true;
    const { clock } = this.#options;
    const earlyMs = this.#deliveredAt + this.#paceMs - clock.now();
    if (earlyMs > 0 && this.#events.length > 0) clock.setTimeout(this.#deliver, Math.min(earlyMs, this.#paceMs));
    else setImmediate(this.#deliver);
  }

  /** The cache starts over: nobody is told of what waits. */
  forget(): void {
    this.#events = [];
  }

  readonly #deliver = (): void => {
    this.#due = false;
    const { prefix, clock, applied } = this.#options;
    const batch = this.#events;
    this.#events = [];
    if (batch.length > 0) this.#deliveredAt = clock.now();
    const byPrefix = new Map([[prefix, batch]]);
    for (const watcher of this.watchers) watcher.deliver(underPrefix(byPrefix, batch, watcher.prefix), applied());
  };
}

/** The part of a batch under a prefix, worked out once however many watchers ask. */
function underPrefix(known: Map<string, StoreEvent[]>, batch: readonly StoreEvent[], prefix: string): StoreEvent[] {
  let part = known.get(prefix);
  if (!part) {
    part = batch.filter(({ key }) => key.startsWith(prefix));
    known.set(prefix, part);
  }
  return part;
}
