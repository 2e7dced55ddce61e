/**
 * The way to the kubelets, over http-proxy: with the API server's own client certificate, to the node's preferred address.
 * An answer of the kubelet that is an error becomes a Status with the kubelet's words.
 */
import { readFileSync } from 'node:fs';
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import { Agent } from 'node:https';
import httpProxy from 'http-proxy';
import { inUrl } from '../../api/addresses.ts';
import { notFound, type StatusError, statusError } from '../../api/errors.ts';
import { kinds } from '../../api/kinds.ts';
import type { Node } from '../../api/types.ts';
import type { Backend } from './backend-proxy.ts';
import type { Exchange } from './exchange.ts';
import { sendLog } from './log-socket.ts';
import { sendError } from './respond.ts';
import { isUpgrade } from './upgrades.ts';

export interface KubeletProxyOptions {
  /** Files. Without the authority, the kubelet's certificate is not verified. */
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  /** Types of node addresses, the most wanted first: Hostname, InternalIP… */
  readonly addressTypes: readonly string[];
  readonly connectTimeoutMs?: number;
}

export class KubeletProxy {
  readonly #proxy: httpProxy;
  readonly #agent: Agent;
  readonly #options: KubeletProxyOptions;

  constructor(options: KubeletProxyOptions) {
    this.#options = options;
    this.#agent = new Agent({
      keepAlive: true,
      rejectUnauthorized: options.caFile !== undefined,
      ...(options.caFile === undefined ? {} : { ca: readFileSync(options.caFile) }),
      ...(options.certFile === undefined ? {} : { cert: readFileSync(options.certFile) }),
      ...(options.keyFile === undefined ? {} : { key: readFileSync(options.keyFile) }),
    });
    this.#proxy = httpProxy.createProxyServer({
      agent: this.#agent,
      secure: options.caFile !== undefined,
      changeOrigin: true,
      ignorePath: true,
      selfHandleResponse: true,
    });
    this.#proxy.on('proxyReq', (request) => prepare(request, options.connectTimeoutMs ?? 10_000));
    this.#proxy.on('proxyRes', (answer, _request, response) => passOn(answer, response));
  }

  /** Answers the exchange with what the node's kubelet says to a GET of `path` with `query`. */
  forward(exchange: Exchange, node: Node, path: string, query: URLSearchParams): void {
    const { request, response, abort } = exchange;
    const text = query.toString();
    const target = `https://${kubeletHost(node, this.#options.addressTypes)}${path}${text === '' ? '' : `?${text}`}`;
    this.#proxy.web(request, response, { target }, (error) => {
      if (!abort.signal.aborted) sendError(response, unreachable(target, error));
    });
  }

  /** The kubelet as what requests may be passed on to, upgrades included. */
  backend(node: Node, path: string): Backend {
    const url = `https://${kubeletHost(node, this.#options.addressTypes)}${path}`;
    return { url, agent: this.#agent, verify: this.#options.caFile !== undefined };
  }

  close(): void {
    this.#proxy.close();
    this.#agent.destroy();
  }
}

/** `<host>:<port>` under which a node's kubelet is reached. Throws a Status where the node has said none. */
export function kubeletHost(node: Node, addressTypes: readonly string[]): string {
  const addresses = node.status?.addresses ?? [];
  for (const type of addressTypes) {
    const found = addresses.find((address) => address.type === type && address.address !== '');
    if (!found) continue;
    const port = node.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? 10250;
    return `${inUrl(found.address)}:${port}`;
  }
  const name = node.metadata?.name ?? '';
  if (name === '') throw notFound(kinds.nodes, name);
  const knownTypes = addresses.map(({ type }) => type).join(' ');
  throw statusError('InternalError', `no preferred addresses found; known addresses: [${knownTypes}]`);
}

/** The client's credentials, and what it wants of its own connection. */
const ownHeaders = [
  ...['authorization', 'cookie', 'upgrade', 'sec-websocket-key', 'sec-websocket-version', 'sec-websocket-protocol'],
  'sec-websocket-extensions',
];

/** What is the client's own stays here, and a node that does not answer is given up. */
function prepare(request: ClientRequest, connectTimeoutMs: number): void {
  for (const header of ownHeaders) request.removeHeader(header);
  const timer = setTimeout(() => request.destroy(new Error('dial tcp: i/o timeout')), connectTimeoutMs);
  const settled = (): void => clearTimeout(timer);
  request.once('socket', (socket) => {
    if (socket.connecting) socket.once('secureConnect', settled);
    else settled();
  });
  request.once('response', settled);
  request.once('close', settled);
}

function passOn(answer: IncomingMessage, response: ServerResponse): void {
  response.once('close', () => answer.destroy());
  const code = answer.statusCode ?? 500;
  if (code >= 300) {
    collect(answer).then(
      (text) => sendError(response, kubeletError(code, text)),
      (error: unknown) => sendError(response, kubeletError(502, String(error))),
    );
    return;
  }
  if (isUpgrade(response.req)) {
    sendLog(answer, response);
    return;
  }
  response.writeHead(code, {
    'Cache-Control': 'no-cache, private',
    'Content-Type': answer.headers['content-type'] ?? 'text/plain',
  });
  response.flushHeaders();
  answer.on('error', () => response.destroy());
  answer.pipe(response);
}

const reasons: Record<number, 'BadRequest' | 'NotFound' | 'Forbidden' | 'ServiceUnavailable'> = {
  400: 'BadRequest',
  403: 'Forbidden',
  404: 'NotFound',
  503: 'ServiceUnavailable',
};

/** The kubelet says what is wrong in plain text. */
function kubeletError(code: number, text: string): StatusError {
  const message = text.trim();
  const reason = reasons[code];
  if (reason) return statusError(reason, message);
  return statusError('InternalError', message === '' ? `the kubelet answered ${code}` : message);
}

/** Text of at most 64 KiB: an error message is no more. */
async function collect(answer: IncomingMessage): Promise<string> {
  let text = '';
  answer.setEncoding('utf8');
  for await (const chunk of answer) {
    text += chunk;
    if (text.length > 65_536) break;
  }
  return text;
}

const unreachable = (target: string, error: Error): StatusError =>
  statusError('InternalError', `Get ${JSON.stringify(target)}: ${error.message || String(error)}`, undefined, {
    cause: error,
  });
