/**
 * Runs one piece of work again and again: soon after it was asked for, once for any number of requests, never twice at the same
 * time, and now and then unasked. After a failure it is tried again with growing delays.
 */
import { type Clock, sleep, systemClock } from '../../master/api/clock.ts';

export interface SyncLoopOptions {
  /** Requests within this time are one. */
  readonly settleMs: number;
  /** How long it may go without running. */
  readonly resyncMs: number;
  readonly work: (reason: 'request' | 'resync' | 'retry') => Promise<void>;
  readonly onError: (error: unknown) => void;
  readonly clock?: Clock;
}

const firstRetryMs = 200;
const longestRetryMs = 10_000;

export class SyncLoop {
  readonly #options: SyncLoopOptions;
  #asked = Promise.withResolvers<void>();

  constructor(options: SyncLoopOptions) {
    this.#options = options;
  }

  /** Asks for a run. */
  request(): void {
    this.#asked.resolve();
  }

  /** Runs until the signal is aborted. The first run is a resync. */
  async run(signal: AbortSignal): Promise<void> {
    const { settleMs, resyncMs, work, onError, clock = systemClock } = this.#options;
    let failures = 0;
    let reason: 'request' | 'resync' | 'retry' = 'resync';
    while (!signal.aborted) {
      this.#asked = Promise.withResolvers();
      try {
        await work(reason);
        failures = 0;
      } catch (error) {
        failures += 1;
        onError(error);
      }
      if (failures > 0) {
        await sleep(Math.min(firstRetryMs * 2 ** (failures - 1), longestRetryMs), signal, clock);
        reason = 'retry';
        continue;
      }
      const waited = new AbortController();
      const waiting = AbortSignal.any([signal, waited.signal]);
      const first = await Promise.race([
        this.#asked.promise.then(() => 'request' as const),
        sleep(resyncMs, waiting, clock).then(() => 'resync' as const),
      ]);
      waited.abort();
      reason = first;
      if (first === 'request') await sleep(settleMs, signal, clock);
    }
  }
}
