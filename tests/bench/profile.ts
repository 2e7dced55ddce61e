/**
 * Where a running process of Node spends its time: a sampling profile of one stretch, by function, taken over the inspector
 * that Node opens on SIGUSR1. The port is Node's own 9229 on loopback, so one process at a time. It samples by the clock on
 * the wall: on a machine that does other things too, it tells of them where they held the process up.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';

export interface Profiler {
  start(): Promise<void>;
  /** Ends the stretch, and prints the functions in which most of it was spent. */
  print(title: string): Promise<void>;
  close(): void;
}

interface Profile {
  readonly nodes: readonly { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  readonly samples: readonly number[];
  /** Microseconds. */
  readonly timeDeltas: readonly number[];
}

const inspector = 'http://127.0.0.1:9229/json/list';
const printedLines = 45;
const samplingMicroseconds = 400;

export async function attachProfiler(pid: number): Promise<Profiler> {
  process.kill(pid, 'SIGUSR1');
  const socket = new WebSocket(await debuggerUrl());
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  let calls = 0;
  const call = (method: string, params: object = {}): Promise<{ profile?: Profile }> => {
    const id = ++calls;
    const { promise, resolve } = Promise.withResolvers<{ profile?: Profile }>();
    const answered = (data: Buffer): void => {
      const message = JSON.parse(data.toString());
      if (message.id !== id) return;
      socket.off('message', answered);
      resolve(message.result);
    };
    socket.on('message', answered);
    socket.send(JSON.stringify({ id, method, params }));
    return promise;
  };
  await call('Profiler.enable');
  await call('Profiler.setSamplingInterval', { interval: samplingMicroseconds });
  return {
    start: async () => void (await call('Profiler.start')),
    async print(title) {
      const { profile } = await call('Profiler.stop');
      if (profile) console.log(`\n${title}: the first API server's time\n${report(profile)}\n`);
    },
    close: () => socket.close(),
  };
}

async function debuggerUrl(): Promise<string> {
  for (;;) {
    const text = await fetch(inspector).then(
      (answer) => answer.text(),
      () => '[]',
    );
    const [target] = JSON.parse(text);
    if (target) return target.webSocketDebuggerUrl;
    await delay(50);
  }
}

/** One line a function: its own share of the time that was not idle. */
function report({ nodes, samples, timeDeltas }: Profile): string {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const spent = new Map<string, number>();
  let busy = 0;
  samples.forEach((id, index) => {
    const name = names.get(id) ?? '';
    if (name.startsWith('(idle)')) return;
    const took = timeDeltas[index] ?? 0;
    busy += took;
    spent.set(name, (spent.get(name) ?? 0) + took);
  });
  return [...spent]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, printedLines)
    .map(([name, took]) => `${((took / busy) * 100).toFixed(1).padStart(6)} %  ${name}`)
    .join('\n');
}

function nameOf({ functionName, url, lineNumber }: Profile['nodes'][number]['callFrame']): string {
  const place = url.replace(/^.*\/(?=(?:node_modules|master)\/)/, '');
  return `${functionName || '(anonymous)'}${place === '' ? '' : ` ${place}:${lineNumber + 1}`}`;
}
