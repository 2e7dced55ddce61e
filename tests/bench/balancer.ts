/**
 * `npm run bench:balancer`: the balancer beside HAProxy, in turns, in one run on one machine: how much each carries for a
 * second of processor time on long transfers and on short connections, and what each adds to a small request.
 *
 * Both carry plain TCP and use one thread. Processor time is the balancer's own; client and server are other processes.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureInstalled } from '../../compose/install.ts';
import { createProgress } from '../../compose/progress.ts';
import { command } from '../../master/api/flags.ts';
import { freePort } from '../support/ports.ts';
import { cpuMs, figures } from './measure.ts';

interface Way {
  readonly name: string;
  readonly port: number;
  /** undefined: straight to the server. */
  readonly pid: number | undefined;
}

const mebibyte = 1024 * 1024;
const streams = 4;
const sink = Buffer.allocUnsafeSlow(256 * 1024);
const block = Buffer.alloc(mebibyte, 'x');

const flags = command('npm run bench:balancer --', 'Measures the balancer beside HAProxy.')
  .option('--rounds <count>', 'how often each is measured, in turns; the middle one counts', Number, 5)
  .option('--size <MiB>', 'bytes of one long transfer', Number, 1_024)
  .option('--requests <count>', 'small requests of one round', Number, 5_000)
  .option('--only <name>', 'trimaster or haproxy alone, for a profile')
  .parse()
  .opts<{ rounds: number; size: number; requests: number; only?: string }>();

await ensureInstalled(['haproxy'], createProgress({ output: process.stdout }));
const dir = mkdtempSync(join(tmpdir(), 'trimaster-bench-lb-'));
const children: ChildProcess[] = [];
try {
  const server = fork(join(import.meta.dirname, 'balancer-server.ts'));
  children.push(server);
  const [serverPort]: number[] = await once(server, 'message');
  const ways = [
    { name: 'direct', port: serverPort ?? 0, pid: undefined },
    await startHaproxy(serverPort ?? 0),
    await startOurs(serverPort ?? 0),
  ].filter(({ name }) => flags.only === undefined || name === flags.only);
  console.log(`${cpus().length} processors (${cpus()[0]?.model.trim()}), ${flags.rounds} rounds`);
  await compare(ways);
} finally {
  for (const child of children) child.kill();
  await Promise.all(children.map((child) => child.exitCode ?? child.signalCode ?? once(child, 'exit')));
  rmSync(dir, { recursive: true, force: true });
}

async function compare(ways: readonly Way[]): Promise<void> {
  const balancers = ways.filter(({ pid }) => pid !== undefined);
  for (const way of ways) await smallRequests(way.port, 2_000);
  for (const way of balancers) await long(way.port, 'download', 128 * mebibyte);

  for (const kind of ['download', 'upload'] as const) {
    const perCpu = await inTurns(balancers, async ({ port, pid }) => {
      const before = cpuMs(pid ?? 0);
      const bytes = await long(port, kind, flags.size * mebibyte);
      return bytes / mebibyte / ((cpuMs(pid ?? 0) - before) / 1_000);
    });
    print(`${kind}, MiB per CPU second`, perCpu, 0);
  }
  const perConnection = await inTurns(balancers, async ({ port, pid }) => {
    const before = cpuMs(pid ?? 0);
    for (let i = 0; i < 1_000; i++) await shortConnection(port);
    return cpuMs(pid ?? 0) - before;
  });
  print('new connection with one request, CPU µs', perConnection, 0);

  const perRequest = await inTurns(balancers, async ({ port, pid }) => {
    const before = cpuMs(pid ?? 0);
    await smallRequests(port, flags.requests);
    return ((cpuMs(pid ?? 0) - before) / flags.requests) * 1_000;
  });
  print('small request, CPU µs', perRequest, 1);

  const p99 = new Map<string, number[]>();
  const p50 = await inTurns(ways, async ({ name, port }) => {
    const measured = figures(await smallRequests(port, flags.requests), 1, { all: 0, etcd: 0 });
    p99.set(name, [...(p99.get(name) ?? []), measured.p99 * 1_000]);
    return measured.p50 * 1_000;
  });
  print('small request, µs at p50', p50, 0);
  print('small request, µs at p99', p99, 0);
  const direct = p50.get('direct') ?? [];
  const added = [...p50].map(
    ([name, values]) => [name, values.map((us, i) => us - (direct[i] ?? Number.NaN))] as const,
  );
  print('  added at p50, µs', new Map(added.filter(([name]) => name !== 'direct')), 0);
}

/** Each way once, then each again: what the machine does besides falls on all of them. */
async function inTurns(ways: readonly Way[], work: (way: Way) => Promise<number>): Promise<Map<string, number[]>> {
  const results = new Map<string, number[]>(ways.map(({ name }) => [name, []]));
  for (let round = 0; round < flags.rounds; round++) {
    for (const way of ways) results.get(way.name)?.push(await work(way));
  }
  return results;
}

function print(title: string, results: ReadonlyMap<string, readonly number[]>, digits: number): void {
  const columns = [...results].map(([name, values]) => {
    const range = `${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)}`;
    return `${name} ${middle(values).toFixed(digits)} (${range})`;
  });
  const [ours, theirs] = ['trimaster', 'haproxy'].map((name) => middle(results.get(name) ?? []));
  const ratio = ours !== undefined && theirs !== undefined ? `   ours/HAProxy ${(ours / theirs).toFixed(2)}` : '';
  console.log(`${title.padEnd(42)}${columns.map((column) => column.padEnd(30)).join('')}${ratio}`);
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Several transfers at once; resolves with the bytes that were carried when all are done. */
async function long(port: number, kind: 'download' | 'upload', bytesEach: number): Promise<number> {
  await Promise.all(
    Array.from({ length: streams }, () => (kind === 'download' ? get : put)(port, bytesEach / streams)),
  );
  return bytesEach;
}

async function get(port: number, count: number): Promise<void> {
  let got = 0;
  const onread = {
    buffer: sink,
    callback: (length: number) => {
      got += length;
      return true;
    },
  };
  const socket = connect({ host: '127.0.0.1', port, onread });
  socket.write(`d${count}\n`);
  await once(socket, 'end');
  socket.destroy();
  if (got !== count) throw new Error(`${got} of ${count} bytes arrived`);
}

async function put(port: number, count: number): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true }).resume();
  socket.write('u');
  for (let left = count; left > 0; left -= block.length) {
    if (!socket.write(block)) await once(socket, 'drain');
  }
  socket.end();
  await once(socket, 'end');
  socket.destroy();
}

/** Requests of 200 bytes, answers of 1 KiB, one after the other over one connection: how long each took, in ms. */
async function smallRequests(port: number, count: number): Promise<number[]> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  const asked = Buffer.alloc(200, 'e');
  await ask(socket, asked, 1_024);
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const from = performance.now();
    await ask(socket, asked, 1_024);
    times.push(performance.now() - from);
  }
  socket.destroy();
  return times;
}

async function shortConnection(port: number): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  await ask(socket, Buffer.alloc(200, 'e'), 1_024);
  socket.destroy();
}

function ask(socket: Socket, bytes: Buffer, answerBytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let got = 0;
    const onData = (chunk: Buffer) => {
      got += chunk.length;
      if (got < answerBytes) return;
      socket.off('data', onData).off('error', reject);
      resolve();
    };
    socket.on('data', onData).on('error', reject);
    socket.write(bytes);
  });
}

async function startHaproxy(serverPort: number): Promise<Way> {
  const port = await freePort();
  const file = join(dir, 'haproxy.cfg');
  writeFileSync(
    file,
    [
      ...['global', '  nbthread 1', '  maxconn 2000'],
      ...['defaults', '  mode tcp', '  timeout connect 5s', '  timeout client 60s', '  timeout server 60s'],
      ...['listen bench', `  bind 127.0.0.1:${port}`, `  server master 127.0.0.1:${serverPort}`, ''],
    ].join('\n'),
  );
  return start('haproxy', port, spawn('haproxy', ['-db', '-f', file], { stdio: 'ignore' }));
}

async function startOurs(serverPort: number): Promise<Way> {
  const port = await freePort();
  const main = join(import.meta.dirname, '../../lb/main.ts');
  const profile = process.env.TRIMASTER_BENCH_NODE_ARGS?.split(' ') ?? [];
  const args = ['--listen', `127.0.0.1:${port}`, '--backend', `master=127.0.0.1:${serverPort}`, '--admin', 'off'];
  const stdio = ['ignore', 'ignore', 'inherit'] as const;
  return start('trimaster', port, spawn(process.execPath, [...profile, main, ...args], { stdio: [...stdio] }));
}

/** Resolves when it answers. */
async function start(name: string, port: number, child: ChildProcess): Promise<Way> {
  children.push(child);
  for (let i = 0; ; i++) {
    try {
      await shortConnection(port);
      return { name, port, pid: child.pid };
    } catch (error) {
      if (i > 100 || child.exitCode !== null) throw new Error(`${name} does not answer`, { cause: error });
      await sleep(50);
    }
  }
}
