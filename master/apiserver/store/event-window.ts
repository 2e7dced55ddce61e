/**
 * The latest events, for watches that begin at a past revision and for lists of a past state. Bounded by age, number and
 * bytes; what falls out is answered with 410.
 */
import { collectionOf } from './keys.ts';
import type { Stored, StoreEvent } from './types.ts';

export interface WindowLimits {
  readonly maxAgeMs: number;
  readonly maxEvents: number;
  readonly maxBytes: number;
}

/** Five minutes, as long as etcd itself remembers under the store's compaction. */
export const defaultWindowLimits: WindowLimits = {
  maxAgeMs: 5 * 60_000,
  maxEvents: 100_000,
  maxBytes: 64 * 1024 * 1024,
};

/** An event with what is needed to undo it. */
export interface RememberedEvent extends StoreEvent {
  /** What a delete took away, as it was; `previous` carries the deletion's revision. */
  readonly deleted?: Stored;
}

interface Entry {
  readonly event: RememberedEvent;
  readonly at: number;
  readonly bytes: number;
}

export class EventWindow {
  readonly #limits: WindowLimits;
  #entries: Entry[] = [];
  /** How many entries at the front are dropped but not yet cut off. */
  #dropped = 0;
  #bytes = 0;
  #start: number;
  readonly #first: number;
  /** The revision of the last event that fell out, by collection. */
  readonly #forgotten = new Map<string, number>();

  /** `start` is the revision of the state that the first event will follow. */
  constructor(start: number, limits: WindowLimits = defaultWindowLimits) {
    this.#start = start;
    this.#first = start;
    this.#limits = limits;
  }

  /** Every event after this revision is here. */
  get start(): number {
    return this.#start;
  }

  /**
   * Every event of a collection after this revision is here: where nothing has happened for long, nothing is forgotten. So a watch of
   * what seldom changes may begin long ago, as in Kubernetes, whose cache remembers for each resource by itself.
   */
  startOf(collection: string): number {
    return this.#forgotten.get(collection) ?? this.#first;
  }

  get size(): number {
    return this.#entries.length - this.#dropped;
  }

  add(event: RememberedEvent, now: number): void {
    // A new state is counted when it comes and as the previous one again: it is held twice as long by then.
    const bytes = (event.current?.bytes.length ?? 0) + (event.previous?.bytes.length ?? 0) + entryOverheadBytes;
    this.#entries.push({ event, at: now, bytes });
    this.#bytes += bytes;
    this.#trim(now);
  }

  /** The events after `revision`, in order: all of them if it is not before `start`, all of a collection if not before its own. */
  after(revision: number): RememberedEvent[] {
    return this.#entries.slice(this.#indexAfter(revision)).map(({ event }) => event);
  }

  #indexAfter(revision: number): number {
    let low = this.#dropped;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#entries[middle]!.event.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #trim(now: number): void {
    const { maxAgeMs, maxEvents, maxBytes } = this.#limits;
    for (;;) {
      const oldest = this.#entries[this.#dropped];
      if (!oldest) break;
      if (this.size <= maxEvents && this.#bytes <= maxBytes && now - oldest.at <= maxAgeMs) break;
      this.#bytes -= oldest.bytes;
      // Several events may share the revision: none of it can be served once one of them is gone.
      this.#start = oldest.event.revision;
      this.#forgotten.set(collectionOf(oldest.event.key), oldest.event.revision);
      this.#dropped += 1;
    }
    if (this.#dropped > 1024 && this.#dropped * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#dropped);
      this.#dropped = 0;
    }
  }
}

const entryOverheadBytes = 200;
