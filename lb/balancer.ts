/**
 * The balancer as a library; see README.md for what it promises. This is the shell around `core/pool.ts`: it listens,
 * carries out the pool's effects and owns every connection. It touches nothing outside itself: no signals, no exit.
 */
import { connect, createServer, type OnReadOpts, type Server, type Socket } from 'node:net';
import { type Logger, pino } from 'pino';
import { Registry } from 'prom-client';
import { Breaker } from './breaker.ts';
import { Checks } from './checks.ts';
import { ClientConnection, type ConnectionHost } from './connection.ts';
import { choose, type PolicyName } from './core/choice.ts';
import type { EstablishConfig } from './core/establish.ts';
import {
  type BackendAddress,
  createPool,
  nextWake,
  type PoolEffect,
  type PoolEvent,
  type PoolState,
  step,
} from './core/pool.ts';
import { createTlsCheck, type HealthCheck } from './health-check.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { Resolver } from './resolver.ts';
import { type BalancerSnapshot, type BalancerStatus, snapshotOf } from './snapshot.ts';

export interface ListenAddress {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

export interface BalancerOptions {
  readonly listen: ListenAddress;
  readonly backends: readonly BackendAddress[];
  readonly policy?: PolicyName;
  /** Asked for over TLS; must answer 200. */
  readonly healthPath?: string;
  readonly checkIntervalMs?: number;
  readonly checkTimeoutMs?: number;
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

const defaults = {
  policy: 'round-robin',
  healthPath: '/readyz',
  serverName: 'kubernetes',
  checkIntervalMs: 1_000,
  checkTimeoutMs: 1_000,
  connectTimeoutMs: 500,
  hedgeDelayMs: 150,
  answerDelayMs: 250,
  establishTimeoutMs: 5_000,
  drainMs: 10_000,
} as const;

const recheckMs = 50;
const sweepMs = 100;
/** Finds a peer that has vanished without a word: first probe after this, then one a second. */
const keepAliveMs = 5_000;

export class Balancer implements ConnectionHost {
  readonly establish: EstablishConfig;
  readonly metrics: Metrics;
  readonly #options: BalancerOptions;
  readonly #policy: PolicyName;
  readonly #logger: Logger;
  readonly #resolver = new Resolver();
  readonly #checks: Checks;
  readonly #server: Server;
  readonly #breakers = new Map<string, Breaker>();
  readonly #connections = new Set<ClientConnection>();
  #pool: PoolState;
  #status: BalancerStatus = 'stopped';
  #wakeTimer: NodeJS.Timeout | undefined;
  #sweepTimer: NodeJS.Timeout | undefined;
  readonly #drained = Promise.withResolvers<void>();
  #onEmpty = () => {};

  /** Throws on options that cannot work. Does nothing until `listen`. */
  constructor(options: BalancerOptions) {
    if (options.backends.length === 0) throw new Error('at least one backend is needed');
    this.#options = options;
    this.#policy = options.policy ?? defaults.policy;
    this.#logger = options.logger ?? pino({ enabled: false });
    this.establish = {
      hedgeDelayMs: options.hedgeDelayMs ?? defaults.hedgeDelayMs,
      connectTimeoutMs: options.connectTimeoutMs ?? defaults.connectTimeoutMs,
      answerDelayMs: options.answerDelayMs ?? defaults.answerDelayMs,
      deadlineMs: options.establishTimeoutMs ?? defaults.establishTimeoutMs,
      roundPauseMs: 100,
    };
    const checkTimeoutMs = options.checkTimeoutMs ?? defaults.checkTimeoutMs;
    const checkIntervalMs = options.checkIntervalMs ?? defaults.checkIntervalMs;
    const random = options.random ?? Math.random;
    this.#pool = createPool(
      { checkIntervalMs, checkTimeoutMs, recheckMs, fall: 2, rise: 2, random },
      options.backends,
      this.now(),
    );
    this.metrics = createMetrics(options.registry ?? new Registry(), {
      backends: () => this.#pool.backends,
      openBytes: () => this.#openBytes(),
    });
    const check =
      options.check ??
      createTlsCheck({
        path: options.healthPath ?? defaults.healthPath,
        serverName: options.serverName ?? defaults.serverName,
        ca: options.ca,
        resolver: this.#resolver,
      });
    this.#checks = new Checks(check, this.metrics, (event) => this.#apply(event));
    this.#server = createServer(
      { allowHalfOpen: true, pauseOnConnect: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs },
      (client) => this.#accept(client),
    );
  }

  /**
   * Starts the checks and accepts connections; resolves with the address that it listens on, throws if it cannot. When
   * the signal aborts it drains; `closed` resolves when that is done.
   */
  async listen(signal: AbortSignal): Promise<ListenAddress> {
    signal.throwIfAborted();
    const { host, port } = this.#options.listen;
    const listening = Promise.withResolvers<void>();
    this.#server.once('error', listening.reject);
    this.#server.listen({ host, port, backlog: 1024 }, listening.resolve);
    await listening.promise;
    this.#server.off('error', listening.reject);
    // Out of file descriptors, for one: the next client may have more luck.
    this.#server.on('error', (error) => this.#logger.error({ err: error }, 'cannot accept a connection'));
    this.#status = 'serving';
    this.#apply({ type: 'wake' });
    this.#sweepTimer = setInterval(() => this.#sweep(), sweepMs);
    const drain = () => {
      this.#drain().then(this.#drained.resolve, this.#drained.reject);
    };
    if (signal.aborted) drain();
    else signal.addEventListener('abort', drain, { once: true });
    const address = this.#server.address();
    const bound = typeof address === 'object' && address !== null ? address.port : port;
    this.#logger.info({ host, port: bound, backends: this.#options.backends.map(({ name }) => name) }, 'listening');
    return { host, port: bound };
  }

  /** Resolves when the balancer has drained after its signal. */
  get closed(): Promise<void> {
    return this.#drained.promise;
  }

  /** Listens and works until the signal aborts and the connections are drained. */
  async run(signal: AbortSignal): Promise<void> {
    await this.listen(signal);
    await this.closed;
  }

  /** Replaces the set of backends. Connections to one that is no longer in it are closed. */
  setBackends(backends: readonly BackendAddress[]): void {
    if (backends.length === 0) throw new Error('at least one backend is needed');
    this.#apply({ type: 'backends', backends });
    const names = new Set(backends.map(({ name }) => name));
    for (const name of this.#breakers.keys()) if (!names.has(name)) this.#breakers.delete(name);
  }

  /** Tells a backend to take no new connections while there are others, or to take them again. */
  setDraining(backend: string, draining: boolean): void {
    this.#apply({ type: 'draining', backend, draining });
  }

  /** Whether clients can be served now. */
  get ready(): boolean {
    return this.#status === 'serving' && this.#pool.backends.some(({ health }) => health.kind === 'up');
  }

  /** What `/state` shows. */
  snapshot(): BalancerSnapshot {
    return snapshotOf(this.#status, this.#policy, this.#pool, this.#connections, this.now());
  }

  // What connections ask of it (ConnectionHost).

  /** Monotonic, in milliseconds: wall clocks jump. */
  now(): number {
    return performance.now();
  }

  rank(): readonly string[] {
    const { state, order } = choose(this.#pool, this.#policy, this.now());
    this.#pool = state;
    return order;
  }

  dial(name: string, onread: OnReadOpts): Socket {
    const backend = this.#pool.backends.find((one) => one.name === name);
    if (backend === undefined) throw new Error(`backend ${name} was removed`);
    if (this.#options.dial !== undefined) return this.#options.dial(backend, onread);
    return connect({
      host: backend.host,
      port: backend.port,
      lookup: this.#resolver.forSockets,
      onread,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveMs,
    });
  }

  guard(backend: string, attempt: () => Promise<void>): Promise<void> {
    return this.#breaker(backend).execute(attempt);
  }

  suspect(backend: string, weight: 'hint' | 'failure'): void {
    this.#apply({ type: 'suspicion', backend, weight });
  }

  onAttemptFailed(backend: string, reason: string): void {
    this.metrics.attemptsFailed.inc({ backend, reason });
    this.#logger.debug({ backend, reason }, 'attempt failed');
  }

  onHedged(backend: string, cause: 'connect' | 'answer'): void {
    this.metrics.hedged.inc({ backend, cause });
  }

  onEstablished(_connection: ClientConnection, backend: string, tookMs: number): void {
    this.metrics.established.inc({ backend });
    this.metrics.establishSeconds.observe(tookMs / 1000);
    this.#apply({ type: 'connection-opened', backend });
  }

  onClosed(connection: ClientConnection, backend: string | undefined, reason: string): void {
    if (!this.#connections.delete(connection)) return;
    this.metrics.closed.inc({ cause: causeOf(reason) });
    this.metrics.countBytes(connection.bytesFromBackend, connection.bytesToBackend);
    this.#logger.debug({ backend, reason }, 'connection closed');
    if (backend !== undefined) this.#apply({ type: 'connection-closed', backend });
    if (this.#connections.size === 0) this.#onEmpty();
  }

  // The shell's own work.

  #accept(client: Socket): void {
    this.metrics.accepted.inc();
    const connection = new ClientConnection(client, this);
    this.#connections.add(connection);
    connection.start();
  }

  #apply(event: PoolEvent): void {
    const { state, effects } = step(this.#pool, event, this.now());
    this.#pool = state;
    for (const effect of effects) this.#perform(effect);
    this.#schedule();
  }

  #perform(effect: PoolEffect): void {
    switch (effect.type) {
      case 'check':
        this.#checks.start(effect);
        break;
      case 'cancel-check':
        this.#checks.cancel(effect.id);
        break;
      case 'close-connections':
        this.#closeConnections(effect.backend, effect.reason);
        break;
      case 'reset-breaker':
        this.#breakers.get(effect.backend)?.reset();
        break;
      case 'health-changed':
        this.#noteHealth(effect);
        break;
      default:
        effect satisfies never;
    }
  }

  #schedule(): void {
    clearTimeout(this.#wakeTimer);
    if (this.#status === 'stopped') return;
    const at = nextWake(this.#pool);
    if (at === undefined) return;
    this.#wakeTimer = setTimeout(() => this.#apply({ type: 'wake' }), Math.max(0, at - this.now()));
  }

  #noteHealth({ backend, from, to, detail }: PoolEffect & { type: 'health-changed' }): void {
    this.metrics.transitions.inc({ backend, to });
    // A suspicion is checked within milliseconds, and mostly clears.
    const level = to === 'down' ? 'warn' : to === 'suspect' || from === 'suspect' ? 'debug' : 'info';
    this.#logger[level]({ backend, from, ...(detail === '' ? {} : { detail }) }, `backend is ${to}`);
  }

  #closeConnections(backend: string, reason: string): void {
    let count = 0;
    for (const connection of [...this.#connections]) {
      if (connection.backend !== backend) continue;
      connection.close(reason);
      count++;
    }
    if (count > 0) this.#logger.info({ backend, count, reason }, 'connections closed');
  }

  #breaker(backend: string): Breaker {
    const known = this.#breakers.get(backend);
    if (known !== undefined) return known;
    const breaker = new Breaker({
      opened: (forMs) => {
        this.metrics.breakerOpened.inc({ backend });
        this.#logger.warn({ backend, forMs }, 'circuit breaker opened');
        this.#apply({ type: 'breaker-opened', backend, until: this.now() + forMs });
      },
      closed: () => this.#apply({ type: 'breaker-closed', backend }),
    });
    this.#breakers.set(backend, breaker);
    return breaker;
  }

  #sweep(): void {
    const now = this.now();
    for (const connection of this.#connections) connection.sweep(now);
  }

  #openBytes(): { received: number; sent: number } {
    let received = 0;
    let sent = 0;
    for (const connection of this.#connections) {
      received += connection.bytesFromBackend;
      sent += connection.bytesToBackend;
    }
    return { received, sent };
  }

  async #drain(): Promise<void> {
    this.#status = 'draining';
    const drainMs = this.#options.drainMs ?? defaults.drainMs;
    this.#logger.info({ connections: this.#connections.size, drainMs }, 'draining');
    const closed = Promise.withResolvers<void>();
    this.#server.close(() => closed.resolve());
    if (this.#connections.size > 0) await this.#emptyOrAfter(drainMs);
    for (const connection of [...this.#connections]) connection.close('drain time is over');
    await closed.promise;
    this.#status = 'stopped';
    clearTimeout(this.#wakeTimer);
    clearInterval(this.#sweepTimer);
    this.#checks.stop();
    this.#logger.info('stopped');
  }

  #emptyOrAfter(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** A label of few values: the name of a backend does not belong in it. */
function causeOf(reason: string): string {
  const known = ['client closed', 'client failed', 'backend closed', 'backend failed', 'no backend available'];
  if (known.includes(reason)) return reason.replaceAll(' ', '-');
  return reason === 'drain time is over' ? 'drained' : 'backend-down';
}
