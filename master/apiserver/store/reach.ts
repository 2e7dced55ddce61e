/**
 * Whether this API server still hears from any etcd member but its own. While etcd elects a leader no member serves, but the others
 * answer; where none of them does, this master is cut off from them, and another one serves its clients better.
 *
 * It looks only while the own member is not well.
 */
import { type Clock, sleep } from '../../api/clock.ts';

export interface ReachOptions {
  /** Whether the own member serves; there may be no other. */
  readonly isOwnWell: () => boolean;
  /** Asks all other members how they are; whether one of them has answered in time. */
  readonly anyAnswers: (timeoutMs: number) => Promise<boolean>;
  readonly clock: Clock;
}

const lookEveryMs = 100;
/** A member answers within a millisecond or two; one on a busy machine within this. */
const answerMs = 200;
/** One look may have met a moment at which nothing got through. */
const looksInARow = 2;

export class Reach {
  readonly #options: ReachOptions;
  #silentLooks = 0;

  constructor(options: ReachOptions) {
    this.#options = options;
  }

  get isCutOff(): boolean {
    return this.#silentLooks >= looksInARow;
  }

  /** Looks until the signal is aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { isOwnWell, anyAnswers, clock } = this.#options;
    while (!signal.aborted) {
      if (isOwnWell() || (await anyAnswers(answerMs))) this.#silentLooks = 0;
      else this.#silentLooks += 1;
      await sleep(lookEveryMs, signal, clock);
    }
  }
}
