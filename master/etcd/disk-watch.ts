/**
 * Looks after the lead of etcd where the disk under it turns slow; `slow-disk.ts` decides. It runs inside the supervisor: whatever fails
 * is tried at the next look.
 *
 * A member's own figures are asked for on loopback, twice a second while it leads, at the cost of some four milliseconds of etcd's time;
 * those of the others only while the own disk is slow.
 */
import { get, type IncomingMessage } from 'node:http';
import { sleep } from '../api/clock.ts';
import type { Logger } from '../api/logging.ts';
import { EtcdClient, etcdCredentials, wholeText } from './client.ts';
import { type EtcdMemberConfig, type EtcdNow, metricsUrl } from './member.ts';
import { type Fsyncs, judge, nextLookMs, nothingSeen, wantsOthers } from './slow-disk.ts';

export interface DiskWatchOptions {
  /** Asked at each look. */
  readonly now: () => EtcdNow;
  readonly logger: Logger;
  /** Tells the cluster what operators should know. */
  readonly report: (reason: string, message: string) => Promise<void>;
}

/** A member that follows looks only whether it leads by now. */
const idleEveryMs = 5_000;
const callTimeoutMs = 1_000;
/** The leader that is to give the lead away may be held up by several fsyncs meanwhile. */
const moveTimeoutMs = 2_000;

const none = { others: new Map<string, Fsyncs>(), voters: 0 };

/** Runs until the signal is aborted. Never rejects. */
export async function watchDisk({ now, logger, report }: DiskWatchOptions, signal: AbortSignal): Promise<void> {
  let watch = nothingSeen;
  let delayMs = idleEveryMs;
  while (!signal.aborted) {
    await sleep(delayMs, signal);
    if (signal.aborted) return;
    try {
      const { member } = now();
      const own = readMetrics(await ownMetrics(member));
      if (!own.leads) {
        watch = { ...nothingSeen, movedAtMs: watch.movedAtMs };
        delayMs = idleEveryMs;
        continue;
      }
      const client = new EtcdClient(member.clientUrl, etcdCredentials(member.pkiDir));
      const all = wantsOthers(watch, own.fsyncs) ? await othersOf(client) : none;
      const nowMs = performance.now();
      const { watch: next, moveTo, ownMs } = judge(watch, { nowMs, own: own.fsyncs, ...all });
      watch = next;
      delayMs = nextLookMs(watch, nowMs);
      if (moveTo === undefined) continue;
      await client.moveLeader(moveTo, moveTimeoutMs);
      const message = `The disk of ${member.name} took ${Math.round(ownMs ?? 0)} ms for each write of etcd's log, and those of the others a fraction of it: another member leads etcd now.`;
      logger.warn({ to: moveTo, ownMs }, "the disk under etcd's leader is slow: another member leads now");
      await report('EtcdLeaderDiskSlow', message);
    } catch (error) {
      // A member that is starting or stopping answers nothing, and a lead may have gone by itself.
      logger.debug({ err: error }, 'the disk could not be looked at');
    }
  }
}

/** The figures of the other members that vote, and how many vote in all. */
async function othersOf(own: EtcdClient): Promise<{ others: Map<string, Fsyncs>; voters: number }> {
  const [{ members }, { memberId }] = await Promise.all([own.members(false, callTimeoutMs), own.status(callTimeoutMs)]);
  const voters = members.filter(({ isLearner }) => !isLearner);
  const others = new Map<string, Fsyncs>();
  const look = async (id: string, url: string): Promise<void> => {
    const text = await own
      .at(url)
      .metrics(callTimeoutMs)
      .catch(() => undefined);
    if (text !== undefined) others.set(id, readMetrics(text).fsyncs);
  };
  await Promise.all(voters.filter(({ id }) => id !== memberId).map(({ id, clientUrls: [url = ''] }) => look(id, url)));
  return { others, voters: voters.length };
}

/** https://etcd.io/docs/v3.5/metrics/ */
export function readMetrics(text: string): { leads: boolean; fsyncs: Fsyncs } {
  const value = (name: string): number => {
    const at = text.indexOf(`\n${name} `);
    return at < 0 ? 0 : Number(text.slice(at + name.length + 2, text.indexOf('\n', at + 1)));
  };
  const fsyncs = 'etcd_disk_wal_fsync_duration_seconds';
  const count = value(`${fsyncs}_count`);
  return {
    leads: value('etcd_server_is_leader') === 1,
    fsyncs: { count, seconds: value(`${fsyncs}_sum`), slow: count - value(`${fsyncs}_bucket{le="0.128"}`) },
  };
}

async function ownMetrics(member: EtcdMemberConfig): Promise<string> {
  const signal = AbortSignal.timeout(callTimeoutMs);
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    get(`${metricsUrl(member)}/metrics`, { signal, agent: false }, resolve).once('error', reject);
  });
  return wholeText(answer);
}
