/** The balancer's Prometheus metrics: one row each. Values that the balancer knows anyway are read when they are asked for. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { BackendState } from './core/pool-state.ts';

/** What is read at the time of a scrape. */
export interface MetricsSource {
  backends(): readonly BackendState[];
  /** Bytes of the connections that are open now; those of closed ones were counted when they closed. */
  openBytes(): { readonly received: number; readonly sent: number };
}

export type Metrics = ReturnType<typeof createMetrics>;

const secondsBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

export function createMetrics(registry: Registry, source: MetricsSource) {
  const registers = [registry];
  let closedBytes = { received: 0, sent: 0 };

  const perBackend = (name: string, help: string, value: (backend: BackendState) => number) =>
    new Gauge({
      name,
      help,
      registers,
      labelNames: ['backend'],
      collect() {
        this.reset();
        for (const backend of source.backends()) this.set({ backend: backend.name }, value(backend));
      },
    });
  perBackend('trimaster_lb_backend_up', 'Whether the backend passes its checks.', (b) =>
    b.health.kind === 'up' || b.health.kind === 'suspect' ? 1 : 0,
  );
  perBackend('trimaster_lb_backend_connections', 'Open connections to the backend.', (b) => b.connections);
  perBackend('trimaster_lb_backend_draining', 'Whether the backend takes no new connections.', (b) =>
    b.draining ? 1 : 0,
  );
  new Counter({
    name: 'trimaster_lb_bytes_total',
    help: 'Bytes carried, by direction as seen from the client.',
    registers,
    labelNames: ['direction'],
    collect() {
      const open = source.openBytes();
      this.reset();
      this.inc({ direction: 'received' }, closedBytes.received + open.received);
      this.inc({ direction: 'sent' }, closedBytes.sent + open.sent);
    },
  });

  return {
    registry,
    /** A connection has closed: keeps its bytes. */
    countBytes(received: number, sent: number) {
      closedBytes = { received: closedBytes.received + received, sent: closedBytes.sent + sent };
    },
    accepted: new Counter({
      name: 'trimaster_lb_connections_accepted_total',
      help: 'Connections of clients.',
      registers,
    }),
    established: new Counter({
      name: 'trimaster_lb_connections_total',
      help: 'Connections that were tied to a backend.',
      registers,
      labelNames: ['backend'],
    }),
    establishSeconds: new Histogram({
      name: 'trimaster_lb_establish_seconds',
      help: "From a client's arrival until a backend has answered it.",
      registers,
      buckets: secondsBuckets,
    }),
    closed: new Counter({
      name: 'trimaster_lb_connections_closed_total',
      help: 'Connections that ended, by what ended them.',
      registers,
      labelNames: ['cause'],
    }),
    attemptsFailed: new Counter({
      name: 'trimaster_lb_attempts_failed_total',
      help: 'Attempts to connect a client that failed; another backend was tried.',
      registers,
      labelNames: ['backend', 'reason'],
    }),
    hedged: new Counter({
      name: 'trimaster_lb_hedges_total',
      help: 'Times that a second backend was called in because the first was slow to connect or to answer.',
      registers,
      labelNames: ['backend', 'cause'],
    }),
    hedgesRefused: new Counter({
      name: 'trimaster_lb_hedges_refused_total',
      help: 'Times that a second backend was not called in yet, because too many were already.',
      registers,
      labelNames: ['backend', 'cause'],
    }),
    rejected: new Counter({
      name: 'trimaster_lb_connections_rejected_total',
      help: 'Connections of clients that had as many as one may have.',
      registers,
    }),
    checks: new Counter({
      name: 'trimaster_lb_checks_total',
      help: 'Active health checks by result.',
      registers,
      labelNames: ['backend', 'result'],
    }),
    checkSeconds: new Histogram({
      name: 'trimaster_lb_check_seconds',
      help: 'Duration of the health checks that passed.',
      registers,
      labelNames: ['backend'],
      buckets: secondsBuckets,
    }),
    transitions: new Counter({
      name: 'trimaster_lb_backend_transitions_total',
      help: "Changes of a backend's health.",
      registers,
      labelNames: ['backend', 'to'],
    }),
    breakerOpened: new Counter({
      name: 'trimaster_lb_breaker_opened_total',
      help: "Times that a backend's circuit breaker opened.",
      registers,
      labelNames: ['backend'],
    }),
  };
}
