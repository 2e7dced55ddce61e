/**
 * Keeps the watch cache equal to etcd: reads the whole state once, then follows one watch over every key, so that the cache's
 * revision reaches every revision that etcd ever answers.
 *
 * A broken watch goes on from the cache's revision, on whichever member is best: nothing is lost and nothing comes twice. Only
 * when that is impossible (compacted; a restored backup, whose revisions went back or whose cluster is another) does it start over.
 * A member that says nothing for two seconds, although asked, is left.
 */
import { ExponentialBackoff, handleWhen, retry } from 'cockatiel';
import { type Clock, sleep, systemClock } from '../../api/clock.ts';
import type { Logger } from '../../api/logging.ts';
import { prefixEnd, rootPrefix } from './keys.ts';
import { EtcdError, grpcCodes, type Member } from './member.ts';
import type { Members } from './members.ts';
import type { WatchCache } from './watch-cache.ts';
import type { KeyValue, WatchResponse, WireEvent } from './wire.ts';

export interface WatchFeedOptions {
  readonly members: Members;
  readonly cache: WatchCache;
  readonly logger: Logger;
  readonly clock?: Clock | undefined;
}

const progressIntervalMs = 500;
const silentAfterMs = 2000;
const probeTimeoutMs = 1000;
const listTimeoutMs = 10_000;
const pageSize = 1000;
const replayedRevisions = 1000;
const startOverPauseMs = 100;

export class WatchFeed {
  readonly #members: Members;
  readonly #cache: WatchCache;
  readonly #logger: Logger;
  readonly #clock: Clock;
  #clusterId = '';
  #doubt: ((error: Error) => void) | undefined;

  constructor({ members, cache, logger, clock = systemClock }: WatchFeedOptions) {
    this.#members = members;
    this.#cache = cache;
    this.#logger = logger;
    this.#clock = clock;
  }

  /** Follows etcd until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const again = retry(
      handleWhen(() => !signal.aborted),
      { maxAttempts: Number.POSITIVE_INFINITY, backoff: new ExponentialBackoff({ initialDelay: 10, maxDelay: 500 }) },
    );
    while (!signal.aborted) {
      // Returns after each watch that was once established, so that the back-off begins anew.
      await again.execute(() => this.#followOnce(signal), signal).catch(() => undefined);
    }
  }

  /** The watch is behind what etcd is known to have: take up another, unless it catches up by itself at once. */
  doubt(reason: string): void {
    this.#doubt?.(new Error(reason));
  }

  async #followOnce(signal: AbortSignal): Promise<void> {
    const member = this.#members.best();
    try {
      await this.#prepare(member);
    } catch (error) {
      const reason = error instanceof Error ? error : new Error(String(error));
      this.#members.suspect(member, reason);
      throw reason;
    }
    if (signal.aborted) return;
    const end = await this.#follow(member, signal);
    if (signal.aborted || end.kind === 'moved') return;
    if (end.kind === 'startOver') {
      this.#logger.warn({ reason: end.reason }, 'the watch cache starts over');
      this.#clusterId = '';
      await sleep(startOverPauseMs, signal, this.#clock);
      return;
    }
    this.#logger.warn(
      { member: member.url, reason: end.error.message },
      'the watch of etcd broke and goes on elsewhere',
    );
    this.#members.suspect(member, end.error);
    if (!end.established) throw end.error;
  }

  /** Whether the member answers now; otherwise it is known from now on that it does not. */
  async #answers(member: Member): Promise<boolean> {
    try {
      await member.revision(probeTimeoutMs);
      return true;
    } catch (error) {
      if (error instanceof EtcdError && error.leaderChanged) return true;
      this.#members.suspect(member, error instanceof Error ? error : new Error(String(error)));
      return false;
    }
  }

  /** Makes sure that the member is up to date and that its history is the one the cache comes from; reads all if not. */
  async #prepare(member: Member): Promise<void> {
    const { clusterId, revision } = await member.revision(probeTimeoutMs);
    this.#members.heard();
    if (this.#cache.filled && clusterId === this.#clusterId && revision >= this.#cache.revision) return;
    if (this.#cache.filled) {
      this.#logger.warn(
        { revision, cacheRevision: this.#cache.revision },
        'etcd has another history: the cache starts over',
      );
    }
    const state = await readAll(member, revision);
    this.#cache.reset(state.kvs, state.revision, revision);
    this.#clusterId = clusterId;
    this.#logger.info({ objects: state.kvs.length, revision: state.revision }, 'the watch cache is filled');
  }

  /** One watch stream, from the cache's revision until something ends it. */
  async #follow(member: Member, signal: AbortSignal): Promise<FollowEnd> {
    const { promise, resolve } = Promise.withResolvers<FollowEnd>();
    let established = false;
    let heardAt = this.#clock.elapsed();
    const broke = (error: Error): void => resolve({ kind: 'broke', error, established });
    const reader = new ResponseReader(this.#cache, this.#clusterId);
    const stream = await member.watch(this.#cache.revision + 1, {
      onResponse: (response) => {
        heardAt = this.#clock.elapsed();
        established ||= response.created;
        const end = reader.take(response);
        if (end) resolve(end.kind === 'broke' ? { ...end, established } : end);
      },
      onEnd: broke,
    });
    const timer = setInterval(() => {
      const silentMs = this.#clock.elapsed() - heardAt;
      if (silentMs >= silentAfterMs) broke(new Error(`the member is silent for ${silentMs} ms`));
      else if (silentMs >= progressIntervalMs) stream.requestProgress();
    }, progressIntervalMs);
    let looking = false;
    // What is thought of the other may be old: this watch goes on until the other has answered.
    const lookForBetter = async (): Promise<void> => {
      if (looking) return;
      looking = true;
      for (let better = this.#members.betterThan(member); better; better = this.#members.betterThan(member)) {
        if (await this.#answers(better)) return resolve({ kind: 'moved' });
      }
      looking = false;
    };
    const stopListening = this.#members.onChange(() => {
      if (established) void lookForBetter();
    });
    const stop = (): void => resolve({ kind: 'moved' });
    signal.addEventListener('abort', stop);
    this.#doubt = broke;
    try {
      return await promise;
    } finally {
      this.#doubt = undefined;
      signal.removeEventListener('abort', stop);
      stopListening();
      clearInterval(timer);
      stream.close();
    }
  }
}

type FollowEnd =
  | { readonly kind: 'broke'; readonly error: Error; readonly established: boolean }
  | { readonly kind: 'startOver'; readonly reason: string }
  /** A better member is back, or the feed is stopping. */
  | { readonly kind: 'moved' };

/** Applies the responses of one stream, whole revisions at a time, and says when the stream must end. */
class ResponseReader {
  readonly #cache: WatchCache;
  readonly #clusterId: string;
  /** The parts of a response that came in fragments so far. */
  #parts: WireEvent[] = [];

  constructor(cache: WatchCache, clusterId: string) {
    this.#cache = cache;
    this.#clusterId = clusterId;
  }

  take(response: WatchResponse): FollowEnd | undefined {
    const { header, canceled, compactRevision, cancelReason, created, fragment, events } = response;
    if (header.clusterId !== this.#clusterId) return { kind: 'startOver', reason: 'the etcd cluster is another one' };
    if (compactRevision > 0) {
      return { kind: 'startOver', reason: `etcd has compacted the revisions up to ${compactRevision}` };
    }
    if (canceled) {
      return { kind: 'broke', error: new Error(`etcd canceled the watch: ${cancelReason}`), established: true };
    }
    if (created) return undefined;
    if (events.length === 0 && !fragment) {
      this.#cache.progress(header.revision);
      return undefined;
    }
    this.#parts.push(...events);
    if (fragment) return undefined;
    const whole = this.#parts;
    this.#parts = [];
    return this.#apply(whole);
  }

  #apply(events: readonly WireEvent[]): FollowEnd | undefined {
    // Every revision has an event somewhere in the key space, so a step of more than one would be a hole.
    let last = this.#cache.revision;
    for (const { kv } of events) {
      if (kv.revision !== last && kv.revision !== last + 1) {
        return { kind: 'startOver', reason: `the watch went from revision ${last} to ${kv.revision}` };
      }
      last = kv.revision;
    }
    if (events[0]?.kv.revision === this.#cache.revision) {
      return { kind: 'startOver', reason: `the watch delivered revision ${this.#cache.revision} again` };
    }
    this.#cache.apply(events);
    return undefined;
  }
}

/**
 * Everything, as it was a thousand revisions ago if etcd still knows that: the watch then brings what happened since, and clients
 * that were watching another server, or this one before it started, may go on without listing again.
 */
async function readAll(member: Member, newest: number): Promise<{ kvs: KeyValue[]; revision: number }> {
  const past = Math.max(newest - replayedRevisions, 1);
  try {
    return await readPrefix(member, rootPrefix, past);
  } catch (error) {
    if (!(error instanceof EtcdError && error.code === grpcCodes.outOfRange)) throw error;
    return readPrefix(member, rootPrefix, 0);
  }
}

/** Everything under a prefix at one revision (0: the newest), page by page. */
export async function readPrefix(
  member: Member,
  prefix: string,
  atRevision: number,
): Promise<{ kvs: KeyValue[]; revision: number }> {
  const kvs: KeyValue[] = [];
  const rangeEnd = prefixEnd(prefix);
  let key = prefix;
  let revision = atRevision;
  for (;;) {
    const page = await member.range({ key, rangeEnd, limit: pageSize, revision }, listTimeoutMs);
    if (revision === 0) revision = page.header.revision;
    kvs.push(...page.kvs);
    const last = page.kvs.at(-1);
    if (!page.more || !last) return { kvs, revision };
    key = `${last.key}\0`;
  }
}
