/** What a controller is given for one term of leadership. */
import type { Client } from '../api/client.ts';
import { type Clock, sleep } from '../api/clock.ts';
import { type Reconcile, runWorkers } from '../api/controller.ts';
import { EventRecorder } from '../api/events.ts';
import type { Logger } from '../api/logging.ts';
import { WorkQueue } from '../api/workqueue.ts';
import type { Caches } from './caches.ts';
import type { ControllerMetrics } from './metrics.ts';
import type { NodeHealthObserver } from './node-lifecycle/health-observer.ts';
import type { Options } from './options.ts';

export interface ControllerContext {
  /** Fenced: after the term the API server refuses its writes. */
  readonly client: Client;
  /** The resourceVersion at which the term began: all that earlier leaders wrote is older. */
  readonly revision: string;
  readonly caches: Caches;
  readonly health: NodeHealthObserver;
  readonly options: Options;
  readonly metrics: ControllerMetrics;
  /** The authority (PEM) that pods trust the API server by. */
  readonly rootCa: string | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Aborted when the term ends. Every handler, timer and request of a controller ends with it. */
  readonly signal: AbortSignal;
}

/** Runs for a term; resolves when the signal is aborted and nothing is under way any more. */
export type StartController = (context: ControllerContext) => Promise<void>;

/** No key waits longer than this after failures: after an outage the cluster is whole again soon. */
const maxDelayMs = 30_000;

/** A work queue that the metrics know. */
export function newQueue({ metrics, clock }: ControllerContext, name: string): WorkQueue {
  const queue = new WorkQueue({ name, maxDelayMs, clock });
  metrics.watchQueue(queue);
  return queue;
}

/** Works on the queue until the term ends; each reconcile is measured. */
export function work(
  { logger, signal, metrics }: ControllerContext,
  queue: WorkQueue,
  concurrency: number,
  reconcile: Reconcile,
): Promise<void> {
  return runWorkers({ queue, concurrency, reconcile: metrics.measured(queue.name, reconcile), logger, signal });
}

/** Records events in the name of a controller, as `kubectl describe` shows them. */
export function newRecorder({ client, logger }: ControllerContext, component: string): EventRecorder {
  return new EventRecorder(client, { component }, logger);
}

/** Repeats `pass` every `periodMs` until the term ends. A pass that throws is logged; the next one starts anew. */
export async function everyPeriod(
  { clock, logger, signal }: ControllerContext,
  name: string,
  periodMs: number,
  pass: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await pass();
    } catch (error) {
      if (!signal.aborted) logger.warn({ pass: name, err: error }, 'periodic pass failed');
    }
    await sleep(periodMs, signal, clock);
  }
}

const againMs = 500;

/** Tries until it succeeds; undefined when the term ends before. For what a controller cannot begin without. */
export async function untilDone<T>(
  { clock, logger, signal }: ControllerContext,
  what: string,
  attempt: () => Promise<T>,
): Promise<T | undefined> {
  while (!signal.aborted) {
    try {
      return await attempt();
    } catch (error) {
      if (!signal.aborted) logger.warn({ what, err: error }, 'failed, trying again');
    }
    await sleep(againMs, signal, clock);
  }
  return undefined;
}
