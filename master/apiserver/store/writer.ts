/**
 * Writes: one etcd transaction each, compared against the revision that the writer has seen, so it happens once or not at all.
 *
 * When the answer of a transaction is lost (a member died, a leader changed), the outcome is found out rather than guessed:
 * - An update or a delete may be sent again as it is: it compares a revision that never comes back once either copy has
 *   happened.
 * - A create compares only that its key is absent, which can come true again: a late copy could bring back an object that
 *   was created and deleted since. So creates compare this process's epoch too, and before one is sent again a new epoch is
 *   written, after which no old copy can happen any more.
 * - Whether a copy happened is told by the watch, by the token in the value (own-writes.ts).
 * What cannot be told is answered with Timeout.
 */
import { randomUUID } from 'node:crypto';
import { type Clock, sleep, systemClock } from '../../api/clock.ts';
import { statusError, timeout } from '../../api/errors.ts';
import type { KubeObject } from '../../api/types.ts';
import { ownPrefix } from './keys.ts';
import { EtcdError, grpcCodes } from './member.ts';
import { type Members, unreachable } from './members.ts';
import { type OwnWrites, PendingWrite } from './own-writes.ts';
import type { Sealing } from './sealing/sealing.ts';
import { type Epoch, refusalOf, toTxn, type WriteRequest } from './transaction.ts';
import type { Deleted, Stored, WriteOptions } from './types.ts';
import { encodeValue, newToken, storedFromEncoded, storedFromValue } from './value.ts';
import type { WatchCache } from './watch-cache.ts';
import type { TxnRequest, TxnResponse } from './wire.ts';

export interface WriterOptions {
  readonly members: Members;
  readonly cache: WatchCache;
  readonly ownWrites: OwnWrites;
  readonly sealing?: Sealing | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * The patience of one attempt after the other. A proposal that a member passes on to a dead leader is lost without a word, so the
 * first attempts are short; a slow disk gets the time it needs from the later ones.
 */
const attemptsMs = [400, 400, 400, 800, 1600];
const lastAttemptsMs = 2000;
/** How long a write is tried in all. */
const patienceMs = 10_000;
const pauseMs = 20;

export class Writer {
  readonly #members: Members;
  readonly #cache: WatchCache;
  readonly #ownWrites: OwnWrites;
  readonly #sealing: Sealing | undefined;
  readonly #clock: Clock;
  readonly #epochKey = `${ownPrefix}epochs/${randomUUID()}`;
  /** Value undefined: none was needed yet, and the key does not exist. `revision` is where it was written. */
  #epoch: { value: string | undefined; revision: number } = { value: undefined, revision: 0 };
  #epochChange: Promise<void> | undefined;

  constructor({ members, cache, ownWrites, sealing, clock = systemClock }: WriterOptions) {
    this.#members = members;
    this.#cache = cache;
    this.#ownWrites = ownWrites;
    this.#sealing = sealing;
    this.#clock = clock;
  }

  async put(key: string, object: KubeObject, expectedRevision: number, options: WriteOptions): Promise<Stored> {
    const value = encodeValue(object);
    const text = this.#sealing ? this.#sealing.seal(key, value.text) : value.text;
    const pending = this.#ownWrites.begin(value.token);
    try {
      const { revision } = await this.#write({ key, expectedRevision, text, options }, pending);
      return storedFromEncoded(key, value, revision);
    } finally {
      pending.finish();
    }
  }

  async delete(key: string, expectedRevision: number, options: WriteOptions): Promise<Deleted> {
    const { revision, response } = await this.#write({ key, expectedRevision, options }, new PendingWrite(() => {}));
    const deleted = response?.found[0];
    if (!deleted) throw new Error(`etcd deleted ${key} without saying what it held`);
    return { revision, last: storedFromValue(key, deleted.value, revision) };
  }

  /** Sends the write until its outcome is known. */
  async #write(request: WriteRequest, pending: PendingWrite): Promise<Written> {
    const giveUpAt = this.#clock.elapsed() + patienceMs;
    const guarded = request.expectedRevision === 0;
    let unknown = false;
    let late = 0;
    for (;;) {
      const epoch = guarded ? { key: this.#epochKey, value: this.#epoch.value } : undefined;
      const answer = await this.#attempt(toTxn(request, epoch), late);
      if (!(answer instanceof EtcdError)) {
        const { revision } = answer.header;
        if (answer.succeeded) return { revision, response: answer };
        if (unknown && (await this.#happened(pending, revision, giveUpAt)))
          return { revision: pending.revision ?? revision };
        const refusal = refusalOf(request, answer.found);
        if (refusal && unknown && request.text === undefined) throw this.#refusedDelete(request, refusal);
        if (refusal) throw refusal;
        await this.#replaceEpoch(epoch, giveUpAt);
        continue;
      }
      unknown ||= !answer.refused;
      if (answer.late) late += 1;
      if (pending.revision !== undefined) return { revision: pending.revision };
      if (this.#clock.elapsed() >= giveUpAt) throw unknown ? unknownOutcome(answer) : unreachable(answer);
      await sleep(pauseMs, undefined, this.#clock);
      if (unknown && guarded) {
        await this.#replaceEpoch(epoch, giveUpAt);
        if (await this.#happened(pending, this.#epoch.revision, giveUpAt)) {
          return { revision: pending.revision ?? this.#epoch.revision };
        }
        unknown = false;
      }
    }
  }

  /** One attempt, after so many late ones; an error that says nothing of the transaction itself is an answer too. */
  async #attempt(txn: TxnRequest, lateBefore: number): Promise<TxnResponse | EtcdError> {
    const member = this.#members.best();
    try {
      const response = await member.txn(txn, attemptsMs[lateBefore] ?? lastAttemptsMs);
      this.#members.heard();
      return response;
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error;
      if (!error.transient) throw refusedByEtcd(error);
      // The first may have been lost with a leader, or wait for a disk: that speaks against no member yet.
      const excused = error.leaderChanged || error.givenUp || (error.late && lateBefore === 0);
      if (!excused) this.#members.suspect(member, error);
      return error;
    }
  }

  /** Whether a copy of the write happened up to this revision, by the watch. */
  async #happened(pending: PendingWrite, revision: number, giveUpAt: number): Promise<boolean> {
    const reached = await this.#cache.waitFor(revision, Math.max(0, giveUpAt - this.#clock.elapsed()));
    if (pending.revision !== undefined) return true;
    if (!reached || pending.lost) throw unknownOutcome();
    return false;
  }

  /** A delete was sent twice and refused the second time: if the object was deleted meanwhile, by whom is unknown. */
  #refusedDelete({ key, expectedRevision }: WriteRequest, refusal: Error): Error {
    const next = this.#cache.historyOf(key, expectedRevision)?.[0];
    return next?.type === 'put' ? refusal : unknownOutcome();
  }

  /** Makes sure that the present epoch is not the one a write was sent with. */
  async #replaceEpoch(sent: Epoch | undefined, giveUpAt: number): Promise<void> {
    if (this.#epochChange === undefined && this.#epoch.value !== sent?.value) return;
    // An unfinished change covers this write: it was sent with the epoch before.
    this.#epochChange ??= this.#writeEpoch(giveUpAt).finally(() => {
      this.#epochChange = undefined;
    });
    await this.#epochChange;
  }

  async #writeEpoch(giveUpAt: number): Promise<void> {
    // The same value in every attempt, so that it does no harm when several of them happen.
    const value = newToken();
    for (let late = 0; ; ) {
      const put = { type: 'put', key: this.#epochKey, value } as const;
      const answer = await this.#attempt({ compare: [], success: [put], failure: [] }, late);
      if (!(answer instanceof EtcdError)) {
        this.#epoch = { value, revision: answer.header.revision };
        return;
      }
      if (answer.late) late += 1;
      if (this.#clock.elapsed() >= giveUpAt) throw unknownOutcome(answer);
      await sleep(pauseMs, undefined, this.#clock);
    }
  }
}

interface Written {
  readonly revision: number;
  readonly response?: TxnResponse;
}

function unknownOutcome(cause?: Error): Error {
  return timeout('etcd did not say in time whether the write happened; it may still happen', { cause });
}

function refusedByEtcd(error: EtcdError): Error {
  if (error.code === grpcCodes.invalidArgument && error.details.includes('too large')) {
    return statusError('RequestEntityTooLarge', error.details, {}, { cause: error });
  }
  return error;
}
