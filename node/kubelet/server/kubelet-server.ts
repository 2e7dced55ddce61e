/**
 * The kubelet's server on port 10250: logs, pods, statistics, metrics; over TLS, to clients of the cluster's CA only.
 *
 * /healthz is for everybody who can connect; the rest needs a client certificate in the group system:masters or that of the API
 * server. exec, attach and port-forward take over their connection: they are in `streams/`.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { TLSSocket } from 'node:tls';
import type { Registry } from 'prom-client';
import type { Logger } from '../../../master/api/logging.ts';
import type { Pod } from '../../../master/api/types.ts';
import type { KeyPair } from '../../certificates/certificate-store.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { sendLogs } from './container-logs.ts';
import { HttpError } from './http-error.ts';
import { parseLogRequest } from './log-options.ts';
import { resourceMetrics, type StatsSource, statsSummary } from './stats.ts';
import { StreamServer } from './streams/stream-server.ts';

export interface KubeletServerOptions {
  readonly host: string;
  readonly port: number;
  /** The CA of clients, PEM. */
  readonly clientCa: string;
  readonly runtime: Runtime;
  readonly stats: StatsSource;
  readonly metrics: Registry;
  readonly logger: Logger;
  readonly pod: (namespace: string, name: string) => Pod | undefined;
  readonly pods: () => readonly Pod[];
  readonly healthz: () => void;
  readonly configz: () => unknown;
}

const apiServerUser = 'kube-apiserver-kubelet-client';

export class KubeletServer {
  readonly #options: KubeletServerOptions;
  readonly #server: Server;
  readonly #streams: StreamServer;
  #listening = false;

  constructor(options: KubeletServerOptions) {
    this.#options = options;
    this.#server = createServer(
      { ca: options.clientCa, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2' },
      (request, response) => {
        this.#answer(request, response).catch((error: unknown) => this.#fail(response, error));
      },
    );
    this.#streams = new StreamServer(options);
    this.#server.on('upgrade', (request, socket, head) => {
      void this.#streams.serve(request, socket, head, authorize);
    });
    this.#server.on('error', (error) => options.logger.error({ err: error }, 'the kubelet server failed'));
  }

  /** Serves with this certificate from now on; listens at the first call. Rejects when the port cannot be had. */
  async serveWith({ cert, key }: KeyPair): Promise<void> {
    const { host, port, logger, clientCa } = this.#options;
    this.#server.setSecureContext({ cert, key, ca: clientCa, minVersion: 'TLSv1.2' });
    if (this.#listening) return;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    this.#listening = true;
    logger.info({ host, port }, 'serving');
  }

  async close(): Promise<void> {
    if (!this.#listening) return;
    this.#listening = false;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    this.#streams.close();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'https://localhost');
    const [first = '', ...rest] = url.pathname.split('/').slice(1).map(decodeURIComponent);
    if (request.method !== 'GET') throw new HttpError(405, 'method not allowed');
    if (first === 'healthz') {
      this.#options.healthz();
      return send(response, 'text/plain', 'ok');
    }
    authorize(request);
    const { pods, runtime, stats, metrics, configz } = this.#options;
    switch (`/${[first, ...(first === 'containerLogs' ? [] : rest)].join('/').replace(/\/$/, '')}`) {
      case '/containerLogs':
        return await this.#logs(response, rest, url.searchParams);
      case '/pods':
      case '/runningpods':
        return sendJson(response, { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: pods() });
      case '/stats/summary':
        return sendJson(response, await statsSummary(stats));
      case '/metrics':
        return send(response, metrics.contentType, await metrics.metrics());
      case '/metrics/resource':
        return send(response, 'text/plain; version=0.0.4', await resourceMetrics({ ...stats, runtime }));
      case '/configz':
        return sendJson(response, { kubeletconfig: configz() });
      default:
        throw new HttpError(404, '404 page not found');
    }
  }

  async #logs(response: ServerResponse, path: readonly string[], query: URLSearchParams): Promise<void> {
    const [namespace = '', name = '', container = ''] = path;
    if (path.length !== 3 || name === '' || container === '') throw new HttpError(400, 'missing pod or container name');
    const pod = this.#options.pod(namespace, name);
    if (!pod) throw new HttpError(404, `pod "${name}" does not exist`);
    let request: ReturnType<typeof parseLogRequest>;
    try {
      request = parseLogRequest(query, Date.now());
    } catch (error) {
      throw new HttpError(400, error instanceof Error ? error.message : String(error));
    }
    await sendLogs(response, this.#options.runtime, pod, container, request);
  }

  #fail(response: ServerResponse, error: unknown): void {
    const known = error instanceof HttpError;
    if (!known) this.#options.logger.warn({ err: error }, 'a request failed');
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const text = error instanceof Error ? error.message : String(error);
    response.writeHead(known ? error.code : 500, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
  }
}

/** Throws 401 without a good certificate and 403 with one that may not. */
function authorize(request: IncomingMessage): void {
  const socket = request.socket as TLSSocket;
  if (!socket.authorized) throw new HttpError(401, 'Unauthorized');
  const { O: organization, CN: name } = socket.getPeerCertificate().subject ?? {};
  const groups: unknown[] = Array.isArray(organization) ? organization : [organization];
  if (groups.includes('system:masters') || name === apiServerUser) return;
  throw new HttpError(403, `Forbidden (user=${String(name)}, verb=get, resource=nodes, subresource=proxy)`);
}

const sendJson = (response: ServerResponse, value: unknown): void =>
  send(response, 'application/json', `${JSON.stringify(value)}\n`);

function send(response: ServerResponse, type: string, text: string): void {
  response.writeHead(200, { 'content-type': type }).end(text);
}
