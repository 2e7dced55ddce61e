/**
 * One run of the suite: a cluster of its own, clients that go on all the time, one fault after another, and in the end the
 * oracles. What is broken is healed also when the run is interrupted or a step fails, and the cluster is removed.
 */
import { cpus, release } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiClient } from '../support/api-client.ts';
import { Random } from '../support/random.ts';
import { within } from '../support/within.ts';
import { ComposeCluster, masters } from './compose-cluster.ts';
import { diagnose } from './diagnosis.ts';
import { etcdMembers } from './faults/etcd-gateway.ts';
import { type Fault, Unavailable, type Victim, type World } from './faults/fault.ts';
import { Machines } from './faults/machines.ts';
import { judgeClients, judgeLeaders, type Sleep, summaryOf } from './judge.ts';
import { failuresBetween, longestGaps } from './load/gaps.ts';
import { nowMs } from './load/history.ts';
import { Load } from './load/load.ts';
import { takeoverOf } from './oracles/leaders.ts';
import { Settled } from './oracles/settled.ts';
import type { ChaosResult, Round, Violation } from './report/result.ts';
import { type Role, roles } from './witness/messages.ts';
import { Witness } from './witness/witness.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly faults: readonly Fault[];
  /** How often each fault. */
  readonly rounds: number;
  readonly log: (line: string) => void;
}

/** How long a cluster may take to be well again, in s; only a defect reaches it. */
const recoverWithinS = 90;
/** How long to wait for a takeover before the fault is healed, in s. */
const takeoverWithinS = 20;
/** Of undisturbed load before each fault. */
const calmMs = 1_500;

/** Runs all rounds, or those until the signal is aborted. Rejects only when the cluster does not come up. */
export async function runChaos(options: ChaosOptions, signal: AbortSignal): Promise<ChaosResult> {
  const { seed, faults, rounds, log } = options;
  const startedAt = new Date().toISOString();
  const cluster = await ComposeCluster.start();
  try {
    const run = new Run(cluster, options);
    return {
      ...{ seed, faults: faults.map(({ name }) => name), rounds, startedAt },
      machine: `${cpus().length} × ${cpus()[0]?.model.trim()}, Linux ${release()}`,
      ...(await run.all(signal)),
    };
  } finally {
    log('removing the cluster');
    await cluster.remove();
  }
}

class Run implements World {
  readonly machines: Machines;
  readonly random: Random;
  readonly #cluster: ComposeCluster;
  readonly #options: ChaosOptions;
  readonly #api: ApiClient;
  readonly #settled: Settled;
  readonly #load: Load;
  readonly #violations: Violation[] = [];
  readonly #sleeps: Sleep[] = [];
  #diagnosed = false;
  #witness!: Witness;

  constructor(cluster: ComposeCluster, options: ChaosOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.random = new Random(options.seed);
    this.machines = new Machines(cluster.project);
    this.#api = new ApiClient(cluster.kubeconfig, { timeoutMs: 3_000 });
    this.#settled = new Settled(this.#api, this.machines);
    this.#load = new Load(cluster.kubeconfig, new Random(options.seed + 1));
  }

  async all(signal: AbortSignal): Promise<Omit<ChaosResult, 'seed' | 'faults' | 'rounds' | 'startedAt' | 'machine'>> {
    const { kubeconfig, project } = this.#cluster;
    await this.#cluster.kubectl('apply', '-f', 'compose/examples/echo.yaml');
    this.#witness = await Witness.start({ network: `${project}_cluster`, kubeconfig });
    const results: Round[] = [];
    try {
      await this.healthy();
      await this.#settled.workloads(60);
      await this.#hold('takeover', () => this.#leadersWork());
      await this.#load.start();
      const fromMs = nowMs();
      for (const [index, fault] of this.#order().entries()) {
        // On a cluster that did not recover nothing more can be learnt.
        if (signal.aborted || this.#violations.length > 0) break;
        const round = await this.#round(fault, signal);
        if (round) results.push(round);
        this.#options.log(`${index + 1}: ${round ? describe(round) : `${fault.name}: not finished`}`);
      }
      const seconds = (nowMs() - fromMs) / 1_000;
      await this.#load.stop();
      if (!signal.aborted) {
        await this.#hold('service', () => this.#settled.serviceAnswers(30));
        await this.#hold('orphans', () => this.#settled.noOrphans(30));
      }
      return this.#judge(results, seconds, signal.aborted);
    } finally {
      await this.#load.stop();
      await this.#witness.stop();
      await this.#api.close();
    }
  }

  #judge(results: readonly Round[], seconds: number, interrupted: boolean): Awaited<ReturnType<Run['all']>> {
    const leaders = judgeLeaders(this.#witness, this.#sleeps);
    const load = summaryOf(this.#load.history, seconds, results.length);
    const none = results.every(({ unavailable }) => unavailable !== undefined);
    return {
      interrupted,
      load: none ? { ...load, inconclusive: 'no fault took hold' } : load,
      violations: [...this.#violations, ...judgeClients(this.#load.history), ...leaders.violations],
      sleepers: leaders.sleepers,
      fencedWrites: this.#witness.fencedWrites,
      results,
    };
  }

  /** Each fault as often as there are rounds; the seed gives the order. */
  #order(): Fault[] {
    const { faults, rounds } = this.#options;
    return Array.from({ length: rounds }, () =>
      faults
        .map((fault) => ({ fault, at: this.random.next() }))
        .toSorted((a, b) => a.at - b.at)
        .map(({ fault }) => fault),
    ).flat();
  }

  async #round(fault: Fault, signal: AbortSignal): Promise<Round | undefined> {
    const { history } = this.#load;
    let victim: Victim | undefined;
    let round: Omit<Round, 'gaps' | 'gapsAfter' | 'failures' | 'recoveredMs'> | undefined;
    let healMs = 0;
    try {
      victim = await fault.choose(this);
      await sleep(calmMs, undefined, { signal });
      const calledMs = nowMs();
      const atMs = (await fault.inject(this, victim)) ?? calledMs;
      round = { fault: fault.name, title: fault.title, victim: victim.machine, atMs, takeovers: [] };
      await sleep(Math.max(0, fault.lastsMs - (nowMs() - atMs)), undefined, { signal });
      const { leads } = victim;
      const takeovers = await within(
        takeoverWithinS,
        () => leads.map((role) => takeoverOf(role, atMs, this.#witness)),
        (seen) => seen.every((takeover) => takeover?.firstActionMs !== undefined),
      );
      round = { ...round, takeovers: takeovers.filter((takeover) => takeover !== undefined) };
      // Last, because looking costs processor time that would show in what is measured.
      const trouble = await fault.check(this, victim);
      if (trouble) await this.#violated('injection', `${fault.name} did not take hold: ${trouble}`);
      const broken = await fault.promise?.(this, victim);
      if (broken) await this.#violated('promise', `${fault.name}: ${broken}`);
    } catch (error) {
      if (error instanceof Unavailable) return unavailable(fault, victim, error.message);
      if (!signal.aborted)
        await this.#violated('takeover', `${fault.name}: ${error instanceof Error ? error.message : error}`);
    } finally {
      healMs = nowMs();
      if (victim) await this.#heal(fault, victim);
    }
    if (signal.aborted || !round) return undefined;
    const { atMs } = round;
    await this.#hold('recovery', () => this.healthy());
    const wellMs = nowMs();
    await this.#hold('replication', () => this.#settled.workloads(recoverWithinS));
    if (this.#violations.length === 0) await this.#hold('recovery', () => this.#leadersWork());
    // Looked at again, because what the new leaders say of themselves has come since.
    const leads = round.takeovers.map(({ role }) => takeoverOf(role, atMs, this.#witness));
    round = { ...round, takeovers: leads.filter((takeover) => takeover !== undefined) };
    if (fault.leaderSleeps) this.#sleeps.push({ fromMs: atMs, toMs: nowMs() });
    return {
      ...round,
      gaps: longestGaps(history.signs, atMs, healMs),
      gapsAfter: longestGaps(history.signs, healMs, wellMs),
      failures: failuresBetween(history.failures, atMs, wellMs),
      recoveredMs: wellMs - healMs,
    };
  }

  async #heal(fault: Fault, victim: Victim): Promise<void> {
    try {
      await fault.heal(this, victim);
    } catch (error) {
      await this.#violated('healing', `${fault.name}: ${error instanceof Error ? error.message : error}`);
    }
  }

  async #hold(oracle: string, look: () => Promise<void>): Promise<void> {
    await look().catch((error: Error) => this.#violated(oracle, error.message));
  }

  /** What is broken first is what the rest may follow from, so the state of the cluster is shown then. */
  async #violated(oracle: string, what: string): Promise<void> {
    const { log } = this.#options;
    this.#violations.push({ oracle, what });
    log(`VIOLATION (${oracle}): ${what}`);
    if (this.#diagnosed) return;
    this.#diagnosed = true;
    for (const line of await diagnose(this.machines, this.#api, this.#witness)) log(line);
  }

  /** Waits until the witness sees new work of both leaders: otherwise a takeover would wait for what is not even asked for. */
  async #leadersWork(): Promise<void> {
    const fromMs = nowMs();
    await within(
      recoverWithinS,
      () => this.#witness.idleSince(fromMs),
      (idle) => idle.length === 0,
    );
  }

  async operate(script: string): Promise<void> {
    await this.#cluster.operate(script);
  }

  async leader(role: Role): Promise<string> {
    return within(20, () => this.#witness.leader(role) ?? '', Boolean);
  }

  async etcdLeader(): Promise<string> {
    return (await this.#members()).leader;
  }

  async #members(): ReturnType<typeof etcdMembers> {
    const asked = await Promise.any(masters.map((master) => etcdMembers(this.machines, master)));
    if (!asked.leader) throw new Error('etcd has no leader');
    return asked;
  }

  async healthy(): Promise<void> {
    await within(
      recoverWithinS,
      async () => ({
        ready: this.#witness.readyMasters,
        leaders: roles.map((role) => this.#witness.leader(role)),
        nodes: await this.#settled.nodesAreReady(),
      }),
      ({ ready, leaders, nodes }) => ready.length === masters.length && leaders.every(Boolean) && nodes,
    );
    await within(
      recoverWithinS,
      () => this.#members(),
      ({ names, learners }) => masters.every((name) => names.includes(name)) && learners.length === 0,
    );
  }

  /** The scheduler's leader gets the rest: with the third one asleep, no other can take over what the second gives up. */
  async gatherLeads(): Promise<string> {
    const target = await this.leader('scheduler');
    const other = await this.leader('controller-manager');
    if (other !== target) {
      const third = masters.find((name) => name !== target && name !== other) ?? other;
      const signal = (name: string, to: string): Promise<string> =>
        this.machines.shell(to, `kill -${name} $(cat /var/lib/trimaster/run/controller-manager.pid)`);
      await signal('STOP', third);
      try {
        await signal('TERM', other);
        await within(
          20,
          () => this.#witness.leader('controller-manager'),
          (leader) => leader === target,
        );
      } finally {
        await signal('CONT', third);
      }
    }
    await within(
      20,
      async () => {
        const etcd = await this.etcdLeader();
        // etcd gives up where the other is not quite up to date.
        return etcd === target ? etcd : (await etcdMembers(this.machines, etcd, target)).leader;
      },
      (leader) => leader === target,
    );
    // What was ended for this is up again before the fault.
    await sleep(calmMs);
    await this.healthy();
    return target;
  }
}

function unavailable({ name, title }: Fault, victim: Victim | undefined, reason: string): Round {
  const none = { read: 0, write: 0, watch: 0 };
  return {
    ...{ fault: name, title, victim: victim?.machine ?? '', atMs: nowMs(), unavailable: reason, takeovers: [] },
    ...{ gaps: none, gapsAfter: none, failures: none, recoveredMs: 0 },
  };
}

function describe({ fault, victim, unavailable: why, takeovers, gaps, recoveredMs }: Round): string {
  if (why) return `${fault}: not available here: ${why}`;
  const taken = takeovers.map(({ role, firstActionMs }) => `${role} acts after ${Math.round(firstActionMs ?? 0)} ms`);
  const longest = Object.entries(gaps).map(([kind, ms]) => `${kind} ${Math.round(ms)} ms`);
  return `${fault} (${victim}): ${[...taken, `longest gaps: ${longest.join(', ')}`, `well ${Math.round(recoveredMs)} ms after healing`].join('; ')}`;
}
