/** The Store over etcd: reads from the watch cache, writes through transactions. */
import { type Clock, systemClock } from '../../api/clock.ts';
import { expired, serviceUnavailable, statusError } from '../../api/errors.ts';
import type { Logger } from '../../api/logging.ts';
import type { KubeObject } from '../../api/types.ts';
import { keepCompacting } from './compaction.ts';
import type { WindowLimits } from './event-window.ts';
import { FencedWrites } from './fenced-writes.ts';
import { listPrefix } from './keys.ts';
import type { EtcdTls } from './member.ts';
import { EtcdError, grpcCodes } from './member.ts';
import { Members } from './members.ts';
import { OwnWrites } from './own-writes.ts';
import { RequestDurations } from './request-durations.ts';
import { RevisionCheck } from './revision-check.ts';
import type { Sealing } from './sealing/sealing.ts';
import type {
  Deleted,
  Freshness,
  Listed,
  MemberProblem,
  PeekableStore,
  Stored,
  WatchListener,
  WatchSource,
  WriteOptions,
} from './types.ts';
import { storedFromValue } from './value.ts';
import { undecryptable, WatchCache } from './watch-cache.ts';
import { readPrefix, WatchFeed } from './watch-feed.ts';
import { Writer } from './writer.ts';

export interface EtcdStoreOptions {
  /** URLs of the etcd members' client ports, this master's own first. */
  readonly endpoints: readonly string[];
  /** The Unix socket of the first of them. */
  readonly socket?: string | undefined;
  readonly tls?: EtcdTls | undefined;
  readonly logger: Logger;
  readonly clock?: Clock | undefined;
  readonly compactionIntervalMs?: number | undefined;
  readonly windowLimits?: WindowLimits | undefined;
  /** Which resources are encrypted in etcd, and how. */
  readonly sealing?: Sealing | undefined;
}

/** How long a read waits for a revision that the cache does not have yet, as Kubernetes' watch cache. */
const futureRevisionMs = 3000;
/**
 * Twice as long as etcd mostly takes to elect a leader: until then, requests are better kept waiting than sent away. Balancers send
 * nobody away from it as long as all other masters are no better.
 */
const lostAfterMs = 2000;
/** The same where the other members do not answer at all, so that it is no election. */
const cutOffAfterMs = 700;

export class EtcdStore implements PeekableStore {
  readonly #options: EtcdStoreOptions;
  readonly #members: Members;
  readonly #cache: WatchCache;
  readonly #feed: WatchFeed;
  readonly #check: RevisionCheck;
  readonly #writer: Writer;
  readonly #fenced = new FencedWrites();
  /** For metrics. */
  readonly requestDurations = new RequestDurations();

  constructor(options: EtcdStoreOptions) {
    const { logger, sealing, clock = systemClock } = options;
    const ownWrites = new OwnWrites();
    this.#options = options;
    this.#members = new Members({ ...options, durations: this.requestDurations });
    this.#cache = new WatchCache({ ownWrites, limits: options.windowLimits, clock });
    this.#feed = new WatchFeed({ members: this.#members, cache: this.#cache, logger, clock });
    this.#check = new RevisionCheck({
      members: this.#members,
      cache: this.#cache,
      onStale: (reason) => this.#feed.doubt(reason),
      clock,
    });
    this.#writer = new Writer({ members: this.#members, cache: this.#cache, ownWrites, sealing, clock });
  }

  /** Follows etcd until the signal is aborted; then ends all watches and closes the connections. */
  async run(signal: AbortSignal): Promise<void> {
    const { logger, clock, compactionIntervalMs: intervalMs } = this.#options;
    await Promise.all([
      this.#members.run(signal),
      this.#feed.run(signal),
      keepCompacting({ members: this.#members, logger, intervalMs, clock }, signal),
    ]);
    this.#cache.endWatches(serviceUnavailable('the server is shutting down'));
  }

  /** Resolves when the cache is filled, or when the signal is aborted. */
  async filled(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !(await this.#cache.waitFor(0, 250)));
  }

  get ready(): boolean {
    const { isCutOff, silentForMs, someHealthy } = this.#members;
    if (isCutOff && silentForMs >= cutOffAfterMs) return false;
    return this.#cache.filled && (someHealthy || silentForMs < lostAfterMs);
  }

  get cacheRevision(): number {
    return this.#cache.revision;
  }

  /** Objects by key prefix of their resource, for metrics. */
  get objectCounts(): ReadonlyMap<string, number> {
    return this.#cache.sizes;
  }

  /** How many objects a resource has. */
  countOf(resource: string): number {
    return this.#cache.countOf(listPrefix(resource));
  }

  /** The etcd members as this server sees them, for metrics. */
  get members(): { url: string; healthy: boolean }[] {
    return this.#members.health;
  }

  /** Replaces the members that are used, this master's own first. */
  setEndpoints(endpoints: readonly string[]): void {
    this.#members.setEndpoints(endpoints);
  }

  /** How the members that are well say they are, for metrics. */
  memberStatuses(): ReturnType<Members['statuses']> {
    return this.#members.statuses();
  }

  async memberProblems(): Promise<readonly MemberProblem[]> {
    const statuses = await this.memberStatuses();
    const problemOf = (url: string): string | undefined => {
      const status = statuses.find((each) => each.url === url);
      if (!status) return 'does not answer';
      // Every member tells of the alarms of all, and refuses writes while there is one.
      if (status.alarms.length === 0) return undefined;
      return `alarm ${status.alarms.join(', ')}${status.alarms.includes('NOSPACE') ? ': no space is left, writes are refused' : ''}`;
    };
    return this.members
      .map(({ url }) => ({ url, problem: problemOf(url) }))
      .toSorted((a, b) => (a.url < b.url ? -1 : 1));
  }

  /** Writes of leaders, for metrics. */
  get fencedWrites(): FencedWrites['counts'] {
    return this.#fenced.counts;
  }

  get watcherCount(): number {
    return this.#cache.watcherCount;
  }

  currentRevision(): Promise<number> {
    return this.#check.current();
  }

  async get(key: string, freshness: Freshness): Promise<Stored | undefined> {
    await this.#reach(freshness);
    const stored = this.#cache.get(key);
    if (stored?.sealed) throw this.#undecryptable(key);
    return stored;
  }

  async list(prefix: string, freshness: Freshness): Promise<Listed> {
    await this.#reach(freshness);
    this.#mustBeReadable(prefix);
    return this.#cache.list(prefix);
  }

  async listAt(prefix: string, revision: number): Promise<Listed> {
    if (revision > this.#cache.revision) await this.#reach({ kind: 'atLeast', revision });
    this.#mustBeReadable(prefix);
    const remembered = this.#cache.listAt(prefix, revision);
    if (remembered) return remembered;
    try {
      const { kvs } = await this.#members.read((member) => readPrefix(member, prefix, revision));
      return { items: kvs.map((kv) => storedFromValue(kv.key, kv.value, kv.revision)), revision };
    } catch (error) {
      if (error instanceof EtcdError && error.code === grpcCodes.outOfRange) {
        throw expired(`The provided resource version is too old: ${revision}`);
      }
      throw error;
    }
  }

  /** To be called when there are other keys to decrypt with. */
  sealingChanged(): void {
    const { sealing } = this.#options;
    if (sealing) this.#cache.reopen((kv) => sealing.open(kv));
  }

  isStale(key: string): boolean {
    return this.#options.sealing?.isStale(key) ?? false;
  }

  peek(prefix: string): readonly Stored[] {
    return this.#cache.list(prefix).items;
  }

  create(key: string, object: KubeObject, options: WriteOptions = {}): Promise<Stored> {
    return this.#fenced.counted(options.fence, this.#writer.put(key, object, 0, options));
  }

  update(key: string, object: KubeObject, expectedRevision: number, options: WriteOptions = {}): Promise<Stored> {
    return this.#fenced.counted(options.fence, this.#writer.put(key, object, expectedRevision, options));
  }

  delete(key: string, expectedRevision: number, options: WriteOptions = {}): Promise<Deleted> {
    return this.#fenced.counted(options.fence, this.#writer.delete(key, expectedRevision, options));
  }

  watch(prefix: string, from: number, listener: WatchListener): WatchSource {
    const watcher = this.#cache.watch(prefix, from, listener);
    if (from > this.#cache.revision) {
      // Either this server is a little behind, or the revision is of a history that a restored backup has undone.
      const check = (current: number): void => {
        if (from > current) watcher.end(expired(`too new resource version: ${from} (${current})`));
      };
      this.#check.current().then(check, (error) => watcher.end(error));
    }
    return watcher;
  }

  #mustBeReadable(prefix: string): void {
    const key = this.#cache.sealedUnder(prefix);
    if (key !== undefined) throw this.#undecryptable(key);
  }

  #undecryptable(key: string): Error {
    return undecryptable(key, this.#options.sealing?.failureOf(key));
  }

  async #reach(freshness: Freshness): Promise<void> {
    if (freshness.kind === 'consistent') return this.#check.fresh();
    if (!this.#cache.filled) throw serviceUnavailable('the watch cache is not filled yet', 1);
    if (freshness.kind === 'any') return;
    const { revision } = freshness;
    if (revision <= this.#cache.revision || (await this.#cache.waitFor(revision, futureRevisionMs))) return;
    throw tooLarge(revision, this.#cache.revision);
  }
}

/** As Kubernetes words it; clients know it by the cause. */
function tooLarge(revision: number, current: number): Error {
  return statusError('Timeout', `Too large resource version: ${revision}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
}
