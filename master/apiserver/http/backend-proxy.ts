/**
 * Requests passed on as they are, over http-proxy, upgrades included: to kubelets, and to whatever runs in pods and on nodes.
 * The client's credentials stay here. A backend that cannot be reached is answered for with 503.
 */
import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import httpProxy from 'http-proxy';
import { serviceUnavailable } from '../../api/errors.ts';
import type { Exchange } from './exchange.ts';
import { sendError } from './respond.ts';
import { isUpgrade } from './upgrades.ts';

export interface Backend {
  /** The whole URL, with path and query. */
  readonly url: string;
  /** How it is connected to. */
  readonly agent: Agent;
  /** Whether its certificate must be good. */
  readonly verify: boolean;
  /** The path under which clients see the backend's root: its redirects are put under it. */
  readonly prefix?: string;
  /** Sent beside the client's. */
  readonly headers?: Readonly<Record<string, string | string[]>>;
}

interface Passing {
  readonly exchange: Exchange;
  readonly backend: Backend;
}

const credentials = /^(authorization$|impersonate-|x-remote-)/i;

export class BackendProxy {
  readonly #proxy = httpProxy.createProxyServer({ changeOrigin: true, ignorePath: true, xfwd: true });
  readonly #passing = new WeakMap<IncomingMessage, Passing>();

  constructor() {
    this.#proxy.on('proxyReq', (sent, _request, response) => {
      response.once('close', () => {
        if (!response.writableFinished) sent.destroy();
      });
    });
    this.#proxy.on('proxyReqWs', (sent, request) => {
      const passing = this.#passing.get(request);
      if (passing) joinOnUpgrade(sent, passing.exchange);
    });
    this.#proxy.on('proxyRes', (answer, request) => {
      const passing = this.#passing.get(request);
      if (passing) redirectWithin(answer, passing.backend);
    });
  }

  /** Answers the exchange with what the backend says, or joins the two connections for good. */
  forward(exchange: Exchange, backend: Backend): void {
    const { request, response, abort } = exchange;
    this.#passing.set(request, { exchange, backend });
    const failed = (error: Error): void => {
      // A connection that has become the backend's has no place for another answer.
      if (abort.signal.aborted || response.statusCode === 101) return;
      const why = error.message || ('code' in error ? String(error.code) : error.name);
      sendError(response, serviceUnavailable(`error trying to reach service: ${why}`, undefined, { cause: error }));
    };
    const { method = 'GET', headers } = request;
    if (response.auditId !== undefined) response.setHeader('Audit-Id', response.auditId);
    for (const name of Object.keys(headers)) if (credentials.test(name)) delete headers[name];
    Object.assign(headers, backend.headers);
    const options = { target: backend.url, agent: backend.agent, secure: backend.verify, method };
    if (!isUpgrade(request)) {
      // The library cuts off the body of a DELETE that does not say how long it is.
      if (method === 'DELETE' && headers['transfer-encoding'] !== undefined) request.method = 'POST';
      this.#proxy.web(request, response, options, failed);
      return;
    }
    // The library knows WebSockets only. SPDY takes over its connection in the same way, by another method and name.
    const asSent = { ...options, headers: { upgrade: headers.upgrade ?? '' } };
    request.method = 'GET';
    headers.upgrade = 'websocket';
    this.#proxy.ws(request, request.socket, Buffer.alloc(0), asSent, failed);
  }

  close(): void {
    this.#proxy.close();
  }
}

/** Each of the two connections ends with the other, in whatever way that ends. */
function joinOnUpgrade(sent: ClientRequest, { request, response, audit }: Exchange): void {
  const client = request.socket;
  const giveUp = (): void => void sent.destroy();
  client.once('close', giveUp);
  sent.once('upgrade', (_answer, backend) => {
    response.statusCode = 101;
    audit?.stage('ResponseStarted', 101);
    client.off('close', giveUp);
    client.once('close', () => backend.destroy());
    backend.once('close', () => client.destroySoon());
  });
  // The library passes on a refusal as bytes: its length is the end of the connection.
  sent.once('response', (answer: IncomingMessage) => {
    response.statusCode = answer.statusCode ?? 502;
    delete answer.headers['transfer-encoding'];
    answer.headers.connection = 'close';
  });
}

/** A redirect of the backend leads to where its client finds it. */
function redirectWithin(answer: IncomingMessage, { url, prefix }: Backend): void {
  const { location } = answer.headers;
  if (location === undefined || prefix === undefined) return;
  const { origin } = new URL(url);
  const path = location.startsWith(`${origin}/`) ? location.slice(origin.length) : location;
  if (path.startsWith('/') && !path.startsWith('//')) answer.headers.location = prefix + path;
}
