/**
 * Since when pods have waited for their deletion, as this process has seen it. The times that evictions write are of another
 * machine's clock, which may be wrong by more than the whole wait.
 */
import { type Clock, systemClock } from '../../api/clock.ts';

export class Sightings {
  readonly #waitMs: number;
  readonly #clock: Clock;
  /** By budget, then by pod and time of its eviction. */
  readonly #seen = new Map<string, Map<string, number>>();

  /** What was seen `waitMs` ago waits no longer. */
  constructor(waitMs: number, clock: Clock = systemClock) {
    this.#waitMs = waitMs;
    this.#clock = clock;
  }

  /** Notes what waits in the budget now, each a pod and a time; gives how long (ms) each waits yet. */
  of(
    budget: string,
    waiting: readonly (readonly [pod: string, since: string])[],
  ): (pod: string, since: string) => number {
    const now = this.#clock.elapsed();
    const before = this.#seen.get(budget);
    const seen = new Map(waiting.map(([pod, since]) => [`${pod} ${since}`, before?.get(`${pod} ${since}`) ?? now]));
    if (seen.size > 0) this.#seen.set(budget, seen);
    else this.#seen.delete(budget);
    return (pod, since) => (seen.get(`${pod} ${since}`) ?? now) + this.#waitMs - now;
  }

  forget(budget: string): void {
    this.#seen.delete(budget);
  }
}
