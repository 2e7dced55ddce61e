/** A clock that moves only when told to; timers fire in the order of their due times. */
import type { Clock, Timer } from '../../master/api/clock.ts';

export class ManualClock implements Clock {
  #now: number;
  #sequence = 0;
  readonly #timers = new Map<number, { dueMs: number; run: () => void }>();

  constructor(now = 0) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  elapsed(): number {
    return this.#now;
  }

  setTimeout(run: () => void, delayMs: number): Timer {
    this.#sequence += 1;
    this.#timers.set(this.#sequence, { dueMs: this.#now + delayMs, run });
    return this.#sequence;
  }

  clearTimeout(timer: Timer | undefined): void {
    if (typeof timer === 'number') this.#timers.delete(timer);
  }

  /** Moves time forward, running what falls due on the way. */
  advance(byMs: number): void {
    const end = this.#now + byMs;
    for (let next = this.#next(end); next; next = this.#next(end)) {
      const [id, { dueMs, run }] = next;
      this.#timers.delete(id);
      this.#now = dueMs;
      run();
    }
    this.#now = end;
  }

  #next(end: number): [number, { dueMs: number; run: () => void }] | undefined {
    const due = [...this.#timers].filter(([, { dueMs }]) => dueMs <= end);
    return due.sort(([a, { dueMs: x }], [b, { dueMs: y }]) => x - y || a - b)[0];
  }
}
