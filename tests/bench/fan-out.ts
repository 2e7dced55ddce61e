/**
 * The fan-out of a watch: each write's event reaches every watcher, and one operation is one event delivered to one watcher. The
 * readers share the machine with the servers, so they do as little as they can: what they look for is looked for in the bytes.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { ApiClient } from '../support/api-client.ts';
import { type Figures, figures, measure, nobody, type Pids, stopwatch } from './measure.ts';

const watchers = 100;
const events = 600;

export interface FanOut {
  /** The path of a collection whose objects are named `bench-<number>`. */
  readonly namespace: string;
  /** So many writes under way at once. */
  readonly connections: number;
  /** So many writes a second, as Kubernetes had: to compare the latency with, which otherwise is that of the reader's backlog. */
  readonly perSecond?: number;
}

export async function fanOut(
  { kubeconfig, pids }: { kubeconfig: string; pids: Pids },
  writer: ApiClient,
  { namespace, connections, perSecond = 0 }: FanOut,
): Promise<Figures> {
  const client = new ApiClient(kubeconfig, { connections: watchers, timeoutMs: 30_000 });
  const stop = new AbortController();
  const expected = watchers * events;
  const times: number[] = [];
  const done = Promise.withResolvers<void>();
  const { metadata } = await writer.json<{ metadata: { resourceVersion: string } }>('GET', `${namespace}?limit=1`);
  const took = (sentAt: number): void => {
    times.push(performance.now() - sentAt);
    if (times.length === expected) done.resolve();
  };
  const path = `${namespace}?watch=true&resourceVersion=${metadata.resourceVersion}`;
  const watching = Array.from({ length: watchers }, () =>
    client.watchBytes(path, stop.signal, sentTimes(took)).catch((error: unknown) => {
      if (!stop.signal.aborted) done.reject(error);
    }),
  );
  // A watch is there once the server has sent its headers: give each of them a first event to count from.
  await delay(1_000);
  const spent = stopwatch(pids);
  const from = performance.now();
  await measure(nobody, events, connections, async (turn) => {
    const earlyMs = perSecond > 0 ? from + (turn * 1_000) / perSecond - performance.now() : 0;
    if (earlyMs > 0) await delay(earlyMs);
    const patch = { data: { sentAt: String(performance.now()) } };
    await writer.json('PATCH', `${namespace}/bench-${turn}`, patch, 'application/merge-patch+json');
  });
  await done.promise;
  const result = figures(times, performance.now() - from, spent());
  stop.abort();
  await Promise.all(watching);
  await client.close();
  return result;
}

const mark = Buffer.from('"sentAt":"');
const quote = '"'.charCodeAt(0);
const lineEnd = '\n'.charCodeAt(0);

/** Takes a watch's bytes as they come, and tells when each event says that its write was sent. */
function sentTimes(tell: (sentAt: number) => void): (bytes: Buffer) => void {
  let rest: Buffer | undefined;
  return (bytes) => {
    const text = rest === undefined ? bytes : Buffer.concat([rest, bytes]);
    const end = text.lastIndexOf(lineEnd) + 1;
    // What of a line has come stays until the line is whole, which it mostly is.
    rest = end < text.length ? text.subarray(end) : undefined;
    for (let at = text.indexOf(mark); at >= 0 && at < end; at = text.indexOf(mark, at)) {
      at += mark.length;
      tell(Number(text.toString('latin1', at, text.indexOf(quote, at))));
    }
  };
}
