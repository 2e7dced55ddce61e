/**
 * Snapshots of a whole cluster, and the ways back: after a mistake, after the loss of every volume, after the loss of a majority.
 *
 *   npm run snapshot -- save FILE              saves a snapshot on this host
 *   npm run snapshot -- status FILE            checks one, and says what is in it
 *   npm run snapshot -- restore FILE           takes the whole cluster back to it
 *   npm run snapshot -- recover                goes on from the master that is left, when a majority of them lost its data
 *
 * For the cluster of `npm run local` add `--local .local`. The masters have to run; their data may be gone. What is replaced is put aside on
 * each master, not deleted.
 */
import { mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '../master/api/client.ts';
import { loadKubeconfig } from '../master/api/config.ts';
import { command } from '../master/api/flags.ts';
import { getCondition } from '../master/api/meta.ts';
import type { Node } from '../master/api/types.ts';
import { UserError } from './install.ts';
import { composeMachines, localMachines, type Machine, type MasterState, statesOf } from './machines.ts';
import { createProgress, type Progress } from './progress.ts';
import { projectFrom, root } from './project.ts';
import { CommandFailed } from './system.ts';

interface Flags {
  local?: string;
  kubeconfig?: string;
  from?: string;
  timeout: number;
}

interface SnapshotStatus {
  readonly bytes: number;
  readonly sha256: string;
  readonly hash: string;
  readonly revision: number;
  readonly keys: number;
}

interface Cluster {
  readonly machines: readonly Machine[];
  readonly kubeconfig: string;
  readonly progress: Progress;
  readonly timeoutMs: number;
}

const pollMs = 500;

const program = command('npm run snapshot --', "Saves the cluster's data, and takes the cluster back to it.")
  .option('--local <dir>', 'the cluster that npm run local made in this directory, such as .local')
  .option('--kubeconfig <file>', 'with which to see when the cluster is Ready')
  .option('--timeout <seconds>', 'how long that may take', Number, 180);
program
  .command('save <file>')
  .description('saves a snapshot, and checks it')
  .action((file: string) => guided((cluster) => save(cluster, file)));
program
  .command('status <file>')
  .description('checks a snapshot, and says what is in it')
  .action((file: string) => guided((cluster) => status(cluster, file)));
program
  .command('restore <file>')
  .description('takes the whole cluster back to a snapshot')
  .action((file: string) => guided((cluster) => restore(cluster, file)));
program
  .command('recover')
  .description('goes on from the data of one master, when a majority of them lost theirs')
  .option('--from <master>', 'the master whose data is used; the only one that has any, if left out')
  .action((options: { from?: string }) => guided((cluster) => recover(cluster, options.from)));
await program.parseAsync();

async function guided(work: (cluster: Cluster) => Promise<void>): Promise<void> {
  const { local, kubeconfig, timeout } = program.opts<Flags>();
  const progress = createProgress({ output: process.stdout, memory: join(root, '.cache/snapshot-times.json') });
  try {
    const project = projectFrom();
    await work({
      machines: local ? localMachines(local) : composeMachines(project),
      kubeconfig: kubeconfig ?? (local ? join(local, 'kubeconfig') : project.kubeconfig),
      progress,
      timeoutMs: timeout * 1_000,
    });
  } catch (error) {
    if (!(error instanceof UserError || error instanceof CommandFailed)) throw error;
    progress.note(error.message);
    process.exitCode = 1;
  }
}

async function save({ machines, progress }: Cluster, file: string): Promise<void> {
  const to = resolve(file);
  const saved = await progress.step('Saving a snapshot', 2, () =>
    onOne(machines, async (machine) => {
      const there = join(machine.scratch, 'snapshot.db');
      const status = await machine.etcd<SnapshotStatus>('save', there);
      mkdirSync(dirname(to), { recursive: true });
      await machine.fetch(there, to);
      return status;
    }),
  );
  progress.note(`${to}: ${words(saved)}`);
}

async function status({ machines, progress }: Cluster, file: string): Promise<void> {
  const checked = await onOne(machines, (machine) => check(machine, file));
  progress.note(`${resolve(file)} is whole: ${words(checked)}`);
}

async function restore(cluster: Cluster, file: string): Promise<void> {
  const { progress, machines } = cluster;
  const states = await statesOf(cluster.machines);
  const [first] = machines.filter(({ name }) => states.has(name));
  if (!first) throw new UserError('No master runs: start the cluster first, its data may be gone.');
  const snapshot = await progress.step('Checking the snapshot', 2, () => check(first, file));
  progress.note(`  ${words(snapshot)}`);
  const old = new Set([...states.values()].map(({ clusterId }) => clusterId));
  await replace(cluster, states, first, async () => {
    await first.etcd('restore', await first.bring(file));
  });
  await backToReady(cluster, states, first, old);
}

async function recover(cluster: Cluster, from: string | undefined): Promise<void> {
  const states = await statesOf(cluster.machines);
  const whole = [...states.values()].find(({ hasMajority }) => hasMajority);
  if (whole) {
    throw new UserError(
      `${whole.name} has a majority of the members behind it, so nothing is lost: masters without data come back by themselves.`,
    );
  }
  const withData = [...states.values()].filter(({ hasData }) => hasData).map(({ name }) => name);
  const chosen = from ?? withData[0];
  if (!chosen) throw new UserError('No master that runs has data: restore a snapshot instead.');
  if (!from && withData.length > 1) {
    throw new UserError(
      `${withData.join(' and ')} have data. If one more master comes back they go on by themselves; otherwise --from says whose data is used.`,
    );
  }
  const first = cluster.machines.find(({ name }) => name === chosen);
  if (!first || !states.has(chosen)) throw new UserError(`${chosen} does not run`);
  const old = new Set([...states.values()].map(({ clusterId }) => clusterId));
  await replace(cluster, states, first, async () => {
    await first.etcd('recover');
  });
  await backToReady(cluster, states, first, old);
}

/** The others give up their data before the first gets its new one, so that no two clusters run beside each other. */
async function replace(
  { machines, progress }: Cluster,
  states: ReadonlyMap<string, MasterState>,
  first: Machine,
  begin: () => Promise<void>,
): Promise<void> {
  for (const { name } of machines) {
    if (!states.has(name)) progress.note(`  ${name} does not run; it joins by itself when it is started`);
  }
  const others = machines.filter(({ name }) => name !== first.name && states.has(name));
  await progress.step(`Telling ${others.map(({ name }) => name).join(' and ')} to join ${first.name}`, 2, async () => {
    for (const other of others) {
      const old = states.get(other.name)?.clusterId;
      await other.etcd('rejoin', ...(old ? ['--given-up', old] : []));
    }
  });
  await progress.step(`Beginning a new cluster on ${first.name}`, 2, begin);
}

async function backToReady(
  { machines, kubeconfig, progress, timeoutMs }: Cluster,
  states: ReadonlyMap<string, MasterState>,
  first: Machine,
  old: ReadonlySet<string | undefined>,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  const expected = machines.filter(({ name }) => states.has(name)).map(({ name }) => name);
  await progress.step('Waiting until every master has the data and votes', 15, (report) =>
    until(deadline, report, async () => {
      const { clusterId, hasMajority, members } = await first.etcd<MasterState>('state');
      if (!hasMajority || old.has(clusterId)) return `${first.name} is starting`;
      const voting = members.filter(({ isLearner, clientUrls }) => !isLearner && clientUrls.length > 0);
      const missing = expected.filter((name) => voting.every((member) => member.name !== name));
      return missing.length > 0 ? `${missing.join(' and ')} to come` : undefined;
    }),
  );
  const client = new Client(loadKubeconfig(kubeconfig), { userAgent: 'snapshot', timeoutMs: 3_000 });
  try {
    const look = nodesLook(client);
    await progress.step('Waiting until the API serves and the nodes are Ready', 15, (report) =>
      until(deadline, report, look),
    );
  } finally {
    await client.close();
  }
  progress.note('The cluster is Ready. What it had before is kept beside the data on each master, as etcd.before-*.');
}

/** Says which nodes are not Ready. What a snapshot says of one is old: only a lease that is renewed meanwhile proves that it is there. */
function nodesLook(client: Client): () => Promise<string | undefined> {
  const first = new Map<string | undefined, string | undefined>();
  return async () => {
    const { items: nodes } = await client.list('nodes');
    const { items: leases } = await client.list('leases', { namespace: 'kube-node-lease' });
    const renewed = new Set<string | undefined>();
    for (const { metadata, spec } of leases) {
      if (!first.has(metadata?.name)) first.set(metadata?.name, spec?.renewTime);
      else if (first.get(metadata?.name) !== spec?.renewTime) renewed.add(metadata?.name);
    }
    const isThere = ({ metadata, status }: Node): boolean =>
      getCondition(status?.conditions, 'Ready')?.status === 'True' && renewed.has(metadata?.name);
    const waiting = nodes.filter((node) => !isThere(node)).map(({ metadata }) => metadata?.name);
    return waiting.length > 0 ? waiting.join(', ') : undefined;
  };
}

/** Looks until nothing is missing; `look` says what is. */
async function until(
  deadline: number,
  report: (detail: string) => void,
  look: () => Promise<string | undefined>,
): Promise<void> {
  for (;;) {
    const missing = await look().catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
    if (missing === undefined) return;
    report(missing);
    if (Date.now() > deadline) throw new UserError(`It was not so in time: ${missing}. The masters' logs say more.`);
    await sleep(pollMs);
  }
}

async function check(machine: Machine, file: string): Promise<SnapshotStatus> {
  return machine.etcd<SnapshotStatus>('status', await machine.bring(file));
}

/** On the first machine where it can be done; if nowhere, with the words of the last. */
async function onOne<T>(machines: readonly Machine[], work: (machine: Machine) => Promise<T>): Promise<T> {
  let trouble: unknown;
  for (const machine of machines) {
    try {
      return await work(machine);
    } catch (error) {
      if (!(error instanceof UserError || error instanceof CommandFailed)) throw error;
      trouble = error;
    }
  }
  throw trouble;
}

function words({ bytes, keys, revision, hash, sha256 }: SnapshotStatus): string {
  return `revision ${revision}, ${keys} keys, ${(bytes / 1024 ** 2).toFixed(1)} MiB, hash ${hash}, sha256 ${sha256.slice(0, 16)}`;
}
