/** The one worker loop that all controllers share: keys from a work queue, each reconciled, failures tried again later. */

import { isConflict } from './errors.ts';
import type { Logger } from './logging.ts';
import type { WorkQueue } from './workqueue.ts';

/** Brings the world to what the key's object says. Level-triggered: the key tells no event, and the object may be gone. */
// biome-ignore lint/suspicious/noConfusingVoidType: most reconciles have nothing to say, and end without a return.
export type Reconcile = (key: string, signal: AbortSignal) => Promise<ReconcileResult | void>;

export interface ReconcileResult {
  /** Look at the key again after this long, although nothing failed. */
  requeueAfterMs?: number;
}

/** An error that trying again cannot mend: it is logged and the key is left until its object changes. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
}

export interface WorkersOptions {
  queue: WorkQueue;
  concurrency: number;
  reconcile: Reconcile;
  logger: Logger;
  signal: AbortSignal;
}

/** Works until the signal is aborted and every reconcile under way has returned; then the queue is empty. */
export async function runWorkers(options: WorkersOptions): Promise<void> {
  await Promise.all(Array.from({ length: options.concurrency }, () => work(options)));
  options.queue.clear();
}

async function work({ queue, reconcile, logger, signal }: WorkersOptions): Promise<void> {
  for (let key = await queue.get(signal); key !== undefined; key = await queue.get(signal)) {
    try {
      const result = await reconcile(key, signal);
      queue.forget(key);
      if (result?.requeueAfterMs !== undefined) queue.addAfter(key, result.requeueAfterMs);
    } catch (error) {
      fail(error, key, { queue, logger, signal });
    } finally {
      queue.done(key);
    }
  }
}

function fail(
  error: unknown,
  key: string,
  { queue, logger, signal }: Pick<WorkersOptions, 'queue' | 'logger' | 'signal'>,
): void {
  if (signal.aborted) return;
  if (error instanceof TerminalError) {
    queue.forget(key);
    logger.error({ queue: queue.name, key, err: error }, 'reconcile failed for good');
    return;
  }
  // A conflict is the ordinary sign that the cache was a moment behind.
  const level = isConflict(error) ? 'debug' : 'warn';
  logger[level](
    { queue: queue.name, key, failures: queue.failures(key), err: error },
    'reconcile failed, trying again',
  );
  queue.addRateLimited(key);
}
