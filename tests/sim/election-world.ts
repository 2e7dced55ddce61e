/**
 * A small world for the election's core: one Lease kept by a linearizable server, several electors, and a network and clocks
 * that misbehave as the seed says. Time is simulated; nothing waits.
 *
 * The electors run production code (`step`). The server is a fake that does what the API server promises: it compares
 * versions, and refuses fenced writes of a generation that is not the Lease's.
 */
import {
  defaultTimings,
  type ElectionEffect,
  type ElectionEvent,
  type ElectionState,
  initialElection,
  type LeaseRecord,
  step,
} from '../../master/api/election.ts';
import { Random } from '../support/random.ts';

export const timings = defaultTimings;

/** How long an elector's work goes on after it was told to stop, at most; fenced writes may still leave it meanwhile. */
const windDownMs = 300;
const workPeriodMs = 100;

export interface FencedWrite {
  readonly atMs: number;
  readonly by: string;
  readonly generation: number;
  readonly accepted: boolean;
}

interface Faults {
  /** Share of messages that are lost, each way. */
  loss: number;
  maxDelayMs: number;
}

interface Action {
  readonly atMs: number;
  readonly run: () => void;
}

class Elector {
  state: ElectionState = initialElection;
  /** Messages neither arrive nor leave. */
  partitioned = false;
  /** Until this time the process is stopped; what falls due meanwhile happens then. */
  pausedUntilMs = 0;
  asleep: (() => void)[] = [];
  crashed = false;
  leadingGeneration = 0;
  identity: string;
  readonly name: string;
  /** This process's clock runs at this rate, from this offset. */
  readonly rate: number;
  readonly offsetMs: number;
  wakeAtMs = Number.POSITIVE_INFINITY;

  constructor(name: string, rate: number, offsetMs: number) {
    this.name = name;
    this.identity = `${name}_0`;
    this.rate = rate;
    this.offsetMs = offsetMs;
  }
}

export class ElectionWorld {
  readonly random: Random;
  readonly electors: Elector[];
  readonly writes: FencedWrite[] = [];
  readonly faults: Faults = { loss: 0, maxDelayMs: 5 };
  nowMs = 0;
  /** What the server holds. */
  lease: LeaseRecord | null = null;
  #revision = 0;
  #incarnations = 0;
  #actions: Action[] = [];

  constructor(seed: number, count = 3) {
    this.random = new Random(seed);
    this.electors = Array.from(
      { length: count },
      (_, i) => new Elector(`master-${i + 1}`, this.random.between(0.95, 1.05), this.random.between(0, 1e6)),
    );
    for (const elector of this.electors) this.#start(elector);
  }

  /** Runs the world for this long. */
  run(forMs: number): void {
    const endMs = this.nowMs + forMs;
    for (let next = this.#pop(endMs); next; next = this.#pop(endMs)) {
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.run();
    }
    this.nowMs = endMs;
  }

  after(delayMs: number, run: () => void): void {
    this.#actions.push({ atMs: this.nowMs + delayMs, run });
  }

  crash(elector: Elector): void {
    elector.crashed = true;
    elector.leadingGeneration = 0;
  }

  /** As `crash`, where a supervisor survives the process and releases its lease. */
  crashUnderSupervisor(elector: Elector): void {
    const { identity } = elector;
    this.crash(elector);
    this.#releaseFor(elector, identity, 3);
  }

  restart(elector: Elector): void {
    if (!elector.crashed) return;
    elector.crashed = false;
    this.#incarnations += 1;
    elector.identity = `${elector.name}_${this.#incarnations}`;
    elector.state = initialElection;
    this.#start(elector);
  }

  stop(elector: Elector): void {
    this.#deliver(elector, elector.identity, { type: 'stop' });
  }

  heal(): void {
    this.faults.loss = 0;
    this.faults.maxDelayMs = 5;
    for (const elector of this.electors) {
      elector.partitioned = false;
      elector.pausedUntilMs = Math.min(elector.pausedUntilMs, this.nowMs);
      this.#wakeUp(elector);
      this.restart(elector);
    }
    for (const elector of this.electors) this.#watchFrom(elector, elector.identity);
  }

  /** The supervisor reads, and writes what it read; a renewal that the process had sent may arrive in between. */
  #releaseFor(elector: Elector, identity: string, tries: number): void {
    this.#send(elector, () => {
      const read = this.lease;
      if (read?.holder !== identity || tries === 0) return;
      const { generation, version } = read;
      const write = (): void => {
        const released = this.#apply({ holder: '', generation, expectedVersion: version });
        if (!released) this.#releaseFor(elector, identity, tries - 1);
      };
      this.#send(elector, () => this.#send(elector, write));
    });
  }

  #start(elector: Elector): void {
    this.#watchFrom(elector, elector.identity);
    this.#loop(elector, elector.identity);
  }

  /** The state that a new watch or a read begins with. */
  #watchFrom(elector: Elector, identity: string): void {
    this.#send(elector, () => {
      const { lease } = this;
      this.#send(elector, () => this.#deliver(elector, identity, { type: 'observed', lease }));
    });
  }

  /** A leader's work: a fenced write now and then, for as long as it believes that it leads. */
  #loop(elector: Elector, identity: string): void {
    if (elector.crashed || elector.identity !== identity) return;
    this.#whenAwake(elector, () => {
      const { leadingGeneration } = elector;
      if (leadingGeneration > 0 && elector.identity === identity) {
        this.#send(elector, () => this.#fencedWrite(elector, leadingGeneration));
      }
      this.after(workPeriodMs, () => this.#loop(elector, identity));
    });
  }

  #fencedWrite({ name }: Elector, generation: number): void {
    const accepted = this.lease?.generation === generation;
    this.writes.push({ atMs: this.nowMs, by: name, generation, accepted });
  }

  #deliver(elector: Elector, identity: string, event: ElectionEvent): void {
    this.#whenAwake(elector, () => {
      if (elector.crashed || elector.identity !== identity) return;
      const config = { ...timings, identity, random: () => this.random.next() };
      const { state, effects } = step(elector.state, event, this.#clockOf(elector), config);
      elector.state = state;
      for (const effect of effects) this.#carryOut(elector, identity, effect);
    });
  }

  #carryOut(elector: Elector, identity: string, effect: ElectionEffect): void {
    switch (effect.type) {
      case 'wake': {
        const delayMs = Math.max(0, effect.atMs - this.#clockOf(elector)) / elector.rate;
        const atMs = this.nowMs + delayMs;
        elector.wakeAtMs = atMs;
        this.after(delayMs, () => {
          if (elector.wakeAtMs === atMs) this.#deliver(elector, identity, { type: 'tick' });
        });
        break;
      }
      case 'lead':
        elector.leadingGeneration = effect.generation;
        break;
      case 'stepDown':
        this.after(this.random.between(0, windDownMs), () => {
          this.#whenAwake(elector, () => {
            if (elector.identity === identity) elector.leadingGeneration = 0;
            this.#deliver(elector, identity, { type: 'ended' });
          });
        });
        break;
      case 'read':
        this.#watchFrom(elector, identity);
        break;
      case 'write':
        this.#write(elector, identity, effect);
        break;
    }
  }

  #write(elector: Elector, identity: string, effect: ElectionEffect & { type: 'write' }): void {
    let answered = false;
    const answer = (event: ElectionEvent): void => {
      if (answered) return;
      answered = true;
      this.#deliver(elector, identity, event);
    };
    this.after(timings.renewDeadlineMs / 3, () => answer({ type: 'writeFailed' }));
    this.#send(elector, () => {
      const result = this.#apply(effect);
      this.#send(elector, () => answer(result ? { type: 'written', lease: result } : { type: 'writeFailed' }));
    });
  }

  #apply({
    holder,
    generation,
    expectedVersion,
  }: Pick<ElectionEffect & { type: 'write' }, 'holder' | 'generation' | 'expectedVersion'>): LeaseRecord | undefined {
    if (this.lease?.version !== expectedVersion) return undefined;
    this.#revision += 1;
    const lease: LeaseRecord = { holder, generation, version: String(this.#revision) };
    this.lease = lease;
    for (const elector of this.electors) {
      const { identity } = elector;
      // A watch is a stream: what it loses comes with the reconnect, here as a later read.
      const lost = elector.partitioned || this.random.chance(this.faults.loss);
      if (lost) this.after(this.random.between(0, 2_000), () => this.#watchFrom(elector, identity));
      else this.#send(elector, () => this.#deliver(elector, identity, { type: 'observed', lease }));
    }
    return lease;
  }

  /** One message one way between an elector and the server: delayed, or lost. */
  #send(elector: Elector, arrive: () => void): void {
    if (elector.partitioned || this.random.chance(this.faults.loss)) return;
    this.after(this.random.between(0.2, this.faults.maxDelayMs), () => {
      if (!elector.partitioned) arrive();
    });
  }

  #whenAwake(elector: Elector, run: () => void): void {
    if (elector.pausedUntilMs <= this.nowMs) run();
    else if (elector.asleep.push(run) === 1) this.#wakeUp(elector);
  }

  /** What fell due during a pause happens at its end, in order. */
  #wakeUp(elector: Elector): void {
    if (elector.pausedUntilMs > this.nowMs) {
      this.after(elector.pausedUntilMs - this.nowMs, () => this.#wakeUp(elector));
    } else {
      for (const run of elector.asleep.splice(0)) run();
    }
  }

  #clockOf({ rate, offsetMs }: Elector): number {
    return offsetMs + this.nowMs * rate;
  }

  #pop(endMs: number): Action | undefined {
    let first = -1;
    for (const [i, { atMs }] of this.#actions.entries()) {
      if (atMs <= endMs && (first < 0 || atMs < (this.#actions[first]?.atMs ?? 0))) first = i;
    }
    return first < 0 ? undefined : this.#actions.splice(first, 1)[0];
  }
}
