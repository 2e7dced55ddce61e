/**
 * `npm run bench`: starts a local cluster of three masters, does the measured work, and prints what each operation took and
 * cost, beside the figures recorded last and beside Kubernetes' own (`peer.json`).
 *
 * Processor time per operation varies least between runs and machines: compare that. `--record` keeps the figures.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { ensureInstalled } from '../../compose/install.ts';
import { type LocalCluster, startLocalCluster } from '../../compose/local-cluster.ts';
import { createProgress } from '../../compose/progress.ts';
import { command } from '../../master/api/flags.ts';
import { apiWorkload } from './api-workload.ts';
import { type Figures, memoryBytes } from './measure.ts';
import { attachProfiler } from './profile.ts';

type Table = Record<string, Pick<Figures, 'perSecond' | 'p50' | 'p99' | 'serverCpuMs'>>;

const recordFile = join(import.meta.dirname, 'recorded.json');
const read = (file: string): Table => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {});

const flags = command('npm run bench --', 'Measures what requests take and cost on three local masters.')
  .option('--record', 'keep the figures as the ones to compare with')
  .option('--size <share>', 'how much of the full work to do', Number, 1)
  .option('--only <pattern>', 'do the parts alone whose name has this regular expression')
  .option('--profile', 'print where the time of the first API server went (which makes it slower)')
  .parse()
  .opts<{ record?: boolean; size: number; only?: string; profile?: boolean }>();

await ensureInstalled(['etcd'], createProgress({ output: process.stdout }));
const dataDir = mkdtempSync(join(tmpdir(), 'trimaster-bench-'));
const startedMs = performance.now();
const cluster = await startLocalCluster({ dataDir, nodes: 0 });
try {
  console.log(
    `${cpus().length} processors (${cpus()[0]?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB; three masters ready after ${((performance.now() - startedMs) / 1_000).toFixed(1)} s`,
  );
  const figures = await runWork(cluster);
  printMemory(cluster);
  if (flags.record) writeFileSync(recordFile, `${JSON.stringify(figures, undefined, 2)}\n`);
} finally {
  await cluster.stop();
  rmSync(dataDir, { recursive: true, force: true });
}

async function runWork({ masters, kubeconfig }: LocalCluster): Promise<Table> {
  const running = (pid: number | undefined): pid is number => pid !== undefined;
  const pids = {
    apiservers: masters.map(({ apiserver }) => apiserver.pid).filter(running),
    etcd: masters.map(({ etcd }) => etcd.pid).filter(running),
  };
  const profiler = flags.profile && pids.apiservers[0] ? await attachProfiler(pids.apiservers[0]) : undefined;
  const [peer, recorded] = [read(join(import.meta.dirname, 'peer.json')), read(recordFile)];
  const table: Table = {};
  console.log(
    'work                              ops/s   p50 ms   p99 ms   max ms       n  CPU ms/op   of etcd   × recorded   × Kubernetes',
  );
  const work = {
    ...flags,
    async around(name: string, part: () => Promise<Figures>): Promise<Figures> {
      await profiler?.start();
      const measured = await part();
      await profiler?.print(name);
      return measured;
    },
  };
  await apiWorkload({ kubeconfig, pids }, work, (name, measured) => {
    const { perSecond, p50, p99, max, operations, serverCpuMs, etcdCpuMs } = measured;
    table[name] = { perSecond: round(perSecond), p50: round(p50), p99: round(p99), serverCpuMs: round(serverCpuMs) };
    const ratio = (to: Table): string => (to[name] ? (serverCpuMs / to[name].serverCpuMs).toFixed(2) : '-');
    const columns = [
      perSecond.toFixed(0).padStart(9),
      ...[p50, p99, max].map((ms) => ms.toFixed(1).padStart(9)),
      String(operations).padStart(8),
      serverCpuMs.toFixed(3).padStart(11),
      etcdCpuMs.toFixed(3).padStart(10),
      ratio(recorded).padStart(13),
      ratio(peer).padStart(15),
    ];
    console.log(`${name.padEnd(30)}${columns.join('')}`);
  });
  profiler?.close();
  return table;
}

function printMemory({ masters }: LocalCluster): void {
  for (const { name, pid, etcd, apiserver, scheduler, controllerManager } of masters) {
    const parts = {
      supervisor: pid,
      etcd: etcd.pid,
      apiserver: apiserver.pid,
      scheduler: scheduler.pid,
      'controller-manager': controllerManager.pid,
    };
    const sizes = Object.entries(parts).map(
      ([part, id]) => [part, id === undefined ? 0 : memoryBytes(id) / 2 ** 20] as const,
    );
    const sum = sizes.reduce((total, [, mib]) => total + mib, 0);
    console.log(
      `${name}: ${sum.toFixed(0)} MiB (${sizes.map(([part, mib]) => `${part} ${mib.toFixed(0)}`).join(', ')}), after the work`,
    );
  }
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
