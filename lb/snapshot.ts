/** The balancer's state as the admin port shows it. */
import type { PolicyName } from './core/choice.ts';
import type { PoolState } from './core/pool-state.ts';

export type BalancerStatus = 'stopped' | 'serving' | 'draining';

export interface BalancerSnapshot {
  readonly status: BalancerStatus;
  readonly policy: PolicyName;
  readonly connections: number;
  /** Connections that have no backend yet. */
  readonly establishing: number;
  readonly backends: readonly BackendSnapshot[];
}

export interface BackendSnapshot {
  readonly name: string;
  readonly address: string;
  readonly health: string;
  /** Why it is down. */
  readonly failure?: string;
  /** What its last failed check said. */
  readonly detail?: string;
  /** How long its health has been what it is. */
  readonly forSeconds: number;
  readonly connections: number;
  readonly draining: boolean;
  readonly breaker: 'open' | 'closed';
}

export function snapshotOf(
  status: BalancerStatus,
  policy: PolicyName,
  pool: PoolState,
  connections: Iterable<{ readonly backend: string | undefined }> & { readonly size: number },
  now: number,
): BalancerSnapshot {
  let establishing = 0;
  for (const connection of connections) if (connection.backend === undefined) establishing++;
  return {
    status,
    policy,
    connections: connections.size,
    establishing,
    backends: pool.backends.map((backend) => ({
      name: backend.name,
      address: `${backend.host}:${backend.port}`,
      health: backend.health.kind,
      ...(backend.health.kind === 'down' ? { failure: backend.health.failure } : {}),
      ...(backend.detail === '' ? {} : { detail: backend.detail }),
      forSeconds: Math.round((now - backend.since) / 100) / 10,
      connections: backend.connections,
      draining: backend.draining,
      breaker: backend.breakerOpenUntil > now ? 'open' : 'closed',
    })),
  };
}
