/** What flow control does, under Kubernetes' names. Everything is read from its counters when somebody asks. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { FlowControl } from './flow-control.ts';
import type { PriorityLevel } from './priority-level.ts';

export function registerFlowMetrics(flow: FlowControl, registry: Registry): void {
  const registers = [registry];
  const gauge = (name: string, help: string, of: (level: PriorityLevel) => number) =>
    new Gauge({
      name: `apiserver_flowcontrol_${name}`,
      help,
      labelNames: ['priority_level'],
      registers,
      collect() {
        this.reset();
        for (const level of flow.levels) this.set({ priority_level: level.settings.name }, of(level));
      },
    });
  gauge('current_inqueue_requests', 'Number of requests currently pending in queues.', (level) => level.waitingCount);
  gauge('current_executing_requests', 'Number of requests currently being executed.', (level) => level.executing);
  gauge('current_executing_seats', 'Number of seats currently occupied.', (level) => level.seats);
  gauge('nominal_limit_seats', 'Nominal number of execution seats.', (level) => level.settings.nominalSeats);

  const counter = (
    name: string,
    help: string,
    of: (flow: FlowControl['flows'][number]) => Readonly<Record<string, number>>,
    reasons: readonly string[] = [],
  ) =>
    new Counter({
      name: `apiserver_flowcontrol_${name}`,
      help,
      labelNames: ['priority_level', 'flow_schema', ...reasons],
      registers,
      collect() {
        this.reset();
        for (const each of flow.flows) {
          const labels = { priority_level: each.level.settings.name, flow_schema: each.schema };
          for (const [reason, count] of Object.entries(of(each))) {
            this.inc(reasons.length > 0 ? { ...labels, reason } : labels, count);
          }
        }
      },
    });
  counter('dispatched_requests_total', 'Number of requests executed by API Priority and Fairness.', ({ counts }) => ({
    all: counts.dispatched,
  }));
  counter(
    'rejected_requests_total',
    'Number of requests rejected by API Priority and Fairness.',
    ({ counts }) => counts.refused,
    ['reason'],
  );
  counter(
    'request_wait_duration_seconds_sum',
    'Length of time that requests spent waiting in queues.',
    ({ counts }) => ({
      all: counts.waitedSeconds,
    }),
  );
  counter('request_wait_duration_seconds_count', 'Number of requests that had to wait.', ({ counts }) => ({
    all: counts.waited,
  }));
}
