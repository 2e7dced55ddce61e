/**
 * Requests that take over their connection (exec, attach, port-forward, proxied WebSockets, watches and logs as WebSockets). They go the same way as all
 * others, up to the handler of their subresource, which alone decides whether the connection becomes something else; until
 * then every error is an ordinary answer.
 */
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Server } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { parseRequest } from './request-info.ts';

/** Subresources over which a client may ask for another protocol. Elsewhere the wish is ignored, as HTTP allows. */
const upgradable = new Set(['exec', 'attach', 'portforward', 'proxy']);

export function mayUpgrade(request: IncomingMessage): boolean {
  const { verb, subresource } = parseRequest(request.method ?? 'GET', request.url ?? '/');
  if (upgradable.has(subresource)) return true;
  return (verb === 'watch' || subresource === 'log') && request.headers.upgrade?.toLowerCase() === 'websocket';
}

/** Whether the request came as one that takes over its connection. */
export const isUpgrade = (request: IncomingMessage): boolean => 'upgrade' in request && request.upgrade === true;

export class Upgrades {
  readonly #open = new Set<TLSSocket>();
  #ending = false;

  /** Hands the server's upgrade requests to the same handler as all others. */
  serve(server: Server, handle: (request: IncomingMessage, response: ServerResponse) => void): void {
    server.on('upgrade', (request, duplex, head) => {
      // The server speaks TLS only.
      const socket = duplex as TLSSocket;
      if (this.#ending) {
        socket.destroy();
        return;
      }
      this.#open.add(socket);
      bearerFromProtocols(request);
      socket.on('error', () => socket.destroy());
      socket.once('close', () => this.#open.delete(socket));
      if (head.length > 0) socket.unshift(head);
      const response = new ServerResponse(request);
      response.shouldKeepAlive = false;
      response.assignSocket(socket);
      response.once('finish', () => socket.end());
      handle(request, response);
    });
  }

  /** Ends all of them after what was already written, for nobody can take such a connection over, and begins no more. */
  endAll(): void {
    this.#ending = true;
    for (const socket of this.#open) socket.destroySoon();
  }
}

const bearerProtocol = 'base64url.bearer.authorization.k8s.io.';

/**
 * A browser can give a WebSocket no header of its own, so it may bring its bearer token as one of the protocols that it
 * offers, as Kubernetes takes it. The token is not offered any further.
 */
function bearerFromProtocols({ headers }: IncomingMessage): void {
  const offered = headers['sec-websocket-protocol']?.split(',').map((protocol) => protocol.trim()) ?? [];
  const bearer = offered.find((protocol) => protocol.startsWith(bearerProtocol));
  if (bearer === undefined || headers.authorization !== undefined) return;
  headers.authorization = `Bearer ${Buffer.from(bearer.slice(bearerProtocol.length), 'base64url').toString()}`;
  const others = offered.filter((protocol) => protocol !== bearer);
  if (others.length > 0) headers['sec-websocket-protocol'] = others.join(', ');
  else delete headers['sec-websocket-protocol'];
}
