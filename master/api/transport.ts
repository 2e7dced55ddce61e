/**
 * How a client reaches the API servers: several base URLs in order of preference (see `api-server.ts` for one of them). A
 * request goes to the first server that is not known to be failing, and on to the next one when the server could not be reached.
 *
 * Guarantees: a write is sent to a second server only when the first one certainly did not get it, or when its caller says
 * that this does no harm; otherwise the caller is told with `maybeApplied`. No request and no watch waits for a silent server for
 * longer than a few seconds while there is another. It does not follow redirects and does not throttle.
 */
import { BrokenCircuitError } from 'cockatiel';
import type { Dispatcher } from 'undici';
import { ApiServer, NotConnected } from './api-server.ts';
import { sleep } from './clock.ts';
import type { ClientConfig } from './config.ts';
import { isStatusError, StatusError } from './errors.ts';
import type { Status } from './types.ts';

export interface ApiRequest {
  method: string;
  /** Path with its query. */
  path: string;
  body?: string | Buffer;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** How long to wait for the answer's headers from one server. */
  timeoutMs?: number;
  /** A write that takes effect at most once however often it is sent, since it compares what it replaces. */
  repeatable?: boolean;
}

/** No API server answered. */
export class ApiUnreachable extends Error {
  override readonly name = 'ApiUnreachable';
  /** True when a server may have carried the request out although its answer never came. */
  readonly maybeApplied: boolean;

  constructor(message: string, maybeApplied: boolean, options?: ErrorOptions) {
    super(message, options);
    this.maybeApplied = maybeApplied;
  }
}

const defaultTimeoutMs = 10_000;
/** How often one request is tried again because servers ask for patience (429, 503 with Retry-After). */
const patientTries = 5;
/** Errors after which the server certainly got nothing. */
const neverSent = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

export class Transport {
  #servers: readonly ApiServer[];
  readonly #newServer: (url: string) => ApiServer;
  readonly #headers: Record<string, string>;
  readonly #timeoutMs: number;

  constructor(config: ClientConfig, options: { userAgent?: string; timeoutMs?: number } = {}) {
    if (config.servers.length === 0) throw new Error('a client needs at least one API server');
    const { ca, cert, key, serverName: servername } = config;
    const tls = { ca, cert, key, servername };
    this.#newServer = (url) => new ApiServer({ url, tls, isFault: isServersFault });
    this.#servers = watchedOver(config.servers.map(this.#newServer));
    this.#headers = { 'user-agent': options.userAgent ?? 'trimaster', accept: 'application/json' };
    if (config.token) this.#headers.authorization = `Bearer ${config.token}`;
    this.#timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  }

  /**
   * The answer of the first server that gives one; its status is below 400.
   * Throws a StatusError for an answer that is an error, and ApiUnreachable.
   */
  async send(request: ApiRequest): Promise<Dispatcher.ResponseData> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#sendToAny(request);
      } catch (error) {
        const patient = isStatusError(error) && error.retryable && tries < patientTries;
        if (!patient) throw error;
        await sleep((error.retryAfterSeconds ?? 1) * 1000 * (0.5 + Math.random() / 2), request.signal);
        request.signal?.throwIfAborted();
      }
    }
  }

  /** Replaces the servers, the preferred first. Connections to one that is no longer among them end, also those of running watches. */
  async setServers(urls: readonly string[]): Promise<void> {
    if (urls.length === 0) throw new Error('a client needs at least one API server');
    const before = this.#servers;
    const known = new Map(before.map((server) => [server.url, server]));
    this.#servers = watchedOver(urls.map((url) => known.get(url) ?? this.#newServer(url)));
    const gone = before.filter((server) => !this.#servers.includes(server));
    await Promise.all(gone.map((server) => server.close()));
  }

  get urls(): readonly string[] {
    return this.#servers.map(({ url }) => url);
  }

  /** Ends all connections, also those of running watches. */
  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()));
  }

  async #sendToAny(request: ApiRequest): Promise<Dispatcher.ResponseData> {
    const failures: string[] = [];
    let lastError: unknown;
    for (const server of this.#inOrder()) {
      try {
        return await this.#sendTo(server, request);
      } catch (error) {
        if (error instanceof BrokenCircuitError) {
          failures.push(`${server.url}: known to be failing`);
          continue;
        }
        request.signal?.throwIfAborted();
        if (!isServersFault(error)) throw error;
        const sent = !(neverSent.has(codeOf(error)) || error instanceof NotConnected || isStatusError(error));
        if (sent && request.method !== 'GET' && !request.repeatable) {
          throw new ApiUnreachable(`${server.url} did not answer: ${describe(error)}`, true, { cause: error });
        }
        failures.push(`${server.url}: ${describe(error)}`);
        lastError = error;
      }
    }
    if (isStatusError(lastError)) throw lastError;
    throw new ApiUnreachable(`no API server answered (${failures.join('; ')})`, false, { cause: lastError });
  }

  /** Those that work first, in the order of preference; those that are in trouble are asked when the others do not answer. */
  #inOrder(): readonly ApiServer[] {
    return this.#servers.toSorted((a, b) => a.trouble - b.trouble);
  }

  async #sendTo(server: ApiServer, request: ApiRequest): Promise<Dispatcher.ResponseData> {
    return server.request(
      {
        method: request.method as Dispatcher.HttpMethod,
        path: request.path,
        headers: { ...this.#headers, ...request.headers },
        body: request.body ?? null,
        signal: request.signal ?? null,
      },
      request.timeoutMs ?? this.#timeoutMs,
      (answer) => judged(answer, request),
    );
  }
}

/** With one server there is nothing to turn to: what stands before it, a balancer, finds another and cuts the connection. */
function watchedOver(servers: readonly ApiServer[]): readonly ApiServer[] {
  if (servers.length > 1) for (const server of servers) server.watchOver();
  return servers;
}

async function judged(answer: Dispatcher.ResponseData, request: ApiRequest): Promise<Dispatcher.ResponseData> {
  if (answer.statusCode < 400) return answer;
  throw await errorOf(answer, request);
}

/** The error that an answer of 400 and above stands for. */
async function errorOf(answer: Dispatcher.ResponseData, request: ApiRequest): Promise<StatusError> {
  const text = await answer.body.text();
  const status = parseStatus(text) ?? {
    kind: 'Status',
    status: 'Failure',
    code: answer.statusCode,
    message: `${request.method} ${request.path}: ${answer.statusCode} ${text.slice(0, 200)}`,
  };
  const retryAfter = Number(answer.headers['retry-after']);
  if (Number.isFinite(retryAfter) && status.details?.retryAfterSeconds === undefined) {
    status.details = { ...status.details, retryAfterSeconds: retryAfter };
  }
  return new StatusError({ ...status, code: status.code ?? answer.statusCode });
}

function parseStatus(text: string): Status | undefined {
  try {
    const value: Status | null = JSON.parse(text);
    return value?.kind === 'Status' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the failure speaks against this server, so that another one is worth asking. */
function isServersFault(error: unknown): boolean {
  if (isStatusError(error)) return error.code === 503;
  return !(error instanceof Error && error.name === 'AbortError');
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

function describe(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return describe(error.errors[0]);
  return error instanceof Error ? error.message || codeOf(error) : String(error);
}
