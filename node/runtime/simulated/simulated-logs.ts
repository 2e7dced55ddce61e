/** The log of a simulated container: a line at its start and one a period after, made from its times alone. */
import { Readable } from 'node:stream';
import { type Clock, sleep } from '../../../master/api/clock.ts';
import type { LogOptions } from '../runtime.ts';

const periodMs = 1_000;
/** A container that ran for days has not more lines than this. */
const mostLines = 1_000;

export interface LoggedTimes {
  readonly title: string;
  readonly startedAt: number;
  /** Undefined while it runs. */
  readonly finishedAt?: number;
}

/** `times` is asked again and again while following, until the container has ended or is gone. */
export function simulatedLogs(times: () => LoggedTimes | undefined, options: LogOptions, clock: Clock): Readable {
  const stopped = new AbortController();
  const stream = Readable.from(lines(times, options, clock, stopped.signal));
  stream.once('close', () => stopped.abort());
  return stream;
}

async function* lines(
  times: () => LoggedTimes | undefined,
  options: LogOptions,
  clock: Clock,
  signal: AbortSignal,
): AsyncIterable<Buffer> {
  if (!options.stdout) return;
  const { tailLines = Number.POSITIVE_INFINITY, since = 0 } = options;
  let container = times();
  if (!container) return;
  const total = linesBy(container, clock.now());
  let next = Math.max(0, total - mostLines, total - tailLines);
  while (container && !signal.aborted) {
    for (const end = linesBy(container, clock.now()); next < end; next++) {
      const at = container.startedAt + next * periodMs;
      if (at >= since) yield line(container, next, at, options.timestamps);
    }
    if (!options.follow || container.finishedAt !== undefined) return;
    await sleep(Math.max(0, container.startedAt + next * periodMs - clock.now()), signal, clock);
    container = times();
  }
}

const linesBy = ({ startedAt, finishedAt }: LoggedTimes, now: number): number =>
  startedAt === 0 ? 0 : Math.floor(((finishedAt ?? now) - startedAt) / periodMs) + 1;

function line({ title }: LoggedTimes, index: number, at: number, timestamps: boolean): Buffer {
  const text = index === 0 ? `${title} started` : `${title} has run for ${(index * periodMs) / 1000} s`;
  return Buffer.from(`${timestamps ? `${new Date(at).toISOString()} ` : ''}${text}\n`);
}
