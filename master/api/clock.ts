/** Time as a parameter: cores and loops take a Clock, so that tests and simulations decide what time it is. */

export interface Clock {
  /** The time of day, in milliseconds since the epoch: for what is written down. */
  now(): number;
  /** Milliseconds for how long something lasts: only differences mean anything, and no correction of the time of day reaches them. */
  elapsed(): number;
  setTimeout(run: () => void, delayMs: number): Timer;
  clearTimeout(timer: Timer | undefined): void;
}

/** What `setTimeout` gave; only good for `clearTimeout`. */
export type Timer = unknown;

/** The longest delay that Node's timers take; a longer one would fire at once. */
const longestDelayMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  setTimeout: (run, delayMs) => setTimeout(run, Math.min(delayMs, longestDelayMs)),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
};

/** Resolves after `delayMs`, or at once when the signal is aborted; it never rejects, so callers look at the signal. */
export function sleep(delayMs: number, signal?: AbortSignal, clock: Clock = systemClock): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const wake = (): void => {
      clock.clearTimeout(timer);
      signal?.removeEventListener('abort', wake);
      resolve();
    };
    const timer = clock.setTimeout(wake, delayMs);
    signal?.addEventListener('abort', wake, { once: true });
  });
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
