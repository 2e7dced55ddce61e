/**
 * The etcd members that this API server knows, its own first. Answers which one to use: the first in order that answers
 * linearizable reads. A member that failed a call is out at once and tried again in the background, with back-off, so no request ever
 * waits for a dead or silent member twice, and the own member is used again as soon as it is back.
 */
import { ExponentialBackoff, handleWhen, retry } from 'cockatiel';
import { type Clock, sleep, systemClock } from '../../api/clock.ts';
import { serviceUnavailable } from '../../api/errors.ts';
import type { Logger } from '../../api/logging.ts';
import { EtcdError, type EtcdTls, grpcCodes, Member } from './member.ts';
import { Reach } from './reach.ts';
import type { RequestDurations } from './request-durations.ts';
import type { Sealing } from './sealing/sealing.ts';
import type { StatusResponse } from './wire.ts';

export interface MembersOptions {
  /** URLs of the members' client ports, the preferred one first. */
  readonly endpoints: readonly string[];
  /** The Unix socket at which the first of them is reached. */
  readonly socket?: string | undefined;
  readonly tls?: EtcdTls | undefined;
  readonly logger: Logger;
  readonly sealing?: Sealing | undefined;
  readonly durations?: RequestDurations | undefined;
  readonly clock?: Clock | undefined;
}

const probeTimeoutMs = 1000;
/** How often a member that is thought healthy is asked, so that a failover does not land on a dead one. */
const probeIntervalMs = 5000;
const firstProbeDelayMs = 100;
const longestProbeDelayMs = 2000;
/**
 * The patience of one attempt of a read after the other. A member that has lost its leader answers nothing, so the first attempts
 * are short; a slow disk, which every member waits for, gets the time it needs from the later ones.
 */
const readAttemptsMs = [400, 400, 400, 800, 1600];
const lastReadAttemptsMs = 2000;
/** How long a read is tried on one member after the other. An election of etcd takes one to three seconds. */
const readPatienceMs = 10_000;

/** A transaction that was sent before there was a new leader, and is not answered so soon after, is lost with the old one. */
const lastAnswersMs = 50;
/** No two leaders follow each other sooner: what is told within this time is the same change. */
const oneLeaderMs = 500;

interface MemberState {
  readonly member: Member;
  healthy: boolean;
  /** Ends the wait before the next probe. */
  wake: () => void;
  /** Aborted when it is a member no more. */
  readonly gone: AbortController;
}

export class Members {
  readonly #newState: (url: string) => MemberState;
  #states: readonly MemberState[];
  /** While it runs, members that come are probed, too. */
  #keep: ((state: MemberState) => void) | undefined;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #changed = new Set<() => void>();
  readonly #reach: Reach;
  #turn = 0;
  #heardAt = Number.NEGATIVE_INFINITY;
  /** On the clock of `performance.now`, as what members remember of their calls. */
  #leaderSeenAt = Number.NEGATIVE_INFINITY;

  constructor({ endpoints, socket, tls, logger, sealing, durations, clock = systemClock }: MembersOptions) {
    if (endpoints.length === 0) throw new Error('no etcd endpoints are given');
    this.#newState = (url) => ({
      member: new Member(url, tls, { sealing, durations, socket: url === endpoints[0] ? socket : undefined }),
      healthy: false,
      wake: () => {},
      gone: new AbortController(),
    });
    this.#states = endpoints.map(this.#newState);
    this.#logger = logger;
    this.#clock = clock;
    this.#reach = new Reach({
      isOwnWell: () => this.#states[0]?.healthy ?? false,
      anyAnswers: (timeoutMs) => this.#anyOtherAnswers(timeoutMs),
      clock,
    });
  }

  /** Milliseconds since a linearizable call last succeeded. */
  get silentForMs(): number {
    return this.#clock.elapsed() - this.#heardAt;
  }

  /** The own member does not serve, and none of the others answers anything: it is this master that is out of the cluster. */
  get isCutOff(): boolean {
    return this.#reach.isCutOff;
  }

  get someHealthy(): boolean {
    return this.#states.some(({ healthy }) => healthy);
  }

  get health(): { url: string; healthy: boolean }[] {
    return this.#states.map(({ member, healthy }) => ({ url: member.url, healthy }));
  }

  /** Asks every member that is well how it is. */
  async statuses(): Promise<({ url: string } & StatusResponse)[]> {
    const well = this.#states.filter(({ healthy }) => healthy);
    const asked = well.map(async ({ member }) => {
      const status = await member.status(probeTimeoutMs).catch(() => undefined);
      return status ? [{ url: member.url, ...status }] : [];
    });
    return (await Promise.all(asked)).flat();
  }

  /** Keeps the members' states up to date until the signal is aborted, then closes all connections. */
  async run(signal: AbortSignal): Promise<void> {
    const probing: Promise<void>[] = [];
    this.#keep = (state) => {
      const until = AbortSignal.any([signal, state.gone.signal]);
      probing.push(this.#keepProbing(state, until).then(() => state.member.reset()));
    };
    this.#states.forEach(this.#keep);
    await this.#reach.run(signal);
    this.#keep = undefined;
    await Promise.all(probing);
  }

  /** Replaces the members. Those that stay keep their connections and what is known of them. */
  setEndpoints(endpoints: readonly string[]): void {
    if (endpoints.length === 0) throw new Error('no etcd endpoints are given');
    const before = this.#states;
    this.#turn = 0;
    this.#states = endpoints.map((url) => before.find(({ member }) => member.url === url) ?? this.#newState(url));
    for (const state of before) if (!this.#states.includes(state)) state.gone.abort();
    if (this.#keep) this.#states.filter((state) => !before.includes(state)).forEach(this.#keep);
    for (const listener of this.#changed) listener();
  }

  /** True also where there is no other one: nobody could serve better. */
  async #anyOtherAnswers(timeoutMs: number): Promise<boolean> {
    const others = this.#states.slice(1);
    if (others.length === 0) return true;
    return await Promise.any(others.map(({ member }) => member.status(timeoutMs))).then(
      () => true,
      () => false,
    );
  }

  /** The member to use now. When none is known to be well, all are tried in turn. */
  best(): Member {
    const well = this.#states.find(({ healthy }) => healthy);
    if (well) return well.member;
    const { member } = this.#states[this.#turn]!;
    this.#turn = (this.#turn + 1) % this.#states.length;
    return member;
  }

  /** A member in front of this one, or instead of it, that is thought to be well. */
  betterThan(member: Member): Member | undefined {
    const well = this.#states.find(({ healthy }) => healthy);
    return well?.member === member ? undefined : well?.member;
  }

  /** Calls back whenever a member's health changes. Returns the function that ends this. */
  onChange(listener: () => void): () => void {
    this.#changed.add(listener);
    return () => this.#changed.delete(listener);
  }

  /** A call through this member succeeded that needed a majority of members. */
  heard(): void {
    this.#heardAt = this.#clock.elapsed();
  }

  /** A call through this member failed in a way that is the member's: the others are used until it proves itself well. */
  suspect(member: Member, error: Error): void {
    const state = this.#states.find((candidate) => candidate.member === member);
    if (!state?.healthy) return;
    this.#logger.warn({ member: member.url, reason: error.message }, 'an etcd member failed');
    this.#setHealth(state, false);
    state.wake();
  }

  /**
   * Calls a member, and others after it while they fail. Only for what may safely be done twice. With `patient`, an attempt that is
   * late goes on beside the next one, and the first answer counts: over a slow disk each new attempt would wait anew.
   */
  async read<T>(call: (member: Member, timeoutMs: number) => Promise<T>, patient = false): Promise<T> {
    const giveUpAt = this.#clock.elapsed() + readPatienceMs;
    const late = patient ? new LateAnswers<T>((url) => this.#hasNewLeader(url)) : undefined;
    let lateAttempts = 0;
    const mayRetry = (error: unknown): boolean => {
      if (!(error instanceof EtcdError) || !error.transient || late?.settled) return false;
      if (error.late) lateAttempts += 1;
      return this.#clock.elapsed() < giveUpAt;
    };
    const again = retry(handleWhen(mayRetry), {
      maxAttempts: Number.POSITIVE_INFINITY,
      backoff: new ExponentialBackoff({ initialDelay: 5, maxDelay: 100 }),
    });
    try {
      const trying = again.execute(() => {
        const attemptMs = readAttemptsMs[lateAttempts] ?? lastReadAttemptsMs;
        const member = this.best();
        const begin = (timeoutMs: number): Promise<T> => call(member, timeoutMs);
        const answer = late ? late.within(member, attemptMs, begin(readPatienceMs)) : begin(attemptMs);
        return this.#judged(member, answer);
      });
      return await (late ? Promise.race([trying, late.first]) : trying);
    } catch (error) {
      if (error instanceof EtcdError && error.transient) throw unreachable(error);
      throw error;
    }
  }

  /** What an attempt says of its member. */
  async #judged<T>(member: Member, answer: Promise<T>): Promise<T> {
    try {
      const result = await answer;
      this.heard();
      return result;
    } catch (error) {
      if (error instanceof EtcdError && error.leaderChanged) this.#hasNewLeader(error.member);
      else if (error instanceof EtcdError && error.transient) this.suspect(member, error);
      throw error;
    }
  }

  /**
   * By its own word the member is well, whatever an answer that was late for want of a leader had said of it. What was proposed to
   * the leader before, and is not answered in a moment, is lost: it need not be waited for.
   */
  #hasNewLeader(url: string): void {
    const state = this.#states.find(({ member }) => member.url === url);
    if (state) this.#setHealth(state, true);
    const now = performance.now();
    // Each member tells of the same leader, and many calls do.
    if (now - this.#leaderSeenAt < oneLeaderMs) return;
    this.#leaderSeenAt = now;
    setTimeout(() => {
      for (const each of this.#states) each.member.giveUpTxns(now);
    }, lastAnswersMs).unref();
  }

  async #keepProbing(state: MemberState, signal: AbortSignal): Promise<void> {
    let delayMs = firstProbeDelayMs;
    let failures = 0;
    while (!signal.aborted) {
      const trouble = await this.#probe(state.member);
      if (signal.aborted) return;
      this.#setHealth(state, trouble === undefined);
      if (trouble === undefined) {
        delayMs = firstProbeDelayMs;
        failures = 0;
        await this.#pause(state, probeIntervalMs, signal);
      } else {
        failures += 1;
        if (failures === 3)
          this.#logger.warn({ member: state.member.url, reason: trouble }, 'an etcd member stays away');
        // A silent connection would stay silent; a new one also asks for the name's address again. Not at the first failure: it
        // may be an election of etcd's.
        if (failures % 2 === 0) state.member.reset();
        await sleep(delayMs, signal, this.#clock);
        delayMs = Math.min(delayMs * 2, longestProbeDelayMs);
      }
    }
  }

  /** What is wrong with a member; undefined when it answers. */
  async #probe(member: Member): Promise<string | undefined> {
    try {
      await member.revision(probeTimeoutMs);
      this.heard();
      return undefined;
    } catch (error) {
      if (error instanceof EtcdError && error.leaderChanged) {
        this.#hasNewLeader(member.url);
        return undefined;
      }
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** Waits for the next regular probe, or for a suspicion. */
  async #pause(state: MemberState, delayMs: number, signal: AbortSignal): Promise<void> {
    if (!state.healthy) return;
    const suspicion = new AbortController();
    state.wake = () => suspicion.abort();
    await sleep(delayMs, AbortSignal.any([signal, suspicion.signal]), this.#clock);
    state.wake = () => {};
  }

  #setHealth(state: MemberState, healthy: boolean): void {
    if (state.healthy === healthy) return;
    state.healthy = healthy;
    if (healthy) this.#logger.info({ member: state.member.url }, 'an etcd member answers');
    for (const listener of this.#changed) listener();
  }
}

/** Answers to attempts that were given up as late. */
class LateAnswers<T> {
  readonly #first = Promise.withResolvers<T>();
  readonly #onNewLeader: (url: string) => void;
  settled = false;
  /** Ends the wait for the attempt under way. */
  #interrupt: (error: EtcdError) => void = noop;

  constructor(onNewLeader: (url: string) => void) {
    this.#onNewLeader = onNewLeader;
  }

  get first(): Promise<T> {
    return this.#first.promise;
  }

  /**
   * The answer if it comes in time; rejects otherwise, and the answer counts when it does come. Where an earlier member says
   * meanwhile that it has a new leader, it rejects with that at once: there is no need to wait for another one.
   */
  async within(member: Member, timeoutMs: number, answer: Promise<T>): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>();
    const error = (): EtcdError => new EtcdError(member.url, grpcCodes.deadlineExceeded, 'no answer yet');
    this.#interrupt = reject;
    const timer = setTimeout(() => {
      reject(error());
      answer.then(
        (value) => {
          this.settled = true;
          this.#first.resolve(value);
        },
        (failure: unknown) => {
          if (!(failure instanceof EtcdError && failure.leaderChanged)) return;
          this.#onNewLeader(member.url);
          this.#interrupt(failure);
        },
      );
    }, timeoutMs);
    try {
      return await Promise.race([answer, promise]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function noop(): void {}

export function unreachable(error: Error): Error {
  return serviceUnavailable(`etcd does not answer: ${error.message}`, 1, { cause: error });
}
