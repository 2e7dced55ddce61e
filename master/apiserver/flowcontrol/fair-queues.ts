/**
 * The queues of one priority level. A flow is dealt a few of them (shuffle sharding), so that one flow which floods
 * the server can fill only those, and any other flow very likely has one to itself; among queues, the one that has had least of the
 * seats goes first (fair queuing).
 */

import type { Attributes } from '../auth/rbac/rules.ts';

export interface QueueSettings {
  readonly queues: number;
  readonly handSize: number;
  readonly queueLengthLimit: number;
}

export interface Waiter {
  readonly schema: string;
  /** What tells its flow from the others of the schema. */
  readonly distinguisher: string;
  readonly userName: string;
  readonly request: Attributes;
  /** Milliseconds since the epoch. */
  readonly since: number;
}

export interface Waiting {
  readonly width: number;
  /** Who waits, and since when, for whoever looks into the queues. */
  readonly about: Waiter;
  readonly start: (queue: Queue) => void;
}

export class Queue {
  readonly waiting: Waiting[] = [];
  /** Seats that its requests have now, and how many requests that are. */
  executing = 0;
  running = 0;
  /** Seconds of seats that it has had, ahead of which it is not served while others wait. */
  virtual = 0;
}

export class FairQueues {
  readonly #settings: QueueSettings;
  readonly queues: readonly Queue[];
  /** The virtual time of what was last started: nobody saves up for later by not asking. */
  #now = 0;
  waitingCount = 0;
  /** What a request takes, in seconds: the mean of the latest ones. */
  expectedSeconds = 0.01;

  constructor(settings: QueueSettings) {
    this.#settings = settings;
    this.queues = Array.from({ length: Math.max(1, settings.queues) }, () => new Queue());
  }

  /** Puts a request into the best queue of its flow's hand; undefined when that one is full. */
  add(waiting: Waiting): Queue | undefined {
    const { schema, distinguisher } = waiting.about;
    const queue = this.#best(`${schema} ${distinguisher}`);
    if (queue.waiting.length >= this.#settings.queueLengthLimit) return undefined;
    if (queue.waiting.length === 0) queue.virtual = Math.max(queue.virtual, this.#now);
    queue.waiting.push(waiting);
    this.waitingCount += 1;
    return queue;
  }

  /** Takes a request out that waits no longer. */
  remove(queue: Queue, waiting: Waiting): void {
    const at = queue.waiting.indexOf(waiting);
    if (at < 0) return;
    queue.waiting.splice(at, 1);
    this.waitingCount -= 1;
  }

  /** Starts the next request if `fits` says that there are seats for it. */
  startNext(fits: (width: number) => boolean): boolean {
    const queue = this.#next();
    const [first] = queue?.waiting ?? [];
    if (!queue || !first || !fits(first.width)) return false;
    queue.waiting.shift();
    this.waitingCount -= 1;
    this.#now = queue.virtual;
    queue.virtual += first.width * this.expectedSeconds;
    queue.executing += first.width;
    queue.running += 1;
    first.start(queue);
    return true;
  }

  /** A request that came out of a queue has ended: the queue is charged for what it really took. */
  finished(queue: Queue, width: number, seconds: number): void {
    queue.executing -= width;
    queue.running -= 1;
    queue.virtual += width * (seconds - this.expectedSeconds);
    this.expectedSeconds += (seconds - this.expectedSeconds) / 16;
  }

  #next(): Queue | undefined {
    let best: Queue | undefined;
    for (const queue of this.queues) {
      if (queue.waiting.length > 0 && (best === undefined || queue.virtual < best.virtual)) best = queue;
    }
    return best;
  }

  /** The queue of the hand where least waits and runs. */
  #best(flow: string): Queue {
    let best: Queue | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const index of deal(flow, this.queues.length, this.#settings.handSize)) {
      const queue = this.queues[index];
      if (!queue) continue;
      const load = queue.executing + queue.waiting.reduce((sum, { width }) => sum + width, 0);
      if (load < least) [best, least] = [queue, load];
    }
    if (!best) throw new Error('a hand holds at least one queue');
    return best;
  }
}

/** A hand of different cards of a deck, always the same for a flow. */
export function deal(flow: string, deck: number, handSize: number): number[] {
  const cards = Array.from({ length: deck }, (_, index) => index);
  const hand: number[] = [];
  for (let round = 0; round < Math.min(Math.max(1, handSize), deck); round += 1) {
    const [card = 0] = cards.splice(hash(`${round} ${flow}`) % cards.length, 1);
    hand.push(card);
  }
  return hand;
}

/** FNV-1a over UTF-16 units, its bits mixed once more since only the low ones are used. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  value = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d);
  return (value ^ (value >>> 12)) >>> 0;
}
