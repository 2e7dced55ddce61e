/** What a balancer can be told, and what it does untold. */
import type { OnReadOpts, Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { PolicyName } from './core/choice.ts';
import type { BackendAddress } from './core/pool-state.ts';
import type { HealthCheck } from './health-check.ts';
import type { ListedBackends } from './masters-file.ts';
import type { ProxyProtocol } from './proxy-protocol.ts';

export interface ListenAddress {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

export interface BalancerOptions {
  readonly listen: ListenAddress;
  readonly backends: readonly BackendAddress[];
  /** While it gives backends, those take the place of `backends`; asked each second. */
  readonly listed?: ListedBackends;
  readonly policy?: PolicyName;
  /** Asked for over TLS; must answer 200. */
  readonly healthPath?: string;
  readonly checkIntervalMs?: number;
  readonly checkTimeoutMs?: number;
  /** The same while the traffic looks bad. */
  readonly suspectTimeoutMs?: number;
  /** PEM text; the masters' certificates are verified if it is given. */
  readonly ca?: string | Buffer;
  /** The name in the masters' certificates. */
  readonly serverName?: string;
  readonly connectTimeoutMs?: number;
  /** Without a connection for this long, the next backend is tried beside. */
  readonly hedgeDelayMs?: number;
  /** Without an answer to the TLS hello for this long, the next backend gets it too. */
  readonly answerDelayMs?: number;
  /** How long a client waits while no backend can be reached. */
  readonly establishTimeoutMs?: number;
  /** Connections that one client (address) may have at a time; 0: no limit. */
  readonly maxConnectionsPerClient?: number;
  /** A master that has come back gets its full share of new connections only after this long. */
  readonly slowStartMs?: number;
  /** How often a quiet connection is moved from a master that has far more of them than another; 0: never. */
  readonly rebalanceMs?: number;
  /** The masters are told who the client is, and must expect that. */
  readonly proxyProtocol?: ProxyProtocol;
  /** Another process listens at the same address; the kernel spreads the clients over both. */
  readonly reusePort?: boolean;
  /** The admin port of that other balancer: if it turns silent, this one takes its clients. */
  readonly peer?: ListenAddress;
  /** Masters that the cluster itself lists are backends too; needs `ca`. */
  readonly follow?: boolean;
  /** How often the cluster is asked for its masters. */
  readonly followMs?: number;
  /** How long connections may go on after the signal. */
  readonly drainMs?: number;
  readonly logger?: Logger;
  /** For the metrics; a new one if not given. */
  readonly registry?: Registry;
  /** Instead of TLS checks. */
  readonly check?: HealthCheck;
  /** Instead of a TCP connection; must pass `onread` on and allow half-open connections. */
  readonly dial?: (backend: BackendAddress, onread: OnReadOpts) => Socket;
  readonly random?: () => number;
}

export const defaults = {
  policy: 'round-robin',
  healthPath: '/readyz',
  serverName: 'kubernetes',
  checkIntervalMs: 1_000,
  checkTimeoutMs: 750,
  suspectTimeoutMs: 500,
  connectTimeoutMs: 500,
  hedgeDelayMs: 150,
  answerDelayMs: 250,
  establishTimeoutMs: 5_000,
  maxConnectionsPerClient: 0,
  slowStartMs: 10_000,
  rebalanceMs: 5_000,
  followMs: 5_000,
  drainMs: 10_000,
} as const;
