/** Back-off of what fails again and again: container restarts and image pulls. Pure but for its memory; time is an argument. */

export interface BackOffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
}

interface Entry {
  readonly delayMs: number;
  readonly at: number;
}

/**
 * Delays by key, doubling from `initialMs` to `maxMs`. A key that has not failed for twice the longest delay starts over,
 * as Kubernetes documents it for container restarts ("Pod Lifecycle", container restart policy).
 */
export class BackOff {
  readonly #options: BackOffOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: BackOffOptions = { initialMs: 10_000, maxMs: 300_000 }) {
    if (options.initialMs <= 0 || options.maxMs < options.initialMs) throw new Error('back-off delays must grow');
    this.#options = options;
  }

  /** The delay that follows the last failure; 0 when there was none. */
  delayMs(key: string): number {
    return this.#entries.get(key)?.delayMs ?? 0;
  }

  /** Until when the key must wait if it last ended at `endedAt`; undefined when it need not wait any more. */
  waitUntil(key: string, endedAt: number, now: number): number | undefined {
    const entry = this.#current(key, now);
    if (!entry) return undefined;
    const until = endedAt + entry.delayMs;
    return until > now ? until : undefined;
  }

  /** Counts one more try at this moment: the next one waits longer. */
  next(key: string, now: number): void {
    const entry = this.#current(key, now);
    const delayMs = entry ? Math.min(entry.delayMs * 2, this.#options.maxMs) : this.#options.initialMs;
    this.#entries.set(key, { delayMs, at: now });
  }

  forget(key: string): void {
    this.#entries.delete(key);
  }

  /** Forgets every key that begins so. */
  forgetAll(prefix: string): void {
    for (const key of this.#entries.keys()) if (key.startsWith(prefix)) this.#entries.delete(key);
  }

  #current(key: string, now: number): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry && now - entry.at > 2 * this.#options.maxMs) {
      this.#entries.delete(key);
      return undefined;
    }
    return entry;
  }
}

/** `10s`, `1m20s`, `5m0s`: a delay as Go prints it, for messages that people know. */
export function goDuration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
