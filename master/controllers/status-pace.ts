/** Statuses that count only progress are written no more often than this: each pod's every change is not worth a write. */
const periodMs = 200;

export class StatusPace {
  readonly #writtenMs = new Map<string, number>();

  /** How long (ms) a status of the owner is still held back; 0 for one that may be written. */
  waitMs(owner: string, nowMs: number): number {
    const wait = (this.#writtenMs.get(owner) ?? 0) + periodMs - nowMs;
    // A clock that was set back holds nothing up for longer.
    return Math.min(Math.max(0, wait), periodMs);
  }

  written(owner: string, nowMs: number): void {
    this.#writtenMs.set(owner, nowMs);
  }

  forget(owner: string): void {
    this.#writtenMs.delete(owner);
  }
}
