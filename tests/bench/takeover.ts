/**
 * `npm run bench:takeover`: kills leaders on a local cluster of three masters, again and again, and prints how long the cluster
 * was without them: from the kill to the new leader's first action, as others see it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { InvalidArgumentError } from 'commander';
import { ensureInstalled } from '../../compose/install.ts';
import { type LocalCluster, type LocalMaster, startLocalCluster } from '../../compose/local-cluster.ts';
import { createProgress } from '../../compose/progress.ts';
import { commaList, command, wholeNumber } from '../../master/api/flags.ts';
import { ApiClient } from '../support/api-client.ts';
import { within } from '../support/within.ts';
import { figures } from './measure.ts';
import { clientOf, createWork, holderOf, type Role, removeWork, roles, TakeoverWitness } from './takeover-witness.ts';

const faults = {
  master: 'SIGKILL of the master that holds both leads and the etcd leader',
  scheduler: 'SIGKILL of the acting scheduler alone',
  'controller-manager': 'SIGKILL of the acting controller manager alone',
  stop: 'clean stop of the master that holds both leads',
} as const;
type Fault = keyof typeof faults;
const faultNames: readonly string[] = Object.keys(faults);

const flags = command('npm run bench:takeover --', 'Measures how soon others act for a leader that is gone.')
  .option('--rounds <n>', 'kills of each kind', wholeNumber, 20)
  .option('--faults <names>', `which of ${faultNames.join(', ')}`, faultList, faultNames)
  .option('--idle <seconds>', 'how long to look for takeovers that nothing asked for', wholeNumber, 60)
  .option('--busy <n>', 'busy loops beside the idle look', wholeNumber, 0)
  .parse()
  .opts<{ rounds: number; faults: Fault[]; idle: number; busy: number }>();

/** Longer than this is a failure, not a takeover. */
const patienceMs = 15_000;
const settleMs = 500;

await ensureInstalled(['etcd'], createProgress({ output: process.stdout }));
const dataDir = mkdtempSync(join(tmpdir(), 'trimaster-takeover-'));
const cluster = await startLocalCluster({ dataDir });
const api = new ApiClient(cluster.kubeconfig, { timeoutMs: 5_000 });
try {
  await createWork(api);
  console.log(`${cpus().length} processors; ${flags.rounds} rounds; times in ms from the fault to the first action`);
  console.log('fault               by                      n     p50     p90     p99     max');
  for (const fault of flags.faults) await measureFault(fault);
  if (flags.idle > 0) await lookForFalseTakeovers();
} finally {
  await api.close();
  await cluster.stop();
  rmSync(dataDir, { recursive: true, force: true });
}

async function measureFault(fault: Fault): Promise<void> {
  const times = new Map<string, number[]>();
  const note = (what: string, ms: number): void => {
    times.set(what, [...(times.get(what) ?? []), ms]);
  };
  for (let round = 0; round < flags.rounds; round += 1) {
    const target = await gather(fault === 'master');
    const pinned = cluster.masters
      .filter((master) => master !== target)
      .map((master) => clientOf(cluster, master, 400));
    const before = new Map(
      await Promise.all(roles.map(async (role) => [role, (await holderOf(api, role)).generation] as const)),
    );
    const witness = new TakeoverWitness(pinned, before);
    // Kills must fall anywhere between two renewals.
    await sleep(settleMs + Math.random() * 300);
    const fromMs = performance.now();
    const hit = inject(fault, target);
    witness.start();
    for (const role of hit) {
      const taken = await witness.takeover(role, patienceMs);
      note(`${role} elected`, taken ? taken.electedMs - fromMs : Number.POSITIVE_INFINITY);
      note(role, taken ? taken.actedMs - fromMs : Number.POSITIVE_INFINITY);
    }
    await witness.stop();
    await Promise.all(pinned.map((client) => client.close()));
    await restore(fault, target);
  }
  for (const [what, ms] of times) printRow(fault, what, ms);
}

/** Breaks it; which roles have to be taken over. */
function inject(fault: Fault, target: LocalMaster): readonly Role[] {
  switch (fault) {
    case 'master':
      target.kill('SIGKILL');
      return roles;
    case 'stop':
      void target.stop();
      return roles;
    case 'scheduler':
      target.scheduler.kill('SIGKILL');
      return ['scheduler'];
    case 'controller-manager':
      target.controllerManager.kill('SIGKILL');
      return ['controllerManager'];
  }
}

async function restore(fault: Fault, target: LocalMaster): Promise<void> {
  if (fault === 'master' || fault === 'stop') {
    await target.exited;
    target.start();
  }
  await cluster.ready();
  await within(
    10,
    () => removeWork(api),
    () => true,
  );
}

/** Brings both leads to one master, the one with the etcd leader if that matters, and answers which one that is. */
async function gather(atEtcdLeader: boolean): Promise<LocalMaster> {
  const target = atEtcdLeader ? await etcdLeader() : await leaderOf('scheduler');
  for (const role of roles) {
    const leader = await leaderOf(role);
    if (leader === target) continue;
    // Whoever may not win is held up while the present leader steps down.
    const other = cluster.masters.find((master) => master !== leader && master !== target);
    other?.[role].pause();
    leader[role].kill('SIGTERM');
    await within(
      10,
      () => leaderOf(role),
      (next) => next === target,
    );
    other?.[role].resume();
  }
  await cluster.ready();
  return target;
}

async function leaderOf(role: Role): Promise<LocalMaster> {
  const { holder } = await holderOf(api, role);
  const leader = cluster.masters.find(({ name }) => holder.startsWith(`${name}_`));
  if (!leader) throw new Error(`no master is ${JSON.stringify(holder)}`);
  return leader;
}

async function etcdLeader(): Promise<LocalMaster> {
  const isLeader = async ({ ports }: LocalMaster): Promise<boolean> => {
    const answer = await fetch(`http://127.0.0.1:${ports.etcdMetrics}/metrics`);
    return /^etcd_server_is_leader 1$/m.test(await answer.text());
  };
  for (const master of cluster.masters) if (await isLeader(master)) return master;
  throw new Error('no etcd member leads');
}

/** Nothing is broken here: every new generation is a takeover that should not be. */
async function lookForFalseTakeovers(): Promise<void> {
  const sum = async (): Promise<number> => {
    const leads = await Promise.all(roles.map((role) => holderOf(api, role)));
    return leads.reduce((total, { generation }) => total + generation, 0);
  };
  await sleep(5_000);
  const [before, elections] = [await sum(), await etcdElections(cluster)];
  const burners = Array.from({ length: flags.busy }, () => new Worker('for (;;);', { eval: true }));
  await sleep(flags.idle * 1_000);
  await Promise.all(burners.map((burner) => burner.terminate()));
  const taken = (await within(10, sum, () => true)) - before;
  const moved = (await etcdElections(cluster)) - elections;
  console.log(
    `${flags.idle} s, ${flags.busy} busy loops, nothing broken: ${taken} takeovers, ${moved} elections of etcd seen`,
  );
}

/** How many changes of etcd's leader the members have seen, summed. */
async function etcdElections({ masters }: LocalCluster): Promise<number> {
  const counts = masters.map(async ({ ports }) => {
    const text = await (await fetch(`http://127.0.0.1:${ports.etcdMetrics}/metrics`)).text();
    return Number(/^etcd_server_leader_changes_seen_total (\d+)/m.exec(text)?.[1] ?? 0);
  });
  return (await Promise.all(counts)).reduce((total, count) => total + count, 0);
}

function printRow(fault: Fault, what: string, ms: number[]): void {
  const { p50, p99, max } = figures(ms, 1, 0);
  const p90 = ms.toSorted((a, b) => a - b)[Math.floor(ms.length * 0.9)] ?? Number.NaN;
  const columns = [p50, p90, p99, max].map((value) => value.toFixed(0).padStart(8));
  console.log(`${fault.padEnd(20)}${what.padEnd(26)}${String(ms.length).padStart(4)}${columns.join('')}`);
}

function faultList(text: string): Fault[] {
  const names = commaList(text);
  const isFault = (name: string): name is Fault => faultNames.includes(name);
  if (!names.every(isFault)) throw new InvalidArgumentError(`There are ${faultNames.join(', ')}.`);
  return names;
}
