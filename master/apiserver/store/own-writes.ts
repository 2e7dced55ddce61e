/**
 * The writes of this process whose answer has not come, by the token in their value. The watch sees every value that was written, so
 * it knows which of them happened even if the answer is lost.
 */
export class OwnWrites {
  readonly #pending = new Map<string, PendingWrite>();

  /** Call before the write is sent; `finish` in the end. */
  begin(token: string): PendingWrite {
    const pending = new PendingWrite(() => this.#pending.delete(token));
    this.#pending.set(token, pending);
    return pending;
  }

  /** The watch saw a value with this token. */
  saw(token: string, revision: number): void {
    const pending = this.#pending.get(token);
    if (pending) pending.revision = revision;
  }

  /** The watch skipped events, so nothing can be said of what was not seen so far. */
  lose(): void {
    for (const pending of this.#pending.values()) pending.lost = true;
  }
}

export class PendingWrite {
  /** At which revision the write happened, if the watch has seen it. */
  revision: number | undefined;
  /** The watch may have missed the write. */
  lost = false;
  readonly finish: () => void;

  constructor(finish: () => void) {
    this.finish = finish;
  }
}
