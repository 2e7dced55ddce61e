/** Measuring: latencies of many requests under way at once, and the processor time that the servers spent meanwhile. */
import { readFileSync } from 'node:fs';

/** One line of the table. Times in milliseconds. */
export interface Figures {
  readonly operations: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Of all API servers and etcd members, per operation. */
  readonly serverCpuMs: number;
  /** The etcd members' part of it. */
  readonly etcdCpuMs: number;
}

/** The processes whose time is measured. */
export interface Pids {
  readonly apiservers: readonly number[];
  readonly etcd: readonly number[];
}

export const nobody: Pids = { apiservers: [], etcd: [] };

/** Processor time in milliseconds. */
interface Spent {
  readonly all: number;
  readonly etcd: number;
}

/** Linux counts a process's time in these: `getconf CLK_TCK`. */
const ticksPerSecond = 100;

/** User and system time of a process so far, in milliseconds (proc(5): fields 14 and 15 of /proc/pid/stat). */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / ticksPerSecond;
}

/** Resident memory of a process, in bytes: what is its own alone (`Pss`), shared pages counted in parts. */
export function memoryBytes(pid: number): number {
  const match = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
  return Number(match?.[1] ?? 0) * 1_024;
}

/** Does `count` operations, `concurrency` at a time; `operation` gets the number of its turn. */
export async function measure(
  pids: Pids,
  count: number,
  concurrency: number,
  operation: (turn: number) => Promise<void>,
): Promise<Figures> {
  const times: number[] = [];
  let turn = 0;
  const worker = async (): Promise<void> => {
    for (let mine = turn++; mine < count; mine = turn++) {
      const from = performance.now();
      await operation(mine);
      times.push(performance.now() - from);
    }
  };
  const spent = stopwatch(pids);
  const from = performance.now();
  await Promise.all(Array.from({ length: concurrency }, worker));
  return figures(times, performance.now() - from, spent());
}

export function figures(times: number[], tookMs: number, spent: Spent): Figures {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return {
    operations: times.length,
    perSecond: (times.length / tookMs) * 1_000,
    p50: at(0.5),
    p99: at(0.99),
    max: at(1),
    serverCpuMs: spent.all / times.length,
    etcdCpuMs: spent.etcd / times.length,
  };
}

/** Gives the function that says what the processes have spent since. */
export function stopwatch({ apiservers, etcd }: Pids): () => Spent {
  const total = (pids: readonly number[]): number => pids.reduce((sum, pid) => sum + cpuMs(pid), 0);
  const before = { apiservers: total(apiservers), etcd: total(etcd) };
  return () => {
    const ofEtcd = total(etcd) - before.etcd;
    return { all: total(apiservers) - before.apiservers + ofEtcd, etcd: ofEtcd };
  };
}
