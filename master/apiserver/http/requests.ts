/**
 * One request's way: request info → authenticate → impersonate → authorize → route → answer. Whatever is thrown on the way comes out of
 * here as a rejection, and becomes a Status in one place (server.ts).
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isStatusError, methodNotAllowed, pathNotFound, timeout } from '../../api/errors.ts';
import type { AuditRecord, AuditTrail } from '../audit/trail.ts';
import type { Authenticator, Credentials } from '../auth/authenticate.ts';
import { type Authorizer, refusal } from '../auth/authorize.ts';
import { impersonate, impersonates } from '../auth/impersonate.ts';
import type { Executing } from '../flowcontrol/dumps.ts';
import { distinguisherOf, type FlowControl, type Ticket } from '../flowcontrol/flow-control.ts';
import type { UserInfo } from '../registry/context.ts';
import { type Exchange, type Handler, tlsSocketOf } from './exchange.ts';
import type { ServerMetrics } from './metrics.ts';
import { clientAddress } from './proxy-protocol.ts';
import { parseRequest, type RequestInfo } from './request-info.ts';
import { type Answer, sendError } from './respond.ts';

export interface RequestsOptions {
  readonly authenticate: Authenticator;
  readonly authorizer: Authorizer;
  /** Resolves true when what was refused is to be judged again. */
  readonly secondThoughts?: ((user: UserInfo) => Promise<boolean>) | undefined;
  /** Requests on resources. */
  readonly resources: Handler;
  /** Whether the group, version and resource are served: what is not is refused as unknown before anything else. */
  readonly serves: (info: RequestInfo) => boolean;
  /** All other paths. */
  readonly paths: Pick<ReadonlyMap<string, Handler>, 'get' | 'has'>;
  /** `<resource>/<subresource>` of those that may stay open for long. */
  readonly streams: ReadonlySet<string>;
  readonly metrics: ServerMetrics;
  /** What a request that is no stream may take. */
  readonly requestTimeoutMs: number;
  /** Given: requests are recorded as its policy says. */
  readonly audit?: AuditTrail | undefined;
  readonly flow: FlowControl;
}

interface Flight {
  readonly response: Answer;
  readonly abort: AbortController;
  /** Milliseconds, on the clock of `performance.now`. */
  readonly deadline: number;
  readonly info: RequestInfo;
  /** Milliseconds, on the same clock. */
  readonly startedAt: number;
  record?: AuditRecord | undefined;
  ticket?: Ticket | undefined;
  /** Whose the ticket is. */
  user?: UserInfo | undefined;
}

/** Whose credentials say nothing. */
const nobody: UserInfo = { name: '', groups: [] };

export class Requests {
  readonly #options: RequestsOptions;
  readonly #inFlight = new Set<Flight>();
  #draining = false;

  constructor(options: RequestsOptions) {
    this.#options = options;
  }

  /** Answers a request, or rejects with what went wrong. */
  readonly handle = async (request: IncomingMessage, response: Answer): Promise<void> => {
    const { metrics, serves, paths, authenticate, audit } = this.#options;
    const info = parseRequest(request.method ?? 'GET', request.url ?? '/');
    const startedAt = performance.now();
    const abort = new AbortController();
    const deadline = this.#isStream(info) ? Number.POSITIVE_INFINITY : startedAt + this.#options.requestTimeoutMs;
    const flight: Flight = { response, abort, deadline, info, startedAt };
    response.auditId = auditIdOf(request);
    // Answers that are not written by respond.ts.
    if (!info.isResource || deadline === Number.POSITIVE_INFINITY) response.setHeader('Audit-Id', response.auditId);
    const known = info.isResource ? serves(info) : paths.has(normal(info.path));

    this.#inFlight.add(flight);
    metrics.begin(info);
    response.on('close', () => {
      this.#inFlight.delete(flight);
      if (!response.writableFinished) abort.abort();
      metrics.end(info, response.statusCode, (performance.now() - startedAt) / 1000, known);
      flight.ticket?.leave();
      flight.record?.stage('ResponseComplete', response.statusCode);
    });
    // Its client shall come back over another connection, to a server that stays.
    if (this.#draining) response.shouldKeepAlive = false;

    const credentials = { connection: tlsSocketOf(request), request, authorization: request.headers.authorization };
    if (audit) return this.#recorded(audit, request, response, info, flight, credentials);
    const who = authenticate(credentials);
    const asker: UserInfo = who instanceof Promise ? await who : who;
    return this.#serve(request, response, info, flight, asker);
  };

  #serve(
    request: IncomingMessage,
    response: Answer,
    info: RequestInfo,
    flight: Flight,
    asker: UserInfo,
  ): void | Promise<void> {
    const { authorizer, flow } = this.#options;
    let user = asker;
    if (impersonates(request)) {
      const impersonated = impersonate(asker, request.headersDistinct, info, authorizer);
      flight.record?.impersonating(impersonated);
      user = impersonated.user;
    }
    if (info.verb !== 'watch' && flight.deadline === Number.POSITIVE_INFINITY) {
      return this.#route(request, response, info, flight, user);
    }
    const ticket = flow.admit(user, info, flight.abort.signal);
    if (ticket instanceof Promise) return this.#afterWaiting(ticket, request, response, info, flight, user);
    this.#seat(response, flight, user, ticket);
    return this.#route(request, response, info, flight, user);
  }

  async #afterWaiting(
    waiting: Promise<Ticket>,
    request: IncomingMessage,
    response: Answer,
    info: RequestInfo,
    flight: Flight,
    user: UserInfo,
  ): Promise<void> {
    // A refusal says too where the request belonged.
    response.flowHeaders = this.#options.flow.flowFor(user, info).headers;
    const ticket = await waiting;
    this.#seat(response, flight, user, ticket);
    // Its client may have gone just then.
    if (flight.abort.signal.aborted) ticket.leave();
    return this.#route(request, response, info, flight, user);
  }

  #seat(response: Answer, flight: Flight, user: UserInfo, ticket: Ticket): void {
    flight.ticket = ticket;
    flight.user = user;
    response.flowHeaders = ticket.flow.headers;
  }

  #route(
    request: IncomingMessage,
    response: Answer,
    info: RequestInfo,
    flight: Flight,
    user: UserInfo,
  ): void | Promise<void> {
    if (!this.#options.authorizer.allows(user, info)) return this.#refuse(request, response, info, flight, user);
    return this.#answer(request, response, info, flight, user);
  }

  async #refuse(
    request: IncomingMessage,
    response: Answer,
    info: RequestInfo,
    flight: Flight,
    user: UserInfo,
  ): Promise<void> {
    const { authorizer, secondThoughts } = this.#options;
    if ((await secondThoughts?.(user)) && authorizer.allows(user, info)) {
      return this.#answer(request, response, info, flight, user);
    }
    const { reason } = authorizer.decide(user, info);
    flight.record?.decided(false, reason);
    throw refusal(user, info, reason);
  }

  #answer(
    request: IncomingMessage,
    response: Answer,
    info: RequestInfo,
    flight: Flight,
    user: UserInfo,
  ): void | Promise<void> {
    const { authorizer, resources } = this.#options;
    const { abort, ticket, record: audit } = flight;
    audit?.decided(true, authorizer.decide(user, info).reason);
    const exchange: Exchange = { request, response, info, user, abort, audit, ticket };
    if (info.isResource) return resources(exchange);
    return this.#path(exchange);
  }

  /** The same, with an audit log that may want to know. */
  async #recorded(
    audit: AuditTrail,
    request: IncomingMessage,
    response: Answer,
    info: RequestInfo,
    flight: Flight,
    credentials: Credentials,
  ): Promise<void> {
    const auditId = response.auditId ?? '';
    const audited = { request, info, auditId, remoteAddress: clientAddress(tlsSocketOf(request)) };
    let user: UserInfo;
    try {
      user = await this.#options.authenticate(credentials);
    } catch (error) {
      if (isStatusError(error)) audit.unauthenticated({ ...audited, user: nobody }, error.status);
      throw error;
    }
    const record = audit.begin({ ...audited, user });
    flight.record = record;
    if (record && this.#isStream(info)) recordStart(record, response);
    try {
      await this.#serve(request, response, info, flight, user);
    } catch (error) {
      if (isStatusError(error)) record?.status(error.status);
      else record?.panicked(error);
      throw error;
    }
  }

  /** Answers with 504 what has taken too long. To be called now and then. */
  expire(): void {
    const now = performance.now();
    for (const { response, abort, deadline } of this.#inFlight) {
      if (now <= deadline) continue;
      abort.abort();
      sendError(
        response,
        timeout('Timeout: request did not complete within requested timeout - context deadline exceeded'),
      );
    }
  }

  /** From now on every answer closes its connection. */
  drain(): void {
    this.#draining = true;
    for (const { response } of this.#inFlight) response.shouldKeepAlive = false;
  }

  /** What has its seats now. */
  executing(): Executing[] {
    return [...this.#inFlight].flatMap(({ ticket, user, info, startedAt }): Executing[] => {
      if (!ticket || !user || ticket.isLeft) return [];
      const { flow, width } = ticket;
      const since = performance.timeOrigin + startedAt;
      const distinguisher = distinguisherOf(flow, user.name, info.namespace);
      const about = { schema: flow.schema, distinguisher, userName: user.name, request: info, since };
      return [{ ...about, level: flow.level.settings.name, width, startedAt: since }];
    });
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  #path(exchange: Exchange): void | Promise<void> {
    const { info, response } = exchange;
    const handler = this.#options.paths.get(normal(info.path));
    if (!handler) throw pathNotFound();
    const allowed = info.method === 'GET' || (info.method === 'HEAD' && !headless.test(info.path));
    if (!allowed) {
      response.setHeader('Allow', 'GET, HEAD');
      throw methodNotAllowed();
    }
    return handler(exchange);
  }

  #isStream({ verb, resource, subresource }: RequestInfo): boolean {
    return verb === 'watch' || (subresource !== '' && this.#options.streams.has(`${resource}/${subresource}`));
  }
}

/** What a client calls its request, as it says it, or a name that it is given (Kubernetes' `WithAuditInit`). */
function auditIdOf({ headers }: IncomingMessage): string {
  const given = headers['audit-id'];
  return typeof given === 'string' && given !== '' ? given : randomUUID();
}

/** A request that may last long is recorded as soon as its answer begins. */
function recordStart(record: AuditRecord, response: ServerResponse): void {
  response.writeHead = new Proxy(response.writeHead, {
    apply(writeHead, self, given) {
      record.stage('ResponseStarted', Number(given[0]));
      return Reflect.apply(writeHead, self, given);
    },
  });
}

/** Paths that Kubernetes serves to GET alone; the others do not look at the method. */
const headless = /^\/(version|api|api\/.*|apis\/[^/]+\/.+)$/;

/** A path without its last slash. */
const normal = (path: string): string => (path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path);
