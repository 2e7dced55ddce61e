/**
 * How the changes of one collection come to its watchers: those that follow closely on one another go out together, in one
 * batch that all watchers of a prefix share. A change after a pause is delivered at once, whatever happens in other collections.
 */
import type { Clock } from '../../api/clock.ts';
import { Pace } from './pace.ts';
import type { StoreEvent } from './types.ts';
import type { Watcher } from './watcher.ts';

export interface DeliveryOptions {
  /** Of all keys of the collection. */
  readonly prefix: string;
  /** The revision up to which the cache has applied changes. */
  readonly applied: () => number;
  readonly clock: Clock;
  /** The least that deliveries are apart. */
  readonly paceMs?: number | undefined;
}

export class Delivery {
  readonly watchers = new Set<Watcher>();
  readonly #options: DeliveryOptions;
  readonly #pace: Pace;
  #events: StoreEvent[] = [];
  /** Up to where the watchers were told of everything, while something waits for its delivery. */
  #delivered = 0;
  #due = false;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#pace = new Pace(options.paceMs);
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
    const earlyMs = this.#events.length > 0 ? this.#pace.wait(clock.elapsed()) : 0;
    if (earlyMs > 0) clock.setTimeout(this.#deliver, earlyMs);
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
    const began = clock.elapsed();
    const byPrefix = new Map([[prefix, batch]]);
    for (const watcher of this.watchers) watcher.deliver(underPrefix(byPrefix, batch, watcher.prefix), applied());
    if (batch.length > 0) this.#pace.delivered(began, clock.elapsed());
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
