/**
 * Tells whose containers changed: at once by the runtime's events, and by comparing lists from time to time, because events
 * can be lost (what Kubernetes calls the pod lifecycle event generator).
 */
import { type Clock, sleep } from '../../../master/api/clock.ts';
import type { Logger } from '../../../master/api/logging.ts';
import type { Runtime, RuntimePod } from '../../runtime/runtime.ts';

export interface LifecycleEventsOptions {
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly relistMs: number;
  readonly changed: (podUid: string) => void;
  /** Every complete list, changed or not. */
  readonly listed: (pods: readonly RuntimePod[], tookMs: number) => void;
}

const firstRetryMs = 200;
const longestRetryMs = 5_000;

export class LifecycleEvents {
  readonly #options: LifecycleEventsOptions;
  #seen = new Map<string, string>();
  #lastListed = 0;

  constructor(options: LifecycleEventsOptions) {
    this.#options = options;
  }

  /** Works until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#follow(signal), this.#relist(signal)]);
  }

  /** Throws when the runtime has not been listed for so long that it must be stuck. */
  check(): void {
    const { clock, relistMs } = this.#options;
    const age = clock.elapsed() - this.#lastListed;
    const most = Math.max(3 * 60_000, 3 * relistMs);
    if (age > most)
      throw new Error(`pleg was last seen active ${Math.round(age / 1000)}s ago; threshold is ${most / 1000}s`);
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { runtime, clock, logger, changed } = this.#options;
    let retryMs = firstRetryMs;
    while (!signal.aborted) {
      try {
        for await (const { podUid } of runtime.events(signal)) {
          retryMs = firstRetryMs;
          changed(podUid);
        }
      } catch (error) {
        logger.warn({ err: error }, "the runtime's events broke off, listening again");
      }
      if (signal.aborted) return;
      await sleep(retryMs, signal, clock);
      retryMs = Math.min(retryMs * 2, longestRetryMs);
      // What happened in between went unheard.
      await this.#listOnce();
    }
  }

  async #relist(signal: AbortSignal): Promise<void> {
    const { clock, relistMs } = this.#options;
    this.#lastListed = clock.elapsed();
    while (!signal.aborted) {
      await this.#listOnce();
      await sleep(relistMs, signal, clock);
    }
  }

  async #listOnce(): Promise<void> {
    const { runtime, clock, logger, changed, listed } = this.#options;
    try {
      const startedAt = clock.elapsed();
      const pods = await runtime.listPods();
      this.#lastListed = clock.elapsed();
      const next = new Map(pods.map((pod) => [pod.pod.uid, fingerprint(pod)]));
      const uids = new Set([...this.#seen.keys(), ...next.keys()]);
      for (const uid of uids) if (this.#seen.get(uid) !== next.get(uid)) changed(uid);
      this.#seen = next;
      listed(pods, clock.elapsed() - startedAt);
    } catch (error) {
      logger.warn({ err: error }, 'the runtime could not be listed');
    }
  }
}

const fingerprint = ({ sandboxes, containers }: RuntimePod): string =>
  [
    ...sandboxes.map(({ id, ready, ip }) => `${id} ${ready} ${ip ?? ''}`),
    ...containers.map(({ id, state }) => `${id} ${state}`),
  ].join('\n');
