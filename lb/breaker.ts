/**
 * The circuit breaker of one backend, fed by the traffic (passive signals): several failed connections in a row open it,
 * for a time that doubles with each failed trial. The active checks decide health; the breaker keeps clients from a
 * master that passes its checks and yet fails them.
 */
import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  ConsecutiveBreaker,
  circuitBreaker,
  DelegateBackoff,
  handleType,
} from 'cockatiel';

/** A connection to the backend failed: counted. Any other error (the client went away, another backend was quicker) is not. */
export class AttemptFailed extends Error {
  override readonly name = 'AttemptFailed';
}

/** An attempt that nobody needs any more; says nothing about the backend. */
export class AttemptUnneeded extends Error {
  override readonly name = 'AttemptUnneeded';
}

export interface BreakerListener {
  /** `forMs`: how long no connection is let through. */
  opened(forMs: number): void;
  closed(): void;
}

const failuresToOpen = 3;
const firstOpenMs = 250;
const longestOpenMs = 5_000;

export class Breaker {
  readonly #listener: BreakerListener;
  #policy: CircuitBreakerPolicy;

  constructor(listener: BreakerListener) {
    this.#listener = listener;
    this.#policy = this.#create();
  }

  /**
   * Runs one attempt. It rejects with what the attempt rejected with, or with a BrokenCircuitError when the breaker is
   * open, in which case the attempt was not begun.
   */
  execute(attempt: () => Promise<void>): Promise<void> {
    return this.#policy.execute(attempt);
  }

  /** Forgets all failures: the backend is another one since its restart. */
  reset(): void {
    this.#policy = this.#create();
    this.#listener.closed();
  }

  #create(): CircuitBreakerPolicy {
    let openMs = firstOpenMs;
    const policy = circuitBreaker(handleType(AttemptFailed), {
      breaker: new ConsecutiveBreaker(failuresToOpen),
      halfOpenAfter: new DelegateBackoff(({ attempt }) => {
        openMs = Math.min(longestOpenMs, firstOpenMs * 2 ** (attempt - 1));
        return openMs;
      }),
    });
    policy.onBreak(() => {
      if (policy === this.#policy) this.#listener.opened(openMs);
    });
    policy.onReset(() => {
      if (policy === this.#policy) this.#listener.closed();
    });
    return policy;
  }
}

export { BrokenCircuitError };
