/**
 * How far apart the deliveries of one collection are: a pure core, which is told the time.
 *
 * Each delivery is a write to every watcher's connection, with its TLS record, its system call and its reader's wake-up, whether one
 * event goes out or twenty. So those that follow closely on one another wait for a moment and go together; and the longer a
 * delivery takes, because many watch or because processors are scarce, the longer the next one is put off. What comes after a pause
 * goes at once.
 */

/** Short beside what anybody notices, long beside what a write takes. */
const shortestMs = 10;
/** As long as an event may be kept waiting for company. */
const longestMs = 25;
/** A delivery may take one part in so many of the time. */
const parts = 24;

export class Pace {
  readonly #shortestMs: number;
  readonly #longestMs: number;
  #nextAt = Number.NEGATIVE_INFINITY;

  constructor(leastMs = shortestMs, mostMs = Math.max(leastMs, longestMs)) {
    this.#shortestMs = leastMs;
    this.#longestMs = mostMs;
  }

  /** Milliseconds until the next delivery may begin; 0: now. */
  wait(now: number): number {
    // Never longer than the longest, whatever a clock does.
    return Math.min(Math.max(0, this.#nextAt - now), this.#longestMs);
  }

  /** A delivery began and was over at these times. */
  delivered(began: number, over: number): void {
    const gapMs = Math.min(Math.max((over - began) * parts, this.#shortestMs), this.#longestMs);
    this.#nextAt = began + gapMs;
  }
}
