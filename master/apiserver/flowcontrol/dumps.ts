/**
 * What flow control holds now, as tables of text: the debugging endpoints of
 * https://kubernetes.io/docs/concepts/cluster-administration/flow-control/#debug-endpoints
 */
import type { Waiter } from './fair-queues.ts';
import type { FlowControl } from './flow-control.ts';
import type { PriorityLevel } from './priority-level.ts';

/** A request that has its seats. */
export interface Executing extends Waiter {
  readonly level: string;
  readonly width: number;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

type Row = readonly (string | number | boolean)[];

export function dumpPriorityLevels(flow: FlowControl): string {
  const head = ['PriorityLevelName', 'ActiveQueues', 'IsIdle', 'IsQuiescing', 'WaitingRequests', 'ExecutingRequests'];
  const counted = ['DispatchedRequests', 'RejectedRequests', 'TimedoutRequests', 'CancelledRequests'];
  const rows = byName(flow).map((level): Row => {
    const { settings, executing, waitingCount } = level;
    const active = level.queues.filter((queue) => queue.waiting.length + queue.executing > 0).length;
    const idle = executing + waitingCount === 0;
    const now = [settings.name, active, idle, flow.isQuiescing(level), waitingCount, executing];
    const counts = flow.flows.filter((each) => each.level === level).map((each) => each.counts);
    const sum = (of: (each: (typeof counts)[number]) => number): number =>
      counts.reduce((all, each) => all + of(each), 0);
    return [
      ...now,
      sum(({ dispatched }) => dispatched),
      sum(({ refused }) => refused['queue-full'] + refused['concurrency-limit']),
      sum(({ refused }) => refused['time-out']),
      0,
    ];
  });
  return table([...head, ...counted], rows);
}

export function dumpQueues(flow: FlowControl): string {
  const head = ['PriorityLevelName', 'Index', 'PendingRequests', 'ExecutingRequests', 'SeatsInUse', 'NextDispatchR'];
  const work = ['InitialSeatsSum', 'MaxSeatsSum', 'TotalWorkSum'];
  const rows = byName(flow).flatMap((level) =>
    level.queues.map((queue, index): Row => {
      const { settings } = level;
      const seats = queue.waiting.reduce((sum, { width }) => sum + width, 0);
      const next = `${queue.virtual.toFixed(8)}ss`;
      const total = `${(seats * level.expectedSeconds).toFixed(8)}ss`;
      return [settings.name, index, queue.waiting.length, queue.running, queue.executing, next, seats, seats, total];
    }),
  );
  return table([...head, ...work], rows);
}

const never = '0001-01-01T00:00:00Z';

/** `details`: who asks for what, too. */
export function dumpRequests(flow: FlowControl, executing: readonly Executing[], details: boolean): string {
  const head = ['PriorityLevelName', 'FlowSchemaName', 'QueueIndex', 'RequestIndexInQueue', 'FlowDistingsher'];
  const times = ['ArriveTime', 'InitialSeats', 'FinalSeats', 'AdditionalLatency', 'StartTime'];
  const asked = ['UserName', 'Verb', 'APIPath', 'Namespace', 'Name', 'APIVersion', 'Resource', 'SubResource'];
  const row = (level: string, queue: number, at: number, width: number, about: Waiter, started: string): Row => [
    ...[level, about.schema, queue, at, about.distinguisher],
    ...[new Date(about.since).toISOString(), width, 0, '0s', started],
    ...(details ? detailsOf(about) : []),
  ];
  const running = executing.map((each) =>
    row(each.level, -1, -1, each.width, each, new Date(each.startedAt).toISOString()),
  );
  const waiting = byName(flow).flatMap(({ settings, queues }) =>
    queues.flatMap((queue, index) =>
      queue.waiting.map(({ width, about }, at) => row(settings.name, index, at, width, about, never)),
    ),
  );
  return table([...head, ...times, ...(details ? asked : [])], [...running, ...waiting]);
}

function detailsOf({ userName, request }: Waiter): Row {
  const { verb, path, namespace, name, group, resource, subresource } = request;
  return [userName, verb, path, namespace, name, group, resource, subresource];
}

const byName = ({ levels }: FlowControl): PriorityLevel[] =>
  levels.toSorted((a, b) => (a.settings.name < b.settings.name ? -1 : 1));

const leastWidth = 8;

/** Cells end with a comma and are as wide as the widest of their column. */
function table(head: Row, rows: readonly Row[]): string {
  const lines = [head, ...rows].map((row) => row.map((cell, at) => (at === row.length - 1 ? `${cell}` : `${cell},`)));
  const widths = head.map((_, at) => Math.max(leastWidth, ...lines.map((line) => (line[at]?.length ?? 0) + 1)));
  return lines
    .map(
      (line) => `${line.map((cell, at) => (at === line.length - 1 ? cell : cell.padEnd(widths[at] ?? 0))).join('')}\n`,
    )
    .join('');
}
