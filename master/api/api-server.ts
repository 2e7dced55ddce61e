/**
 * One API server as a client sees it: its connections, its circuit breaker, and whether it is silent.
 *
 * A server that is paused or cut off keeps its connections open and says nothing: a watch of it would hang for ever. So when
 * nothing has come from a server for a while although something is asked of it, it is asked for its health; when that is not
 * answered either, all its connections are cut, which every request and watch on them notices at once. Traffic costs nothing:
 * what counts is the bytes that its sockets have received.
 */

import { Socket } from 'node:net';
import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
} from 'cockatiel';
import { buildConnector, type Dispatcher, Pool } from 'undici';

/** Silence after which a server is asked whether it is there, and how long it may take to answer. */
const quietMs = 1_000;
const answerMs = 1_000;
/** The same after a request was not answered in its time, while nothing else came from the server. */
const doubtful = { quietMs: 400, answerMs: 600 } as const;
const lookEveryMs = 250;
/** Looks that come so late are due to a pause of this process: what seems silence may be the answers that it has yet to read. */
const lateMs = 500;
/** A lost SYN is sent again after one second. */
const connectTimeoutMs = 1_500;
/** How long a failing server is left alone before it is tried again, with a question of no importance. */
const recoveryMs = 1_000;

export interface ServerOptions {
  readonly url: string;
  readonly tls: buildConnector.BuildOptions;
  /** Whether a failure speaks against the server. */
  readonly isFault: (error: unknown) => boolean;
}

export class ApiServer {
  readonly url: string;
  readonly #pool: Pool;
  readonly #breaker: CircuitBreakerPolicy;
  readonly #sockets = new Set<Socket>();
  /** Those whose connection is not made yet, so that nothing was sent on them. */
  readonly #unmade = new Set<Socket>();
  /** Held while the server was found silent and has not answered since. */
  #silenced: { dispose(): void } | undefined;
  /** A request was not answered in time, and nothing has come from the server since. */
  #isDoubtful = false;
  /** Bytes that sockets which are closed by now have received: their end is no news from the server. */
  #receivedBefore = 0;
  #received = 0;
  #heardMs = performance.now();
  #lookedMs = performance.now();
  #failingSinceMs = 0;
  #asking = false;
  #look: NodeJS.Timeout | undefined;

  constructor({ url, tls, isFault }: ServerOptions) {
    this.url = url;
    const connect = buildConnector({ timeout: connectTimeoutMs, ...tls });
    this.#pool = new Pool(url, {
      connect: (options, callback) => {
        // It gives the socket that it has begun to connect, although its type does not say so.
        const begun: unknown = connect(options, (...result) => {
          const [, socket] = result;
          if (socket) this.#keep(socket);
          callback(...result);
        });
        if (begun instanceof Socket) this.#connecting(begun);
      },
      bodyTimeout: 0,
      keepAliveTimeout: 30_000,
      connections: null,
    });
    // Who has only this server, and nobody to look after it, learns of silence by its requests alone.
    const counts = (error: unknown): boolean => isFault(error) && !(error instanceof NoAnswer && this.#look);
    this.#breaker = circuitBreaker(handleWhen(counts), {
      halfOpenAfter: recoveryMs,
      breaker: new ConsecutiveBreaker(2),
    });
  }

  get isFailing(): boolean {
    return this.#breaker.state !== CircuitState.Closed;
  }

  /** How much speaks for asking another server first: nothing (0), a doubt, or that it is failing. */
  get trouble(): number {
    if (this.isFailing) return 2;
    return this.#isDoubtful ? 1 : 0;
  }

  /** `judge` throws for an answer that is an error. Throws BrokenCircuitError when the server is known to be failing. */
  request<T>(
    request: Dispatcher.RequestOptions,
    timeoutMs: number,
    judge: (answer: Dispatcher.ResponseData) => Promise<T>,
  ): Promise<T> {
    // Somebody else is trying whether it is back; what can be asked elsewhere does not wait for the outcome.
    if (this.#look && this.#breaker.state === CircuitState.HalfOpen) return Promise.reject(new BrokenCircuitError());
    return this.#breaker.execute(async () => judge(await this.#send(request, timeoutMs)));
  }

  /** Looks after this server from now on: for clients that have others to turn to. */
  watchOver(): void {
    if (this.#look) return;
    this.#lookedMs = this.#heardMs = performance.now();
    this.#look = setInterval(() => this.#lookAgain(), lookEveryMs).unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#look);
    await this.#pool.destroy();
  }

  /** The time-out covers the way there as well: a server that is cut off does not even take a connection. */
  async #send(request: Dispatcher.RequestOptions, timeoutMs: number): Promise<Dispatcher.ResponseData> {
    const giveUp = new AbortController();
    const timer = setTimeout(
      () => giveUp.abort(new NoAnswer(`no answer within ${Math.round(timeoutMs)} ms`)),
      timeoutMs,
    );
    const { signal } = request;
    const either = signal instanceof AbortSignal ? AbortSignal.any([giveUp.signal, signal]) : giveUp.signal;
    const answered = this.#pool.request({ ...request, signal: either, headersTimeout: 0 });
    try {
      // The pool itself looks at the signal only once there is a connection.
      const answer = await Promise.race([answered, whenAborted(either)]);
      this.#isDoubtful = false;
      return answer;
    } catch (error) {
      if (error instanceof NoAnswer) {
        this.#isDoubtful = true;
        if (this.#look) this.#lookAgain();
      }
      throw error;
    } finally {
      clearTimeout(timer);
      answered.catch(() => {});
    }
  }

  #connecting(socket: Socket): void {
    this.#unmade.add(socket);
    socket.once('close', () => this.#unmade.delete(socket));
  }

  #keep(socket: Socket): void {
    this.#unmade.delete(socket);
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#receivedBefore += socket.bytesRead;
    });
  }

  #lookAgain(): void {
    const now = performance.now();
    const late = now - this.#lookedMs > lookEveryMs + lateMs;
    this.#lookedMs = now;
    const received = this.#sockets.values().reduce((sum, socket) => sum + socket.bytesRead, this.#receivedBefore);
    const hears = received > this.#received;
    const waits = this.#pool.stats.running > 0 || this.#pool.stats.pending > 0;
    if (hears) this.#isDoubtful = false;
    if (hears || late || !waits) this.#heardMs = now;
    this.#received = received;
    if (!this.isFailing) this.#failingSinceMs = now;
    const patienceMs = this.#isDoubtful ? doubtful.quietMs : quietMs;
    const isDue = this.isFailing ? now - this.#failingSinceMs >= recoveryMs : now - this.#heardMs >= patienceMs;
    if (isDue && !this.#asking) void this.#ask();
  }

  async #ask(): Promise<void> {
    this.#asking = true;
    const askedMs = performance.now();
    const withinMs = this.#isDoubtful ? doubtful.answerMs : answerMs;
    try {
      await (this.#silenced ? this.#health(withinMs) : this.#breaker.execute(() => this.#health(withinMs)));
      this.#silenced?.dispose();
      this.#silenced = undefined;
    } catch (error) {
      this.#failingSinceMs = performance.now();
      const paused = performance.now() - askedMs > withinMs + lateMs;
      const isSilent = !(error instanceof BrokenCircuitError) && !paused && this.#heardMs < askedMs;
      if (isSilent && !this.#silenced) this.#silence();
    } finally {
      this.#asking = false;
    }
  }

  async #health(withinMs: number): Promise<void> {
    const { statusCode, body } = await this.#send({ method: 'GET', path: '/readyz' }, withinMs);
    // Whatever it says, it is not silent.
    this.#heardMs = performance.now();
    await body.dump();
    if (statusCode >= 500) throw new Error(`${this.url} is not ready`);
  }

  #silence(): void {
    this.#silenced = this.#breaker.isolate();
    const reason = `${this.url} is silent`;
    for (const socket of this.#sockets) socket.destroy(new NoAnswer(reason));
    for (const socket of this.#unmade) socket.destroy(new NotConnected(reason));
  }
}

function whenAborted(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  if (signal.aborted) reject(signal.reason);
  else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  return promise;
}

/** A server did not answer in time; whether it got the request is not known. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

/** A server did not even take the connection, so it certainly did not get the request. */
export class NotConnected extends NoAnswer {}
