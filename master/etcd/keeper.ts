/**
 * Looks after the member of this master and, when it leads, after its cluster: promotes a member that has caught up, gives space
 * back, clears the alarm when space ran out, saves snapshots on a schedule, gives up data that the cluster no longer wants, and has
 * another member lead where its own disk is slow.
 *
 * It runs inside the supervisor: whatever fails is logged and tried at the next look, and nothing here can end a master.
 */
import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { sleep } from '../api/clock.ts';
import type { Logger } from '../api/logging.ts';
import { EtcdClient, etcdCredentials, type MemberList, type MemberStatus } from './client.ts';
import { watchDisk } from './disk-watch.ts';
import { neverHadLeader } from './log.ts';
import type { EtcdNow } from './member.ts';
import { type Identity, readIdentity, readOrder, writeIdentity, writeOrder } from './order.ts';
import { endProcess } from './settings.ts';
import { nextUpkeep, type Upkeep } from './upkeep.ts';

export interface KeeperOptions {
  /** Asked at each look. */
  readonly now: () => EtcdNow;
  readonly logger: Logger;
  /** Tells the cluster what operators should know. */
  readonly report: (reason: string, message: string) => Promise<void>;
  /** Undefined for none. */
  readonly snapshots?: SnapshotSchedule | undefined;
}

export interface SnapshotSchedule {
  readonly intervalMs: number;
  /** What saves one: a process of its own, because it may take long and much memory. */
  readonly command: string;
  readonly args: readonly string[];
  /** When the newest one was made; undefined if there is none. */
  readonly newestAt: () => number | undefined;
}

const lookEveryMs = 5_000;
/** One that is away may come back as a learner. */
const lookForOwnEveryMs = 1_000;
/** A learner is a gap in the cluster: it is promoted as soon as it may be. */
const promoteEveryMs = 500;
const callTimeoutMs = 3_000;
const repeatReasonMs = 30_000;
/** A master that has just started has better things to do than a snapshot that is overdue. */
const settlingMs = 60_000;

/** Looks after the member until the signal is aborted. Never rejects. */
export async function keepMember(options: KeeperOptions, signal: AbortSignal): Promise<void> {
  await Promise.all([new Keeper(options).run(signal), keepSnapshots(options, signal), watchDisk(options, signal)]);
}

class Keeper {
  readonly #options: KeeperOptions;
  readonly #dir: string;
  /** None until the certificates could be read. */
  #clients: readonly EtcdClient[] = [];
  readonly #ownUrl: string;
  readonly #defragmentedAt = new Map<string, number>();
  #identity: Identity | undefined;
  #freedAt = Number.NEGATIVE_INFINITY;
  #wellAt = Date.now();
  /** The own member did at the last look. */
  #answers = false;
  /** Since when the log has been one that never had a leader. */
  #neverLedAt: number | undefined;
  #reason = '';
  #reasonAt = Number.NEGATIVE_INFINITY;

  constructor(options: KeeperOptions) {
    this.#options = options;
    const { member } = options.now();
    this.#dir = dirname(member.dataDir);
    this.#ownUrl = member.clientUrl;
  }

  async run(signal: AbortSignal): Promise<void> {
    let delayMs = promoteEveryMs;
    while (!signal.aborted) {
      await sleep(delayMs, signal);
      if (signal.aborted) return;
      delayMs = lookEveryMs;
      try {
        const step = await this.#look();
        if (!this.#answers) delayMs = lookForOwnEveryMs;
        if (step?.do === 'promote' || this.#identity === undefined) delayMs = promoteEveryMs;
        if (step) await this.#act(step);
      } catch (error) {
        this.#say(error instanceof Error ? error.message : String(error));
      }
    }
  }

  async #look(): Promise<Upkeep | undefined> {
    const { member, clientUrls } = this.#options.now();
    const known = this.#clients.map(({ url }) => url);
    if (!isDeepStrictEqual(known, clientUrls)) {
      const credentials = etcdCredentials(member.pkiDir);
      this.#clients = clientUrls.map((url) => new EtcdClient(url, credentials));
    }
    const now = Date.now();
    const own = await this.#clientOf(this.#ownUrl)
      .status(callTimeoutMs)
      .catch(() => undefined);
    this.#answers = own !== undefined;
    if (own) this.#remember(own);
    const leads = own !== undefined && own.leaderId === own.memberId;
    const statuses = leads ? await this.#statuses() : new Map<string, MemberStatus>();
    const unwellForMs = own ? 0 : now - this.#wellAt;
    return nextUpkeep({
      now,
      own,
      unwellForMs,
      neverLedForMs: this.#neverLedForMs(now, own, member.dataDir),
      // What the operator has said goes before what is found here.
      identity: readOrder(this.#dir) ? undefined : (this.#identity ?? readIdentity(this.#dir)),
      masters: member.initialCluster.length,
      elsewhere: own ? undefined : await this.#elsewhere(),
      statuses,
      complete: leads && (await this.#isComplete(statuses)),
      defragmentedAt: this.#defragmentedAt,
      freedAt: this.#freedAt,
    });
  }

  #neverLedForMs(now: number, own: MemberStatus | undefined, dataDir: string): number {
    const neverLed = own === undefined && this.#identity === undefined && neverHadLeader(dataDir);
    this.#neverLedAt = neverLed ? (this.#neverLedAt ?? now) : undefined;
    return now - (this.#neverLedAt ?? now);
  }

  /** The data's owner, for a later start that finds the cluster gone on without it. */
  #remember({ clusterId, memberId }: MemberStatus): void {
    this.#wellAt = Date.now();
    const known = this.#identity;
    if (known?.clusterId === clusterId && known.memberId === memberId) return;
    this.#identity = { clusterId, memberId };
    writeIdentity(this.#dir, this.#identity);
  }

  async #statuses(): Promise<Map<string, MemberStatus>> {
    const found = new Map<string, MemberStatus>();
    const look = async (client: EtcdClient): Promise<void> => {
      const status = await client.status(callTimeoutMs).catch(() => undefined);
      if (status) found.set(client.url, status);
    };
    await Promise.all(this.#clients.map(look));
    return found;
  }

  async #isComplete(statuses: ReadonlyMap<string, MemberStatus>): Promise<boolean> {
    const answering = new Set([...statuses.values()].map(({ memberId }) => memberId));
    const { members } = await this.#clientOf(this.#ownUrl).members(false, callTimeoutMs);
    return members.every(({ id }) => answering.has(id));
  }

  async #elsewhere(): Promise<MemberList | undefined> {
    for (const client of this.#others) {
      const agreed = await client.members(true, callTimeoutMs).catch(() => undefined);
      if (agreed) return agreed;
    }
    return undefined;
  }

  async #act(step: Upkeep): Promise<void> {
    const { logger } = this.#options;
    switch (step.do) {
      case 'promote':
        return this.#promote(step.id);
      case 'rejoin':
        logger.warn('the cluster goes on without this member: its data is put aside, and it joins as a new one');
        writeOrder(this.#dir, { kind: 'rejoin' });
        this.#identity = undefined;
        this.#wellAt = Date.now();
        return endProcess(this.#dir, 'etcd', 'SIGTERM');
      case 'meet again':
        logger.warn('the cluster did not come about with this member: what the others have is looked at again');
        this.#neverLedAt = undefined;
        return endProcess(this.#dir, 'etcd', 'SIGTERM');
      case 'free space':
        return this.#freeSpace();
      case 'defragment':
        return this.#defragment(step.url);
      case 'hand over':
        logger.info({ to: step.to }, 'handing over the lead of etcd, to give space back');
        return this.#clientOf(this.#ownUrl).moveLeader(step.to, callTimeoutMs);
    }
  }

  /** A learner cannot be asked itself: any other member hands the request to the leader. */
  async #promote(id: string): Promise<void> {
    let trouble: unknown = new Error('no other member is known');
    for (const client of this.#others) {
      try {
        await client.promote(id, callTimeoutMs);
        this.#options.logger.info({ member: id }, 'this member has caught up and votes now');
        return;
      } catch (error) {
        trouble = error;
      }
    }
    throw trouble;
  }

  async #defragment(url: string): Promise<void> {
    this.#defragmentedAt.set(url, Date.now());
    const client = this.#clientOf(url);
    const before = await client.status(callTimeoutMs);
    await client.defragment();
    const after = await client.status(callTimeoutMs);
    this.#options.logger.info(
      { member: url, beforeBytes: before.dbSize, afterBytes: after.dbSize },
      'space given back',
    );
  }

  /** Writes are refused anyway, so all members give back what they can, the leader last, and the alarm is cleared. */
  async #freeSpace(): Promise<void> {
    const { logger, report } = this.#options;
    this.#freedAt = Date.now();
    const own = this.#clientOf(this.#ownUrl);
    const before = await own.status(callTimeoutMs);
    logger.error({ dbSize: before.dbSize }, 'etcd has no space left and refuses writes: making some');
    await own.compact(before.revision).catch((error: unknown) => {
      // It was compacted as far already.
      logger.info({ reason: error instanceof Error ? error.message : String(error) }, 'nothing more to compact');
    });
    const statuses = [...(await this.#statuses())];
    const leaderLast = statuses.toSorted(
      ([, a], [, b]) => Number(a.memberId === before.memberId) - Number(b.memberId === before.memberId),
    );
    for (const [url] of leaderLast) await this.#defragment(url);
    const after = await own.status(callTimeoutMs);
    for (const alarm of before.alarms.filter(({ type }) => type === 'NOSPACE')) await own.disarm(alarm, callTimeoutMs);
    logger.info({ beforeBytes: before.dbSize, afterBytes: after.dbSize }, 'the alarm is cleared');
    await report(
      'EtcdSpaceExhausted',
      `The database of etcd reached its bound at ${mebibytes(before.dbSize)} and refused writes; ` +
        `it was compacted and defragmented to ${mebibytes(after.dbSize)}, and the alarm is cleared. Noticed by ${this.#options.now().member.name}.`,
    );
  }

  get #others(): EtcdClient[] {
    return this.#clients.filter(({ url }) => url !== this.#ownUrl);
  }

  #clientOf(url: string): EtcdClient {
    const client = this.#clients.find((each) => each.url === url);
    if (!client) throw new Error(`Invariant: ${url} is one of the members' URLs`);
    return client;
  }

  #say(why: string): void {
    const now = Date.now();
    if (why === this.#reason && now - this.#reasonAt < repeatReasonMs) return;
    this.#reason = why;
    this.#reasonAt = now;
    this.#options.logger.warn({ why }, 'the upkeep of etcd did not get on; it is tried again');
  }
}

const mebibytes = (bytes: number): string => `${Math.round(bytes / 1024 ** 2)} MiB`;

async function keepSnapshots({ snapshots, logger }: KeeperOptions, signal: AbortSignal): Promise<void> {
  if (!snapshots) return;
  const { intervalMs, newestAt, command, args } = snapshots;
  const startedAt = Date.now();
  let notBefore = startedAt + settlingMs;
  while (!signal.aborted) {
    try {
      const dueAt = (newestAt() ?? startedAt) + intervalMs;
      await sleep(Math.max(dueAt, notBefore) - Date.now(), signal);
      if (signal.aborted) return;
      notBefore = Date.now() + intervalMs;
      await runToEnd(command, args, signal);
      logger.info('a snapshot was saved');
    } catch (error) {
      if (signal.aborted) return;
      notBefore = Date.now() + intervalMs;
      const trouble = error instanceof Error ? error.message : String(error);
      logger.warn({ trouble }, 'no snapshot could be saved; it is tried at the next turn');
      await sleep(lookEveryMs, signal);
    }
  }
}

/** Rejects with what the process said when it failed. */
function runToEnd(command: string, args: readonly string[], signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], { signal, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-1_000);
    });
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(said.trim() || `exit code ${code}`))));
  });
}
