/**
 * The balancer as a library; see README.md for what it promises. This is the shell around `core/pool.ts`: it listens,
 * carries out the pool's effects and owns every connection. It touches nothing outside itself: no signals, no exit.
 */
import { connect, type OnReadOpts, type Socket } from 'node:net';
import { type Logger, pino } from 'pino';
import { Registry } from 'prom-client';
import { Breaker } from './breaker.ts';
import { Checks } from './checks.ts';
import { Clients } from './clients.ts';
import { ClientConnection, type ConnectionHost } from './connection.ts';
import { choose, type PolicyName } from './core/choice.ts';
import type { EstablishConfig } from './core/establish.ts';
import { createPool, nextWake, step } from './core/pool.ts';
import type { BackendAddress, PoolEffect, PoolEvent, PoolState } from './core/pool-state.ts';
import { overfull } from './core/rebalance.ts';
import { createTlsCheck } from './health-check.ts';
import { Listeners } from './listeners.ts';
import { followMembers, givenBackends } from './membership.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { endsOf, proxyHeader } from './proxy-protocol.ts';
import { reset } from './relay.ts';
import { Resolver } from './resolver.ts';
import { type BalancerOptions, defaults, type ListenAddress } from './settings.ts';
import { type BalancerSnapshot, type BalancerStatus, snapshotOf } from './snapshot.ts';

export type { BalancerOptions, ListenAddress } from './settings.ts';

const recheckMs = 50;
const sweepMs = 50;

export class Balancer implements ConnectionHost {
  readonly establish: EstablishConfig;
  readonly metrics: Metrics;
  readonly #options: BalancerOptions;
  readonly #policy: PolicyName;
  readonly #logger: Logger;
  readonly #given: () => readonly BackendAddress[];
  readonly #resolver = new Resolver();
  readonly #checks: Checks;
  readonly #listeners: Listeners;
  readonly #breakers = new Map<string, Breaker>();
  readonly #clients: Clients;
  #pool: PoolState;
  #status: BalancerStatus = 'stopped';
  #wakeTimer: NodeJS.Timeout | undefined;
  #sweepTimer: NodeJS.Timeout | undefined;
  #rebalanceTimer: NodeJS.Timeout | undefined;
  readonly #drained = Promise.withResolvers<void>();

  /** Throws on options that cannot work. Does nothing until `listen`. */
  constructor(options: BalancerOptions) {
    if (options.backends.length === 0) throw new Error('at least one backend is needed');
    if (options.follow === true && options.ca === undefined) throw new Error('to follow the masters needs their CA');
    this.#options = options;
    this.#policy = options.policy ?? defaults.policy;
    this.#logger = options.logger ?? pino({ enabled: false });
    this.#given = givenBackends(options.backends, options.listed, this.#logger);
    const backends = this.#given();
    this.#clients = new Clients(options.maxConnectionsPerClient ?? defaults.maxConnectionsPerClient);
    this.establish = {
      hedgeDelayMs: options.hedgeDelayMs ?? defaults.hedgeDelayMs,
      connectTimeoutMs: options.connectTimeoutMs ?? defaults.connectTimeoutMs,
      answerDelayMs: options.answerDelayMs ?? defaults.answerDelayMs,
      deadlineMs: options.establishTimeoutMs ?? defaults.establishTimeoutMs,
      roundPauseMs: 100,
      hedgeRetryMs: 25,
    };
    const checkTimeoutMs = options.checkTimeoutMs ?? defaults.checkTimeoutMs;
    const checkIntervalMs = options.checkIntervalMs ?? defaults.checkIntervalMs;
    const suspectTimeoutMs = options.suspectTimeoutMs ?? defaults.suspectTimeoutMs;
    const slowStartMs = options.slowStartMs ?? defaults.slowStartMs;
    const random = options.random ?? Math.random;
    this.#pool = createPool(
      { checkIntervalMs, checkTimeoutMs, suspectTimeoutMs, recheckMs, fall: 2, rise: 2, slowStartMs, random },
      backends,
      this.now(),
    );
    this.metrics = createMetrics(options.registry ?? new Registry(), {
      backends: () => this.#pool.backends,
      openBytes: () => this.#clients.bytes(),
    });
    const check =
      options.check ??
      createTlsCheck({
        path: options.healthPath ?? defaults.healthPath,
        serverName: options.serverName ?? defaults.serverName,
        ca: options.ca,
        resolver: this.#resolver,
        header: options.proxyProtocol === undefined ? undefined : proxyHeader(options.proxyProtocol, undefined),
      });
    this.#checks = new Checks(check, this.metrics, {
      report: (event) => this.#apply(event),
      heardAt: (backend) => this.#clients.heardAt(backend),
    });
    this.#listeners = new Listeners({
      listen: options.listen,
      reusePort: options.reusePort === true,
      logger: this.#logger,
      accept: (client) => this.#accept(client),
    });
  }

  /**
   * Starts the checks and accepts connections; resolves with the address that it listens on, throws if it cannot. When
   * the signal aborts it drains; `closed` resolves when that is done.
   */
  async listen(signal: AbortSignal): Promise<ListenAddress> {
    signal.throwIfAborted();
    const bound = await this.#listeners.open();
    this.#status = 'serving';
    this.#apply({ type: 'wake' });
    this.#sweepTimer = setInterval(() => this.#clients.sweep(this.now()), sweepMs);
    const rebalanceMs = this.#options.rebalanceMs ?? defaults.rebalanceMs;
    if (rebalanceMs > 0) this.#rebalanceTimer = setInterval(() => this.#rebalance(), rebalanceMs);
    // It ends with the signal, and failures are its own business.
    if (this.#options.follow === true || this.#options.listed !== undefined) void this.#follow(signal);
    const { peer } = this.#options;
    if (peer !== undefined) void this.#listeners.standInFor(peer, bound, signal);
    const drain = () => {
      this.#drain().then(this.#drained.resolve, this.#drained.reject);
    };
    if (signal.aborted) drain();
    else signal.addEventListener('abort', drain, { once: true });
    this.#logger.info({ ...bound, backends: this.#pool.backends.map(({ name }) => name) }, 'listening');
    return bound;
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
    return snapshotOf(this.#status, this.#policy, this.#pool, this.#clients, this.now());
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

  mayHedge(backend: string, cause: 'connect' | 'answer'): boolean {
    const down = this.#pool.backends.find(({ name }) => name === backend)?.health.kind === 'down';
    const granted = this.#clients.takeHedge(down);
    this.metrics[granted ? 'hedged' : 'hedgesRefused'].inc({ backend, cause });
    return granted;
  }

  header(client: Socket): Buffer | undefined {
    const { proxyProtocol } = this.#options;
    return proxyProtocol === undefined ? undefined : proxyHeader(proxyProtocol, endsOf(client));
  }

  onEstablished(connection: ClientConnection, backend: string, tookMs: number): void {
    this.#clients.established(connection);
    this.metrics.established.inc({ backend });
    this.metrics.establishSeconds.observe(tookMs / 1000);
    this.#apply({ type: 'connection-opened', backend });
  }

  onClosed(connection: ClientConnection, backend: string | undefined, reason: string): void {
    if (!this.#clients.remove(connection)) return;
    this.metrics.closed.inc({ cause: causeOf(reason) });
    this.metrics.countBytes(connection.bytesFromBackend, connection.bytesToBackend);
    this.#logger.debug({ backend, reason }, 'connection closed');
    if (backend !== undefined) this.#apply({ type: 'connection-closed', backend });
  }

  // The shell's own work.

  #accept(client: Socket): void {
    this.metrics.accepted.inc();
    if (!this.#clients.mayHaveMore(client.remoteAddress ?? '')) {
      this.metrics.rejected.inc();
      this.#logger.debug({ client: client.remoteAddress }, 'client has too many connections');
      reset(client);
      return;
    }
    const connection = new ClientConnection(client, this);
    this.#clients.add(connection);
    connection.start();
  }

  #follow(signal: AbortSignal): Promise<void> {
    const {
      follow,
      ca = '',
      serverName = defaults.serverName,
      followMs: intervalMs = defaults.followMs,
    } = this.#options;
    const askable = () => this.#pool.backends.filter(({ health }) => health.kind === 'up');
    return followMembers(
      {
        given: this.#given,
        endpoints: follow === true ? { askable, ca, serverName, intervalMs } : undefined,
        apply: (backends) => this.setBackends(backends),
        resolver: this.#resolver,
        logger: this.#logger,
      },
      signal,
    );
  }

  /** Moves at most one connection, of a client that will hardly notice. */
  #rebalance(): void {
    const backend = overfull(this.#pool, this.now());
    const moving = backend === undefined ? undefined : this.#clients.quietest(backend, this.now());
    if (moving === undefined) return;
    this.#logger.debug({ backend }, 'connection moved');
    moving.move(movedReason);
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
        this.#closeConnections(effect);
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

  #closeConnections({ backend, reason, inOrder }: PoolEffect & { type: 'close-connections' }): void {
    const count = inOrder ? this.#clients.leave(reason, backend) : this.#clients.close(reason, backend);
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

  async #drain(): Promise<void> {
    this.#status = 'draining';
    const drainMs = this.#options.drainMs ?? defaults.drainMs;
    this.#logger.info({ connections: this.#clients.size, drainMs }, 'draining');
    const closed = this.#listeners.close();
    clearInterval(this.#rebalanceTimer);
    if (this.#clients.size > 0) await this.#emptyOrAfter(drainMs);
    this.#clients.close('drain time is over');
    await closed;
    this.#status = 'stopped';
    clearTimeout(this.#wakeTimer);
    clearInterval(this.#sweepTimer);
    this.#checks.stop();
    this.#logger.info('stopped');
  }

  #emptyOrAfter(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#clients.onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

const movedReason = 'moved to a master with fewer connections';

/** A label of few values: the name of a backend does not belong in it. */
function causeOf(reason: string): string {
  const known = ['client closed', 'client failed', 'backend closed', 'backend failed', 'no backend available'];
  if (known.includes(reason)) return reason.replaceAll(' ', '-');
  if (reason === movedReason) return 'moved';
  return reason === 'drain time is over' ? 'drained' : 'backend-down';
}
