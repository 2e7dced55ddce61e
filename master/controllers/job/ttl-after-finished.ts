/**
 * The TTL-after-finished controller: deletes Jobs some time after they have finished, whoever managed them (KEP-592).
 *
 * Guarantees: a Job goes only in the state in which its time was found to be over; its pods go before it.
 */
import type { ReconcileResult } from '../../api/controller.ts';
import { isConflict, isNotFound } from '../../api/errors.ts';
import { keyOf, nameOf } from '../../api/meta.ts';
import type { Job } from '../../api/types.ts';
import { type ControllerContext, newQueue, work } from '../context.ts';
import { timeOf } from '../pod-facts.ts';
import { isFinished } from './facts.ts';

const concurrency = 2;
/** A timer takes no longer time; it is looked at again then. */
const longestMs = 24 * 3_600_000;
/** A cache that is behind is looked at again after this. */
const behindMs = 50;

export async function startTtlAfterFinished(context: ControllerContext): Promise<void> {
  const { caches, signal } = context;
  const queue = newQueue(context, 'ttl_jobs_to_delete');
  const look = (job: Job): void => {
    if (job.spec?.ttlSecondsAfterFinished !== undefined && isFinished(job)) queue.add(keyOf(job));
  };
  caches.jobs.addHandler({ added: look, updated: (_, job) => look(job) }, signal);
  await work(context, queue, concurrency, (key) => expire(context, key));
}

async function expire({ caches, client, clock }: ControllerContext, key: string): Promise<ReconcileResult> {
  const job = caches.jobs.get(key);
  const expiresMs = job && expiryOf(job);
  if (!job || expiresMs === undefined || job.metadata?.deletionTimestamp) return {};
  const waitMs = expiresMs - clock.now();
  if (waitMs > 0) return { requeueAfterMs: Math.min(waitMs, longestMs) };
  const { uid, resourceVersion } = job.metadata ?? {};
  try {
    const preconditions = { uid, resourceVersion };
    await client.delete('jobs', nameOf(job), { propagationPolicy: 'Foreground', preconditions });
  } catch (error) {
    if (isConflict(error)) return { requeueAfterMs: behindMs };
    if (!isNotFound(error)) throw error;
  }
  return {};
}

/** When the Job is to be deleted (ms since the epoch); undefined for one that is not. */
export function expiryOf(job: Job): number | undefined {
  const ttl = job.spec?.ttlSecondsAfterFinished;
  if (ttl === undefined || !isFinished(job)) return undefined;
  const ended = job.status?.conditions?.find(
    ({ type, status }) => status === 'True' && (type === 'Complete' || type === 'Failed'),
  );
  const endedMs = timeOf(ended?.lastTransitionTime);
  return endedMs === undefined ? undefined : endedMs + ttl * 1_000;
}
