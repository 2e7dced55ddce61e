/**
 * What the byte counts of a relayed connection tell, looked at a few times a second: when either side was last heard, and whether
 * the client is kept waiting. All times in ms, on one clock.
 */

/** The client's bytes are unanswered for this long: have the backend checked, and again so often while they are. */
const silenceMs = 150;
const stillSilentMs = 250;
/** An answer that has not come so long after its question is hardly worth waiting for. */
const overdueMs = 1_200;

export interface Counts {
  /** Bytes from the backend so far. */
  readonly read: number;
  /** Bytes to the backend so far. */
  readonly sent: number;
  /** The client has sent something since the backend last did. */
  readonly unanswered: boolean;
}

export class Traffic {
  #read = 0;
  #sent = 0;
  #heardAt = Number.NEGATIVE_INFINITY;
  #activeAt: number;
  #unansweredSince: number | undefined;
  #checkAt = Number.POSITIVE_INFINITY;

  constructor(now: number) {
    this.#activeAt = now;
  }

  /** When the backend's last bytes came, as the last look saw it. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** When bytes last came from either side, as the last look saw it. */
  get activeAt(): number {
    return this.#activeAt;
  }

  /** True when the client waits for so long that the backend is to be checked. It may be right to let it (a long request). */
  look(now: number, { read, sent, unanswered }: Counts): boolean {
    if (read !== this.#read || sent !== this.#sent) this.#activeAt = now;
    if (read !== this.#read) {
      this.#heardAt = now;
      this.#unansweredSince = undefined;
    }
    this.#read = read;
    this.#sent = sent;
    if (!unanswered) return false;
    if (this.#unansweredSince === undefined) {
      this.#unansweredSince = now;
      this.#checkAt = now + silenceMs;
    }
    if (now < this.#checkAt) return false;
    this.#checkAt = now + stillSilentMs;
    return true;
  }

  /** For how long an answer that has not come is still worth waiting for. */
  worthWaitingMs(now: number): number {
    return Math.max(0, overdueMs - (now - (this.#unansweredSince ?? now)));
  }
}
