/**
 * The HTTP part of the API server: express over HTTPS.
 *
 * Purpose: everything between a client's connection and the registry: TLS, who asks and whether they may, content types,
 * the verbs of the API for every row of the table of kinds, watches, discovery, OpenAPI, health, metrics, and the way to
 * the kubelets.
 * Guarantees: every answer to an error is a Status; no request can end the process; a watcher that does not read costs
 * little and slows nobody; a shutdown turns /readyz red first and loses no request that it has accepted.
 * Not its business: what objects mean, and how they are kept.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net';
import express, { type ErrorRequestHandler } from 'express';
import { aborted, sleep } from '../../api/clock.ts';
import { internalError, isStatusError } from '../../api/errors.ts';
import type { Logger } from '../../api/logging.ts';
import type { AuditTrail } from '../audit/trail.ts';
import type { Authenticator } from '../auth/authenticate.ts';
import type { Authorizer } from '../auth/authorize.ts';
import type { Executing } from '../flowcontrol/dumps.ts';
import type { FlowControl } from '../flowcontrol/flow-control.ts';
import { registerFlowMetrics } from '../flowcontrol/metrics.ts';
import type { Registry } from '../registry/registry.ts';
import type { Aggregated } from './aggregation/aggregation.ts';
import { debugPages } from './debug-pages.ts';
import type { Handler } from './exchange.ts';
import { flowDumps } from './flow-dumps.ts';
import { type HealthCheck, healthRoutes } from './health.ts';
import { ServerMetrics } from './metrics.ts';
import { Paths } from './paths.ts';
import { behindBalancers, type TrustedPeers } from './proxy-protocol.ts';
import { Requests, type RequestsOptions } from './requests.ts';
import { type ConnectHandler, resourceRoutes, type WriteGuard } from './resource-routes.ts';
import { sendError, sendIndented } from './respond.ts';
import { mayUpgrade, Upgrades } from './upgrades.ts';
import { version } from './version.ts';
import { Watches } from './watch-routes.ts';

export interface ServerOptions {
  readonly registry: Registry;
  /** What other servers serve; absent: nothing. */
  readonly aggregated?: Aggregated;
  readonly authenticate: Authenticator;
  readonly authorizer: Authorizer;
  /** Whether what was refused to a user is to be judged again, since more is known now. */
  readonly secondThoughts?: RequestsOptions['secondThoughts'];
  readonly guard: WriteGuard;
  /** Subresources that are streams. */
  readonly connect: ReadonlyMap<string, ConnectHandler>;
  /** Subresources that are answered in a way of their own, at once. */
  readonly actions: ReadonlyMap<string, ConnectHandler>;
  /** Paths besides those that every server has. */
  readonly routes: ReadonlyMap<string, Handler>;
  readonly health: readonly HealthCheck[];
  /** `<host>:<port>` at which clients find it, for discovery. */
  readonly address?: string;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Files: the serving certificate with its key, and the authorities that sign clients. */
  readonly tls: { readonly certFile: string; readonly keyFile: string; readonly clientCaFiles: readonly string[] };
  readonly requestTimeoutMs: number;
  /** How long, once told to stop, the server still serves with a red /readyz. */
  readonly shutdownDelayMs: number;
  readonly flow: FlowControl;
  readonly audit?: AuditTrail | undefined;
  /** As the command line has them, by their names: for /flagz. */
  readonly flags?: Readonly<Record<string, string>>;
  /** Peers that may say, in the PROXY protocol, who their client is. */
  readonly trustedPeers?: TrustedPeers | undefined;
  /** How long requests in flight may take to end after that. */
  readonly drainMs?: number;
  readonly logger: Logger;
}

/** How long a server that is about to end waits for requests that may be on their way over idle connections. */
const lingerMs = 300;
/** The same for connections that were made at the last moment: their handshake may take a while. */
const lateMs = 2_000;

/** A server that listens. */
export interface RunningServer {
  readonly port: number;
  readonly metrics: ServerMetrics;
  /** Resolves when the server has shut down in good order after the signal. */
  readonly closed: Promise<void>;
}

/** Listens until the signal, and then shuts down in order. Rejects when the port cannot be had. */
export async function startServer(options: ServerOptions, signal: AbortSignal): Promise<RunningServer> {
  const { registry, logger, tls } = options;
  const watches = new Watches();
  const metrics = new ServerMetrics(watches);
  registerFlowMetrics(options.flow, metrics.registry);
  const { audit } = options;
  if (audit) metrics.add(() => audit.metricsText());
  const requests = new Requests({
    authenticate: options.authenticate,
    authorizer: options.authorizer,
    secondThoughts: options.secondThoughts,
    resources: resourceRoutes({
      ...options,
      aggregated: options.aggregated,
      connect: new Map([...options.connect, ...options.actions]),
      watch: watches.serve,
    }),
    serves: ({ group, version: v, resource }) => registry.resource(group, v, resource) !== undefined,
    paths: pathRoutes(options, metrics, () => requests.executing(), signal),
    streams: new Set(options.connect.keys()),
    metrics,
    requestTimeoutMs: options.requestTimeoutMs,
    audit: options.audit,
    flow: options.flow,
  });

  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  // One handler reads the path once; the table of kinds is the routing table.
  app.use((request, response) => requests.handle(request, response));
  app.use(errorHandler(logger));

  const server = createServer(
    {
      cert: readFileSync(tls.certFile),
      key: readFileSync(tls.keyFile),
      ca: tls.clientCaFiles.map((file) => readFileSync(file)),
      requestCert: true,
      // As much as Go's servers take: selectors may be long.
      maxHeaderSize: 1024 * 1024,
      // Who presents no certificate, or a wrong one, is dealt with by authentication.
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      handshakeTimeout: 10_000,
      headersTimeout: Math.min(32_000, options.requestTimeoutMs),
      requestTimeout: options.requestTimeoutMs,
      // Longer than the 90 s after which Go's clients give up idle connections, so that they never meet a closed one.
      keepAliveTimeout: 130_000,
      noDelay: true,
      shouldUpgradeCallback: mayUpgrade,
    },
    app,
  );
  const upgrades = new Upgrades();
  upgrades.serve(server, app);
  server.timeout = 0;
  server.on('tlsClientError', (error) => logger.debug({ error: error.message }, 'TLS handshake failed'));

  const listener = options.trustedPeers ? behindBalancers(server, options.trustedPeers) : server;
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  listener.once('error', reject);
  listener.listen(options.port, options.host, 4096, resolve);
  await listening;
  listener.on('error', (error) => logger.error({ err: error }, 'the listener failed'));
  const expiry = setInterval(() => requests.expire(), 1_000);

  const closed = aborted(signal).then(async () => {
    logger.info({ delayMs: options.shutdownDelayMs }, 'shutting down: no longer ready');
    // Connections end with their next answer, while the listener is still open for whoever comes back too early.
    requests.drain();
    const late = lateConnections(server);
    await sleep(options.shutdownDelayMs);
    const enough = new AbortController();
    // Closes the listener alone: an HTTP server would also cut connections whose first request is on its way.
    const emptied = new Promise<void>((resolve) => NetServer.prototype.close.call(listener, () => resolve()));
    watches.endAll();
    upgrades.endAll();
    await Promise.race([
      emptied,
      quiet(requests, late, enough.signal),
      sleep(options.drainMs ?? options.requestTimeoutMs, enough.signal),
    ]);
    enough.abort();
    clearInterval(expiry);
    server.closeAllConnections();
    logger.info('shut down');
  });
  return { port: (listener.address() as AddressInfo).port, metrics, closed };
}

/** The connections that are made from now on and still open. Each ends with its first answer. */
function lateConnections(server: NetServer): ReadonlySet<Socket> {
  const late = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    late.add(socket);
    socket.once('close', () => late.delete(socket));
  });
  return late;
}

/** Resolves when nothing has been in flight for a while, or when the signal is aborted. */
async function quiet(requests: Requests, late: ReadonlySet<Socket>, signal: AbortSignal): Promise<void> {
  const stepMs = 50;
  let waitedMs = 0;
  for (let quietMs = 0; quietMs < lingerMs && !signal.aborted; quietMs += stepMs) {
    await sleep(stepMs, signal);
    waitedMs += stepMs;
    if (requests.inFlight > 0 || (late.size > 0 && waitedMs < lateMs)) quietMs = 0;
  }
}

/** All paths that are not resources. */
function pathRoutes(
  options: ServerOptions,
  metrics: ServerMetrics,
  executing: () => Executing[],
  signal: AbortSignal,
): Paths {
  const { registry, logger, health } = options;
  const shutdown: HealthCheck = {
    name: 'shutdown',
    on: ['readyz'],
    check() {
      if (signal.aborted) throw new Error('process is shutting down');
    },
  };
  const ping: HealthCheck = { name: 'ping', on: ['healthz', 'livez', 'readyz'], check() {} };
  const routes = new Map<string, Handler>([
    ...healthRoutes([ping, ...health, shutdown], (name, error) => {
      logger.debug(
        { check: name, error: error instanceof Error ? error.message : String(error) },
        'health check failed',
      );
    }),
    ['/version', ({ response }) => sendIndented(response, version)],
    ['/metrics', metrics.route],
    ...flowDumps(options.flow, executing),
    ...options.routes,
  ]);
  for (const [path, handler] of debugPages([...routes.keys(), '/statusz', '/flagz'], options.flags ?? {}))
    routes.set(path, handler);
  return new Paths(routes, registry, options.aggregated, options.address);
}

/** The one place where an error becomes an answer. What is no Status was not foreseen: 500, and its cause is logged. */
function errorHandler(logger: Logger): ErrorRequestHandler {
  // Express knows error handlers by their four parameters.
  return (error: unknown, request, response, _next) => {
    if (isStatusError(error)) {
      if (error.code >= 500) {
        const { cause } = error;
        logger.warn({ error: error.message, err: cause, method: request.method, url: request.url }, 'request failed');
      }
      sendError(response, error);
      return;
    }
    logger.error({ err: error, method: request.method, url: request.url }, 'a request met an unforeseen error');
    sendError(response, internalError(error));
  };
}
