/** How long a failed pod of a node is left before the next one takes its place: each time twice as long, until one has lasted. */
const firstMs = 1_000;
const longestMs = 15 * 60_000;

interface Failures {
  readonly delayMs: number;
  readonly sinceMs: number;
}

export class FailureBackoff {
  readonly #failures = new Map<string, Failures>();

  /** How long (ms) the next pod under this key has to wait; 0 for not at all. */
  waitMs(key: string, nowMs: number): number {
    const last = this.#failures.get(key);
    return last ? Math.max(0, Math.min(last.sinceMs + last.delayMs - nowMs, last.delayMs)) : 0;
  }

  /** One that had failed is replaced now. */
  replaced(key: string, nowMs: number): void {
    const last = this.#failures.get(key);
    const isOver = !last || nowMs - last.sinceMs > 2 * longestMs;
    const delayMs = isOver ? firstMs : Math.min(longestMs, 2 * last.delayMs);
    this.#failures.set(key, { delayMs, sinceMs: nowMs });
  }

  /** Whatever failed under keys that begin so is of no interest any more. */
  forget(prefix: string): void {
    for (const key of this.#failures.keys()) if (key.startsWith(prefix)) this.#failures.delete(key);
  }
}
