/** Writes statuses, those that count only progress no more often than this (ms): each pod's every change is not worth a write. */
import type { Clock } from '../api/clock.ts';
import { unlessOvertaken } from '../api/overtaken.ts';

const periodMs = 200;

export class StatusPace {
  readonly #clock: Pick<Clock, 'elapsed'>;
  readonly #writtenMs = new Map<string, number>();

  constructor(clock: Pick<Clock, 'elapsed'>) {
    this.#clock = clock;
  }

  /**
   * Has the status of the owner written, unless it counts only progress (it is not `isSettled`) and one was written a moment ago. Gives the
   * wait (ms) when it was held back, or when somebody else has changed the owner meanwhile.
   */
  async write(owner: string, isSettled: boolean, write: () => Promise<unknown>): Promise<number | undefined> {
    const waitMs = this.#waitMs(owner);
    if (waitMs > 0 && !isSettled) return waitMs;
    const writing = write().then(() => this.#writtenMs.set(owner, this.#clock.elapsed()));
    return (await unlessOvertaken(writing)).requeueAfterMs;
  }

  forget(owner: string): void {
    this.#writtenMs.delete(owner);
  }

  #waitMs(owner: string): number {
    const writtenMs = this.#writtenMs.get(owner);
    return writtenMs === undefined ? 0 : Math.max(0, writtenMs + periodMs - this.#clock.elapsed());
  }
}
