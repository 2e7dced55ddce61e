/**
 * WorkQueue: the queue between informers and reconcilers, with client-go's guarantees.
 *
 * - Fair: keys come out in the order in which they were added.
 * - Stingy: a key is never handed to two workers at once, and one added many times before it is handed out comes out once.
 * - A key added while it is being worked on comes out again afterwards.
 * Delays and rate limits are layers around it. A queue is not kept over a restart: level-triggered loops need no memory.
 */
import { type Clock, systemClock, type Timer } from './clock.ts';

export interface WorkQueueOptions {
  name: string;
  /** The first delay of a key that failed; it doubles with each failure. */
  baseDelayMs?: number;
  maxDelayMs?: number;
  clock?: Clock;
}

interface Delayed {
  readonly dueMs: number;
  readonly timer: Timer;
}

export class WorkQueue {
  readonly name: string;
  readonly #baseDelayMs: number;
  readonly #maxDelayMs: number;
  readonly #clock: Clock;
  /** Keys to hand out, oldest first. Invariant: a key in here is in #dirty and not in #processing. */
  readonly #ready = new Set<string>();
  readonly #dirty = new Set<string>();
  readonly #processing = new Set<string>();
  readonly #delayed = new Map<string, Delayed>();
  readonly #failures = new Map<string, number>();
  readonly #waiting: ((key: string | undefined) => void)[] = [];

  constructor({ name, baseDelayMs = 5, maxDelayMs = 1_000_000, clock = systemClock }: WorkQueueOptions) {
    if (baseDelayMs <= 0 || maxDelayMs < baseDelayMs) throw new Error(`work queue ${name}: delays must grow`);
    this.name = name;
    this.#baseDelayMs = baseDelayMs;
    this.#maxDelayMs = maxDelayMs;
    this.#clock = clock;
  }

  /** How many keys wait to be handed out; delayed ones do not count. */
  get length(): number {
    return this.#ready.size;
  }

  add(key: string): void {
    if (this.#dirty.has(key)) return;
    this.#dirty.add(key);
    if (!this.#processing.has(key)) this.#offer(key);
  }

  /** Adds the key after a delay; of several delays for one key the shortest holds. */
  addAfter(key: string, delayMs: number): void {
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    const dueMs = this.#clock.elapsed() + delayMs;
    const previous = this.#delayed.get(key);
    if (previous && previous.dueMs <= dueMs) return;
    this.#clock.clearTimeout(previous?.timer);
    const timer = this.#clock.setTimeout(() => {
      this.#delayed.delete(key);
      this.add(key);
    }, delayMs);
    this.#delayed.set(key, { dueMs, timer });
  }

  /** Adds the key after a delay that doubles with each call until `forget`. */
  addRateLimited(key: string): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.addAfter(key, Math.min(this.#baseDelayMs * 2 ** Math.min(failures, 40), this.#maxDelayMs));
  }

  /** How often the key was rate limited since it was last forgotten. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** The next key, as soon as there is one; undefined once the signal is aborted. Each key must be given back with `done`. */
  get(signal: AbortSignal): Promise<string | undefined> {
    if (signal.aborted) return Promise.resolve(undefined);
    const [key] = this.#ready;
    if (key !== undefined) return Promise.resolve(this.#take(key));
    return new Promise((resolve) => {
      const answer = (next: string | undefined): void => {
        signal.removeEventListener('abort', stop);
        resolve(next);
      };
      const stop = (): void => {
        const place = this.#waiting.indexOf(answer);
        if (place >= 0) this.#waiting.splice(place, 1);
        resolve(undefined);
      };
      this.#waiting.push(answer);
      signal.addEventListener('abort', stop, { once: true });
    });
  }

  done(key: string): void {
    if (!this.#processing.delete(key)) throw new Error(`work queue ${this.name}: ${key} is not being worked on`);
    if (this.#dirty.has(key)) this.#offer(key);
  }

  /** Drops everything that waits and ends all timers. */
  clear(): void {
    for (const { timer } of this.#delayed.values()) this.#clock.clearTimeout(timer);
    this.#delayed.clear();
    this.#ready.clear();
    this.#dirty.clear();
    this.#failures.clear();
  }

  #offer(key: string): void {
    this.#ready.add(key);
    this.#waiting.shift()?.(this.#take(key));
  }

  #take(key: string): string {
    this.#ready.delete(key);
    this.#dirty.delete(key);
    this.#processing.add(key);
    return key;
  }
}
