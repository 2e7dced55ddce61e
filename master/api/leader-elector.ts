/**
 * LeaderElector: the shell around `election.ts`. It watches the Lease (standbys do not poll), writes it, and runs the work of
 * a term between `lead` and `stepDown`.
 *
 * Guarantees: the term's client is fenced with the term's generation, so nothing that it writes after the loss of the lease
 * is applied; a clean exit tells the work to end and releases the lease a moment later at the latest, so that a standby takes over at
 * once; then it waits for the work.
 */
import type { Client } from './client.ts';
import { sleep } from './clock.ts';
import {
  checkTimings,
  type ElectionConfig,
  type ElectionEffect,
  type ElectionEvent,
  type ElectionState,
  initialElection,
  type LeaseRecord,
  step,
} from './election.ts';
import { isNotFound } from './errors.ts';
import { Informer } from './informer.ts';
import type { Logger } from './logging.ts';
import { nowMicros } from './meta.ts';
import { Takeover } from './takeover.ts';
import type { Lease } from './types.ts';

export interface LeaderElectorOptions {
  client: Client;
  namespace: string;
  /** The name of the Lease. */
  name: string;
  /** Unique to this process, also over its restarts. */
  identity: string;
  leaseDurationMs: number;
  renewDeadlineMs: number;
  retryPeriodMs: number;
  logger: Logger;
}

/** One stretch of leadership. */
export interface Term {
  readonly generation: number;
  /** The resourceVersion at which it began: all that earlier leaders wrote is older, for the fence refuses the rest. */
  readonly revision: string;
  /** Fenced: its writes are refused once another generation has begun. */
  readonly client: Client;
  /** Aborted when leadership is lost or given up. */
  readonly signal: AbortSignal;
  /**
   * Resolves when the watch of the Lease has come to `revision`, or the signal is aborted: what its API server sends to other watchers is
   * then as new as that, or on its way.
   */
  shown(signal: AbortSignal): Promise<void>;
  /** To be called when the work itself begins: it ends the part of a takeover that waits for caches. */
  begun(): void;
}

/** The work of a term: it returns soon after the term's signal is aborted. */
export type Lead = (term: Term) => Promise<void>;

/**
 * Whoever has led stays for so long after its lease has gone: the end of a process is work for its API server, which closes dozens of
 * watches, and a takeover that waits for a processor is a time in which nobody acts.
 */
const takeoverMs = 400;

export class LeaderElector {
  readonly #options: LeaderElectorOptions;
  readonly #config: ElectionConfig;
  /** How the last takeover by this process went. */
  readonly takeover: Takeover;
  #state: ElectionState = initialElection;
  readonly #leases: Informer<'leases'>;
  #lead: Lead | undefined;
  #term: AbortController | undefined;
  #wake: NodeJS.Timeout | undefined;
  #working: Promise<void> | undefined;
  #failure: unknown;
  #stopped = Promise.withResolvers<void>();

  constructor(options: LeaderElectorOptions) {
    checkTimings(options);
    this.#options = options;
    this.takeover = new Takeover(options.name, options.logger);
    const { client, namespace, name, logger } = options;
    this.#leases = new Informer(client, 'leases', { namespace, fieldSelector: `metadata.name=${name}`, logger });
    const { identity, leaseDurationMs, renewDeadlineMs, retryPeriodMs } = options;
    this.#config = { identity, leaseDurationMs, renewDeadlineMs, retryPeriodMs, random: Math.random };
  }

  /** Who leads, as far as this process knows. */
  leader(): { identity: string; isSelf: boolean; generation: number } {
    const { lease, role } = this.#state;
    // A process that was held up answers before it has noticed that its time is over.
    const inTime = role.name === 'leading' && performance.now() < role.renewedMs + this.#config.renewDeadlineMs;
    return {
      identity: lease?.holder ?? '',
      isSelf: inTime,
      generation: lease?.generation ?? 0,
    };
  }

  /** Takes part until the signal is aborted. Rejects only with what the work of a term threw. */
  async run(lead: Lead, signal: AbortSignal): Promise<void> {
    this.#lead = lead;
    const watching = new AbortController();
    const watched = this.#watch(watching.signal);
    const stop = (): void => this.#on({ type: 'stop' });
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      await this.#stopped.promise;
      if (this.#term) await sleep(takeoverMs);
    } finally {
      signal.removeEventListener('abort', stop);
      clearTimeout(this.#wake);
      watching.abort();
      await watched;
      // The lease may have gone first: what the work still writes is refused by the fence.
      await this.#working;
    }
    if (this.#failure) throw this.#failure;
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const informer = this.#leases;
    informer.addHandler({
      added: (lease) => this.#observe(lease),
      updated: (_, lease) => this.#observe(lease),
      deleted: () => this.#observe(undefined),
    });
    const running = informer.run(signal);
    await Promise.race([informer.synced, running]);
    if (informer.hasSynced && informer.list().length === 0) this.#observe(undefined);
    await running;
  }

  #observe(lease: Lease | undefined): void {
    this.#on({ type: 'observed', lease: lease ? recordOf(lease) : null });
  }

  #on(event: ElectionEvent): void {
    const { state, effects } = step(this.#state, event, performance.now(), this.#config);
    const before = this.#state;
    this.#state = state;
    if (state.lease?.holder !== before.lease?.holder) this.#logLeader(state.lease);
    for (const effect of effects) this.#carryOut(effect);
    if (state.role.name === 'stopped') this.#stopped.resolve();
  }

  #logLeader(lease: LeaseRecord | null | undefined): void {
    const { logger, name } = this.#options;
    logger.info({ lease: name, leader: lease?.holder ?? '', generation: lease?.generation }, 'leader seen');
  }

  #carryOut(effect: ElectionEffect): void {
    switch (effect.type) {
      case 'wake':
        clearTimeout(this.#wake);
        this.#wake = setTimeout(() => this.#on({ type: 'tick' }), Math.max(0, effect.atMs - performance.now()));
        break;
      case 'write':
        if (effect.purpose === 'acquire') this.takeover.acquiring(this.#state.observedMs);
        void this.#write(effect);
        break;
      case 'read':
        void this.#read();
        break;
      case 'lead':
        this.#working = this.#work(effect.generation);
        break;
      case 'stepDown':
        this.#options.logger.info({ lease: this.#options.name, reason: effect.reason }, 'stepping down');
        this.#term?.abort();
        break;
    }
  }

  /** With one server so short that a silent one leaves time to ask another before the renew deadline; with all, no longer than that. */
  #patience(): { timeoutMs: number; signal: AbortSignal } {
    const { renewDeadlineMs } = this.#options;
    return { timeoutMs: renewDeadlineMs / 3, signal: AbortSignal.timeout(renewDeadlineMs) };
  }

  async #work(generation: number): Promise<void> {
    const { client, namespace, name, logger } = this.#options;
    const term = new AbortController();
    this.#term = term;
    this.takeover.elected();
    logger.info({ lease: name, generation }, 'leading');
    try {
      const fenced = client.fenced({ namespace, lease: name, generation }, () => this.takeover.acted(generation));
      const begun = (): void => this.takeover.synced();
      const revision = this.#state.lease?.version ?? '0';
      const shown = (signal: AbortSignal): Promise<void> => this.#leases.reached(revision, signal);
      await this.#lead?.({ generation, revision, client: fenced, signal: term.signal, shown, begun });
      // A lead that ends by itself has given up its term.
      if (!term.signal.aborted) this.#on({ type: 'stop' });
    } catch (error) {
      this.#failure = error;
      this.#on({ type: 'stop' });
    }
    this.#on({ type: 'ended' });
  }

  async #write(effect: ElectionEffect & { type: 'write' }): Promise<void> {
    const { client, logger } = this.#options;
    // It compares a version, so it may be sent to one server after the other: at most one copy takes effect.
    const options = { ...this.#patience(), repeatable: true };
    try {
      const lease = this.#leaseFor(effect);
      const written =
        effect.expectedVersion === undefined
          ? await client.create('leases', lease, options)
          : await client.update('leases', lease, options);
      this.#on({ type: 'written', lease: recordOf(written) });
    } catch (error) {
      logger.debug({ err: error, purpose: effect.purpose }, 'the lease was not written');
      this.#on({ type: 'writeFailed' });
    }
  }

  async #read(): Promise<void> {
    const { client, namespace, name } = this.#options;
    try {
      this.#observe(await client.get('leases', { namespace, name }, this.#patience()));
    } catch (error) {
      if (isNotFound(error)) this.#observe(undefined);
      else {
        // Nothing was learnt; the next step tries again after its wait.
        await sleep(this.#options.retryPeriodMs);
        this.#on({ type: 'tick' });
      }
    }
  }

  #leaseFor({ purpose, holder, generation, expectedVersion }: ElectionEffect & { type: 'write' }): Lease {
    const { namespace, name, leaseDurationMs } = this.#options;
    const now = nowMicros();
    if (purpose === 'acquire') this.#acquireTime = now;
    return {
      metadata: { namespace, name, resourceVersion: expectedVersion },
      spec: {
        holderIdentity: holder,
        leaseDurationSeconds: purpose === 'release' ? 1 : Math.max(1, Math.ceil(leaseDurationMs / 1000)),
        acquireTime: this.#acquireTime,
        renewTime: now,
        leaseTransitions: generation,
      },
    };
  }

  #acquireTime = nowMicros();
}

function recordOf(lease: Lease): LeaseRecord {
  return {
    holder: lease.spec?.holderIdentity ?? '',
    generation: lease.spec?.leaseTransitions ?? 0,
    version: lease.metadata?.resourceVersion ?? '0',
  };
}
