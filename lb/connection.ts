/**
 * One client's connection: the thin shell around `core/establish.ts` (sockets, one timer), then the relay.
 *
 * The client's bytes are read and kept until a backend has won; then they belong to the relay.
 */
import type { OnReadOpts, Socket } from 'node:net';
import { AttemptFailed, AttemptUnneeded, BrokenCircuitError } from './breaker.ts';
import {
  type EstablishConfig,
  type EstablishEffect,
  type EstablishEvent,
  type EstablishState,
  type EstablishStep,
  nextWake,
  startEstablish,
  step,
} from './core/establish.ts';
import { Traffic } from './core/traffic.ts';
import { type Activity, adopt, Channel, type Receiver, type RelayEnd, relay, reset } from './relay.ts';

/** What a connection needs from the balancer. */
export interface ConnectionHost {
  readonly establish: EstablishConfig;
  now(): number;
  /** The backends to try, best first. */
  rank(): readonly string[];
  dial(backend: string, onread: OnReadOpts): Socket;
  /** Runs an attempt in the backend's circuit breaker; rejects without running it when that is open. */
  guard(backend: string, attempt: () => Promise<void>): Promise<void>;
  /** A sign of trouble with a backend, from the traffic. */
  suspect(backend: string, weight: 'hint' | 'failure'): void;
  onAttemptFailed(backend: string, reason: string): void;
  /** Whether another backend may be called in beside this one, which is slow. */
  mayHedge(backend: string, cause: 'connect' | 'answer'): boolean;
  /** What a backend gets before the client's bytes. */
  header(client: Socket): Buffer | undefined;
  onEstablished(connection: ClientConnection, backend: string, tookMs: number): void;
  /** Once for each connection; `backend` is undefined if none was ever found. */
  onClosed(connection: ClientConnection, backend: string | undefined, reason: string): void;
}

interface Dialled {
  readonly backend: string;
  upstream: Channel | undefined;
  helloSent: boolean;
  /** Settles the attempt in the backend's breaker. */
  readonly outcome: PromiseWithResolvers<void>;
}

/** More than this is no hello; reading waits then. */
const helloLimitBytes = 64 * 1024;

/** How long a connection that is moved may take to end by itself. */
const lingerMs = 1_000;
/**
 * Whoever has only just connected has a request to make, however long a busy machine takes from the handshake to it; a master that
 * shuts down ends the connection with its answer.
 */
const newMs = lingerMs;

/**
 * A peer that has vanished without a word is found within five seconds: the first probe after two, then one a second, and
 * the third that stays without an answer ends the connection. Probes are sent while nothing is on its way; bytes that
 * nobody acknowledges are the kernel's to give up (`net.ipv4.tcp_retries2`), since Node sets no TCP_USER_TIMEOUT.
 */
const probes = { enable: true, initialDelay: 2_000, interval: 1_000, count: 3 };

function probe(socket: Socket): void {
  if (!socket.destroyed) socket.setKeepAlive(probes);
}

export class ClientConnection {
  /** The client's. */
  readonly address: string;
  readonly #client: Channel;
  readonly #header: Buffer | undefined;
  readonly #host: ConnectionHost;
  readonly #startedAt: number;
  readonly #attempts = new Map<number, Dialled>();
  #state: EstablishState;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #hello: Buffer[] = [];
  #helloBytes = 0;
  #clientEnded = false;
  #closed = false;
  #backend: string | undefined;
  #upstream: Socket | undefined;
  readonly #activity: Activity = { unanswered: false };
  #lingerTimer: NodeJS.Timeout | undefined;
  /** Why it is being moved, if it is. */
  #moving: string | undefined;
  /** Why it is to be moved as soon as the client has its answer. */
  #leaving: string | undefined;
  #hedges = 0;
  readonly #traffic: Traffic;

  /** `accepted`: a connection of which nothing was read yet. */
  constructor(accepted: Socket, host: ConnectionHost) {
    this.#client = new Channel(
      (onread) => adopt(accepted, onread),
      (bytes) => this.#onClientBytes(bytes),
    );
    this.address = this.#client.socket.remoteAddress ?? '';
    this.#host = host;
    this.#header = host.header(this.#client.socket);
    this.#startedAt = host.now();
    this.#traffic = new Traffic(this.#startedAt);
    this.#state = startEstablish(host.establish, this.#startedAt);
  }

  /** Begins to look for a backend. */
  start(): void {
    const { socket } = this.#client;
    probe(socket);
    socket.on('end', this.#onClientEnd);
    socket.on('error', this.#onClientGone);
    socket.on('close', this.#onClientGone);
    this.#carryOut({ state: this.#state, effects: [{ type: 'rank' }] });
  }

  /** The backend that this client is connected to. */
  get backend(): string | undefined {
    return this.#backend;
  }

  get bytesFromBackend(): number {
    return this.#upstream?.bytesRead ?? 0;
  }

  get bytesToBackend(): number {
    return this.#upstream?.bytesWritten ?? 0;
  }

  /** When the backend's last bytes came, as the last sweep saw it. */
  get heardAt(): number {
    return this.#traffic.heardAt;
  }

  /** The client has sent something since the backend last did: it may be waiting for an answer. */
  get unanswered(): boolean {
    return this.#activity.unanswered;
  }

  /** When bytes last came from either side, as the last sweep saw it. */
  get activeAt(): number {
    return this.#traffic.activeAt;
  }

  /** How many second tries it was granted since this was asked. */
  takeHedges(): number {
    const hedges = this.#hedges;
    this.#hedges = 0;
    return hedges;
  }

  /**
   * Has a client that is quiet connect anew: both sides get what is on its way and an end, and what is left after a moment
   * is closed.
   */
  move(reason: string): void {
    if (this.#closed || this.#moving !== undefined || this.#upstream === undefined) return;
    this.#moving = reason;
    this.#client.socket.end();
    this.#upstream.end();
    clearTimeout(this.#lingerTimer);
    this.#lingerTimer = setTimeout(() => this.close(reason), lingerMs);
  }

  /**
   * The same for a client that may wait for an answer, or have just come: it gets it first, if it comes within that moment
   * and is not overdue.
   */
  leave(reason: string): void {
    if (this.#closed || this.#leaving !== undefined) return;
    const now = this.#host.now();
    if (this.#mayLeave(now)) {
      this.move(reason);
      return;
    }
    this.#leaving = reason;
    const waitMs = Math.min(lingerMs, this.#traffic.worthWaitingMs(now));
    this.#lingerTimer ??= setTimeout(() => (this.unanswered ? this.close(reason) : this.move(reason)), waitMs);
  }

  /** Closes both sides at once. */
  close(reason: string): void {
    if (this.#closed) return;
    // Reset, so that the client does not take a cut answer for a whole one.
    reset(this.#client.socket);
    this.#upstream?.destroy();
    this.#end(reason);
  }

  /** Called a few times a second: has a backend checked that keeps the client waiting, and lets a client go that has its answer. */
  sweep(now: number): void {
    if (this.#upstream === undefined || this.#backend === undefined) return;
    const { unanswered } = this.#activity;
    const mustCheck = this.#traffic.look(now, { read: this.bytesFromBackend, sent: this.bytesToBackend, unanswered });
    // Nothing has come since the last look, either: the answer is whole.
    if (this.#leaving !== undefined && this.#mayLeave(now) && now > this.activeAt) this.move(this.#leaving);
    if (mustCheck) this.#host.suspect(this.#backend, 'hint');
  }

  /** Nothing is under way on it, nor about to be. */
  #mayLeave(now: number): boolean {
    return !this.#activity.unanswered && now - this.#startedAt >= newMs;
  }

  #event(event: EstablishEvent): void {
    if (this.#closed) return;
    this.#carryOut(step(this.#state, event, this.#host.now()));
  }

  #carryOut({ state, effects }: EstablishStep): void {
    this.#state = state;
    for (const effect of effects) {
      if (this.#closed) return;
      this.#perform(effect);
    }
    this.#schedule();
  }

  #perform(effect: EstablishEffect): void {
    switch (effect.type) {
      case 'rank':
        this.#event({ type: 'candidates', order: this.#host.rank() });
        break;
      case 'dial':
        this.#dial(effect.id, effect.backend);
        break;
      case 'send-hello':
        this.#sendHello(effect.id);
        break;
      case 'abandon':
        this.#abandon(effect.id, effect.reason);
        break;
      case 'slow':
        this.#host.suspect(effect.backend, 'failure');
        break;
      case 'may-hedge': {
        this.#host.suspect(effect.backend, 'failure');
        const granted = this.#host.mayHedge(effect.backend, effect.cause);
        if (granted) this.#hedges++;
        this.#event({ type: 'hedge', id: effect.id, granted });
        break;
      }
      case 'win':
        this.#win(effect.id);
        break;
      case 'give-up':
        this.close('no backend available');
        break;
      default:
        effect satisfies never;
    }
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    const wakeAt = this.#closed ? undefined : nextWake(this.#state);
    if (wakeAt === undefined) return;
    this.#timer = setTimeout(this.#onTimer, Math.max(0, wakeAt - this.#host.now()));
  }

  // Sockets are read between a timer and an immediate: after a hold-up of this process, an answer that is already there
  // comes before the verdict that there is none.
  readonly #onTimer = () => {
    this.#immediate = setImmediate(() => this.#event({ type: 'wake' }));
  };

  #dial(id: number, backend: string): void {
    const dialled: Dialled = {
      backend,
      upstream: undefined,
      helloSent: false,
      outcome: Promise.withResolvers<void>(),
    };
    // An attempt that is dropped before the breaker let it begin has nobody who waits for its outcome.
    dialled.outcome.promise.catch(() => {});
    this.#attempts.set(id, dialled);
    const attempt = () => {
      if (this.#attempts.get(id) === dialled) this.#open(id, dialled);
      return dialled.outcome.promise;
    };
    this.#host.guard(backend, attempt).catch((error: unknown) => {
      if (error instanceof AttemptUnneeded) return;
      this.#host.onAttemptFailed(backend, reasonOf(error));
      this.#attempts.delete(id);
      this.#event({ type: 'failed', id });
    });
  }

  #open(id: number, dialled: Dialled): void {
    const upstream = new Channel(
      (onread) => this.#host.dial(dialled.backend, onread),
      (bytes) => this.#onFirstAnswer(id, bytes),
    );
    dialled.upstream = upstream;
    const { socket } = upstream;
    socket.on('connect', () => {
      probe(socket);
      if (this.#header !== undefined) socket.write(this.#header);
      this.#event({ type: 'connected', id });
    });
    const lost = (reason: string) => {
      if (this.#attempts.get(id) !== dialled || this.#backend !== undefined) return;
      this.#host.suspect(dialled.backend, 'failure');
      socket.destroy();
      dialled.outcome.reject(new AttemptFailed(reason));
    };
    socket.on('error', (error) => lost('code' in error ? String(error.code) : 'error'));
    socket.on('end', () => lost('ended'));
    socket.on('close', () => lost('closed'));
  }

  #sendHello(id: number): void {
    const dialled = this.#attempts.get(id);
    if (dialled?.upstream === undefined || dialled.helloSent) return;
    dialled.helloSent = true;
    for (const bytes of this.#hello) dialled.upstream.socket.write(bytes);
  }

  #abandon(id: number, reason: 'unneeded' | 'connect-timeout' | 'no-answer'): void {
    const dialled = this.#attempts.get(id);
    if (dialled === undefined) return;
    this.#attempts.delete(id);
    if (dialled.upstream !== undefined) reset(dialled.upstream.socket);
    if (reason === 'unneeded') {
      dialled.outcome.reject(new AttemptUnneeded());
      return;
    }
    dialled.outcome.reject(new AttemptFailed(reason));
  }

  /** The first bytes of an attempt: it wins, and the relay, which is in place when `#event` returns, takes them. */
  #onFirstAnswer(id: number, bytes: Buffer): ReturnType<Receiver> {
    this.#event({ type: 'answered', id });
    const winner = this.#attempts.get(id)?.upstream;
    return winner === undefined || this.#closed ? 'used' : winner.receive(bytes);
  }

  #win(id: number): void {
    const dialled = this.#attempts.get(id);
    if (dialled?.upstream === undefined) throw new Error('invariant: the winner of a client has a socket');
    this.#sendHello(id);
    this.#hello = [];
    this.#backend = dialled.backend;
    this.#upstream = dialled.upstream.socket;
    dialled.outcome.resolve();
    const { socket } = this.#client;
    socket.off('end', this.#onClientEnd);
    socket.off('error', this.#onClientGone);
    socket.off('close', this.#onClientGone);
    relay(this.#client, dialled.upstream, this.#activity, (end) => this.#onRelayEnd(end));
    this.#upstream.once('end', this.#onBackendEnd);
    this.#client.resume();
    if (this.#clientEnded) this.#upstream.end();
    this.#host.onEstablished(this, dialled.backend, this.#host.now() - this.#startedAt);
  }

  /**
   * The backend has ended the connection. A master that leaves a client's bytes unanswered thereby is probably dead: the client is
   * told now and comes again in a moment, and is not to be sent there.
   */
  readonly #onBackendEnd = () => {
    if (this.#moving !== undefined || this.#backend === undefined) return;
    this.#host.suspect(this.#backend, this.#activity.unanswered ? 'failure' : 'hint');
  };

  #onRelayEnd(end: RelayEnd): void {
    if (this.#moving !== undefined) {
      this.#end(this.#moving);
      return;
    }
    if (end.by === 'backend' && end.error !== undefined && this.#backend !== undefined) {
      this.#host.suspect(this.#backend, 'failure');
    }
    this.#end(`${end.by} ${end.error === undefined ? 'closed' : 'failed'}`);
  }

  /** Bytes before a backend has won: they are copied and kept. */
  #onClientBytes(read: Buffer): ReturnType<Receiver> {
    const bytes = Buffer.from(read);
    this.#hello.push(bytes);
    this.#helloBytes += bytes.length;
    for (const { helloSent, upstream } of this.#attempts.values()) {
      if (helloSent) upstream?.socket.write(bytes);
    }
    this.#event({ type: 'hello', replayable: isTlsHandshake(bytes) });
    return this.#helloBytes > helloLimitBytes && this.#backend === undefined ? 'used, wait' : 'used';
  }

  readonly #onClientEnd = () => {
    this.#clientEnded = true;
    if (this.#helloBytes === 0) this.close('client closed');
  };

  readonly #onClientGone = () => this.close('client closed');

  #end(reason: string): void {
    this.#closed = true;
    clearTimeout(this.#lingerTimer);
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    if (this.#backend === undefined) for (const id of [...this.#attempts.keys()]) this.#abandon(id, 'unneeded');
    this.#attempts.clear();
    this.#hello = [];
    this.#host.onClosed(this, this.#backend, reason);
  }
}

/** A label of few values: what went wrong with an attempt. */
function reasonOf(error: unknown): string {
  if (error instanceof AttemptFailed) return error.message;
  return error instanceof BrokenCircuitError ? 'breaker-open' : 'error';
}

/**
 * A TLS record of a handshake (RFC 8446, 5.1). Such a first flight may be sent to two masters: without early data, which
 * Node's TLS servers do not take, it changes nothing there.
 */
function isTlsHandshake(bytes: Buffer): boolean {
  return bytes[0] === 22 && (bytes.length === 1 || bytes[1] === 3);
}
