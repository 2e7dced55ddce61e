/**
 * `npm run bench:takeover`: breaks the local cluster of three masters, again and again, and prints as a Markdown table how long
 * it was without its leaders (from the fault to the new leader's first action, as others see it), and how long clients of
 * the balancer went without a success. Goes unattended: a round that fails is told and counted, and the next one begins.
 *
 * `npm run bench:takeover -- --faults= --idle 30m --busy 10m` breaks nothing, and counts what then should not be.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { InvalidArgumentError } from 'commander';
import { ensureInstalled } from '../../compose/install.ts';
import { startLocalCluster } from '../../compose/local-cluster.ts';
import { createProgress } from '../../compose/progress.ts';
import { commaList, command, durationMs, wholeNumber } from '../../master/api/flags.ts';
import { distributionOf } from '../chaos/report/distribution.ts';
import { ApiClient } from '../support/api-client.ts';
import { within } from '../support/within.ts';
import { type BenchFault, etcdMetric, type FaultName, faults, type Ground } from './takeover-faults.ts';
import { GapClients } from './takeover-gaps.ts';
import {
  clientOf,
  createWork,
  holderOf,
  partsOf,
  refusedWrites,
  removeWork,
  roles,
  TakeoverWitness,
} from './takeover-witness.ts';

const faultNames: readonly string[] = Object.keys(faults);

interface Planned {
  readonly name: FaultName;
  readonly rounds: number | undefined;
}

const flags = command('npm run bench:takeover --', 'Measures how soon others act for a leader that is gone.')
  .option('--rounds <n>', 'of each fault', wholeNumber, 20)
  .option(
    '--faults <names>',
    `which of ${faultNames.join(', ')}; with a number of rounds of its own as in master:100`,
    faultList,
    faultList(faultNames.join()),
  )
  .option('--idle <duration>', 'how long to look for takeovers that nothing asked for', durationMs, 60_000)
  .option('--busy <duration>', 'the same, with a busy loop for each processor beside the cluster', durationMs, 0)
  .option('--values <file>', 'keep all values in a file, and count those that it has already')
  .parse()
  .opts<{ rounds: number; faults: Planned[]; idle: number; busy: number; values?: string }>();

const names = { scheduler: 'scheduler', controllerManager: 'controller manager' } as const;
/** No takeover is waited for longer; one that has not come by then counts as this long. */
const patienceMs = 15_000;
const settleMs = 500;
/** What is measured is a cluster that has served for a while, not its start. */
const startMs = 10_000;
/** How long clients are looked at from the fault on, at least. */
const lookMs = 2_500;

await ensureInstalled(['etcd'], createProgress({ output: process.stdout }));
const dataDir = mkdtempSync(join(tmpdir(), 'trimaster-takeover-'));
/** Every value that was measured, by what was done and what was measured. */
const values: Record<string, Record<string, number[]>> = flags.values && existsSync(flags.values)
  ? JSON.parse(readFileSync(flags.values, 'utf8'))
  : {};
const failedRounds = new Map<string, number>();
const falseTakeovers: string[] = [];
const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stop.abort());
const cluster = await startLocalCluster({ dataDir });
const ground: Ground = { cluster, api: new ApiClient(cluster.kubeconfig, { timeoutMs: 5_000 }) };
try {
  await createWork(ground.api);
  if (flags.faults.length > 0) await measureFaults();
  for (const [ms, busy] of [
    [flags.idle, false],
    [flags.busy, true],
  ] as const) {
    if (ms > 0 && !stop.signal.aborted) await lookForFalseTakeovers(ms, busy);
  }
} finally {
  await ground.api.close();
  await cluster.stop();
  rmSync(dataDir, { recursive: true, force: true });
  printTable();
}

async function measureFaults(): Promise<void> {
  const clients = new GapClients(cluster.kubeconfig);
  clients.start();
  await sleep(startMs, undefined, { signal: stop.signal }).catch(() => {});
  for (const { name, rounds = flags.rounds } of flags.faults) {
    if (!stop.signal.aborted) await measureFault(name, faults[name], rounds, clients);
  }
  await clients.stop();
}

async function measureFault(name: string, fault: BenchFault, rounds: number, clients: GapClients): Promise<void> {
  const from = performance.now();
  let failed = 0;
  let round = 1;
  for (; round <= rounds && !stop.signal.aborted; round += 1) {
    try {
      const figures = await measureOnce(fault, clients);
      for (const [what, value] of figures) note(fault.title, what, value);
      console.error(`${name} ${round}: ${figures.map(([what, value]) => `${what} ${Math.round(value)}`).join(', ')}`);
    } catch (error) {
      failed += 1;
      console.error(`${name} ${round} failed: ${error instanceof Error ? error.message : error}`);
    }
  }
  const tookS = Math.round((performance.now() - from) / 1_000);
  console.error(`${name}: ${round - 1} rounds in ${tookS} s, ${failed} failed; load average ${load()}`);
  if (failed > 0) failedRounds.set(fault.title, failed);
  if (flags.values) writeFileSync(flags.values, JSON.stringify(values));
}

function note(title: string, what: string, value: number): void {
  values[title] ??= {};
  values[title][what] = [...(values[title][what] ?? []), value];
}

/** One fault: names of figures, each with its ms. */
async function measureOnce(fault: BenchFault, clients: GapClients): Promise<[string, number][]> {
  const { api } = ground;
  const target = await fault.choose(ground);
  const others = cluster.masters.filter((master) => master !== target);
  const pinned = others.map((master) => clientOf(cluster, master, 400));
  const before = new Map(
    await Promise.all(roles.map(async (role) => [role, (await holderOf(api, role)).generation] as const)),
  );
  const witness = new TakeoverWitness(pinned, before);
  try {
    clients.renew();
    await witness.connect();
    // Faults must fall anywhere between two renewals.
    await sleep(settleMs + Math.random() * 300);
    const fromMs = performance.now();
    fault.inject(target);
    if (fault.hits.length > 0) witness.start();
    const figures: [string, number][] = [];
    for (const role of fault.hits) {
      const taken = await witness.takeover(role, patienceMs);
      const electedMs = taken ? Math.round(taken.electedMs - fromMs) : Number.NaN;
      const parts = taken ? await partsOf(ground, role) : '';
      console.error(`  ${names[role]}: elected after ${electedMs} ms${parts}`);
      figures.push([`first action of the new ${names[role]}`, taken ? taken.actedMs - fromMs : patienceMs]);
    }
    if (fault.gaps === 'none') return figures;
    await sleep(Math.max(0, fromMs + lookMs - performance.now()));
    const { read, write, cutOff, failures } = clients.since(fromMs);
    console.error(`  ${failures} requests of the clients failed`);
    // A gap of clients that were connected elsewhere says nothing.
    if (fault.gaps === 'any' || cutOff.read > 0) figures.push(['longest gap of a reader', read]);
    if (fault.gaps === 'any' || cutOff.write > 0) figures.push(['longest gap of a writer', write]);
    return figures;
  } finally {
    await witness.stop();
    await Promise.all(pinned.map((client) => client.close()));
    await fault.restore(target);
    await cluster.ready();
    await within(
      10,
      () => removeWork(api),
      () => true,
    );
  }
}

/** Nothing is broken here: every new generation is a takeover that should not be. The fence makes it harmless, and says how often. */
async function lookForFalseTakeovers(ms: number, busy: boolean): Promise<void> {
  await sleep(5_000);
  const before = await disturbances();
  const loops = busy ? cpus().length : 0;
  const burners = Array.from({ length: loops }, () => new Worker('for (;;);', { eval: true }));
  await sleep(ms, undefined, { signal: stop.signal }).catch(() => {});
  await Promise.all(burners.map((burner) => burner.terminate()));
  const after = await disturbances();
  const what = `nothing, ${busy ? `${loops} busy loops` : 'idle'} for ${Math.round(ms / 6_000) / 10} min`;
  for (const [name, count] of Object.entries(after)) {
    falseTakeovers.push(row(what, name, [String(count - (before[name] ?? 0)), '', '', '', '']));
  }
  console.error(`${what}: ${falseTakeovers.slice(-3).join(' ')} load average ${load()}`);
}

/** What a quiet cluster has none of, counted since its start. */
async function disturbances(): Promise<Record<string, number>> {
  const { masters } = cluster;
  const leads = await within(
    10,
    () => Promise.all(roles.map((role) => holderOf(ground.api, role))),
    () => true,
  );
  const elections = masters.map((master) => etcdMetric(master, 'etcd_server_leader_changes_seen_total'));
  const refused = masters.map((master) => refusedWrites(cluster, master));
  return {
    'false takeovers': leads.reduce((total, { generation }) => total + generation, 0),
    'writes of a deposed leader, refused': (await Promise.all(refused)).reduce((total, count) => total + count, 0),
    // Every member counts each change once.
    "changes of etcd's leader": Math.max(...(await Promise.all(elections))),
  };
}

function printTable(): void {
  console.log(`${cpus().length} × ${cpus()[0]?.model.trim()}; load average at the end ${load()}; times in ms\n`);
  for (const line of [row('what', '', ['n', 'p50', 'p90', 'p99', 'max']), row('---', '---', Array(5).fill('---:'))])
    console.log(line);
  for (const [title, measured] of Object.entries(values)) {
    for (const [what, all] of Object.entries(measured)) {
      const found = distributionOf(all);
      if (found) console.log(row(title, what, [found.n, found.p50, found.p90, found.p99, found.max].map(String)));
    }
  }
  for (const [title, count] of failedRounds)
    console.log(row(title, 'rounds that failed', [String(count), '', '', '', '']));
  for (const line of falseTakeovers) console.log(line);
}

function row(what: string, measure: string, cells: readonly string[]): string {
  return `| ${[what, measure, ...cells].join(' | ')} |`;
}

function load(): string {
  return loadavg()
    .map((value) => value.toFixed(1))
    .join(', ');
}

function faultList(text: string): Planned[] {
  return commaList(text).map((one) => {
    const [name = '', rounds] = one.split(':');
    if (!isFault(name)) throw new InvalidArgumentError(`There are ${faultNames.join(', ')}.`);
    return { name, rounds: rounds === undefined ? undefined : wholeNumber(rounds) };
  });
}

function isFault(name: string): name is FaultName {
  return faultNames.includes(name);
}
