/**
 * Compaction: every interval, one of the API servers has etcd forget what is older than the last interval. They agree by a key
 * that holds the revision of the last time: who changes it compacts, up to the revision that the key held before. So every
 * revision is kept for one interval at least.
 */
import { type Clock, sleep, systemClock } from '../../api/clock.ts';
import type { Logger } from '../../api/logging.ts';
import { ownPrefix } from './keys.ts';
import type { Members } from './members.ts';

export interface CompactionOptions {
  readonly members: Members;
  readonly logger: Logger;
  readonly intervalMs?: number | undefined;
  readonly clock?: Clock | undefined;
}

const compactionKey = `${ownPrefix}compaction`;
const fiveMinutesMs = 5 * 60_000;
const callTimeoutMs = 5000;

/** Compacts until the signal is aborted. */
export async function keepCompacting(options: CompactionOptions, signal: AbortSignal): Promise<void> {
  const { members, logger, intervalMs = fiveMinutesMs, clock = systemClock } = options;
  let seen = 0;
  for (;;) {
    await sleep(intervalMs, signal, clock);
    if (signal.aborted) return;
    try {
      seen = await compactOnce(members, seen);
    } catch (error) {
      logger.warn({ err: error }, 'the compaction of etcd failed; it is tried again at the next interval');
    }
  }
}

/**
 * `seen` is the revision at which the key was last seen changed. If it is still that, no other server compacted since, and this one
 * does. Gives what to pass the next time. A lost answer only means that this round is skipped or done twice.
 */
export async function compactOnce(members: Members, seen: number): Promise<number> {
  const member = members.best();
  const { revision } = await member.revision(callTimeoutMs);
  const response = await member.txn(
    {
      compare: [{ key: compactionKey, modRevision: seen }],
      success: [{ type: 'put', key: compactionKey, value: String(revision) }],
      failure: [{ type: 'range', key: compactionKey }],
    },
    callTimeoutMs,
  );
  if (!response.succeeded) return response.found[0]?.revision ?? 0;
  if (seen > 0) await member.compact(seen, callTimeoutMs);
  return response.header.revision;
}
