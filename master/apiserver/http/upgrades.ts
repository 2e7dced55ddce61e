/**
 * Requests that take over their connection (exec, attach, port-forward, proxied WebSockets). They go the same way as all
 * others, up to the handler of their subresource, which alone decides whether the connection becomes something else; until
 * then every error is an ordinary answer.
 */
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Server } from 'node:https';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { parseRequest } from './request-info.ts';

/** Subresources over which a client may ask for another protocol. Elsewhere the wish is ignored, as HTTP allows. */
const upgradable = new Set(['exec', 'attach', 'portforward', 'proxy']);

export function mayUpgrade(request: IncomingMessage): boolean {
  return upgradable.has(parseRequest(request.method ?? 'GET', request.url ?? '/').subresource);
}

/** Whether the request came as one that takes over its connection. */
export const isUpgrade = (request: IncomingMessage): boolean => 'upgrade' in request && request.upgrade === true;

export class Upgrades {
  readonly #open = new Set<Duplex>();

  /** Hands the server's upgrade requests to the same handler as all others. */
  serve(server: Server, handle: (request: IncomingMessage, response: ServerResponse) => void): void {
    server.on('upgrade', (request, socket, head) => {
      this.#open.add(socket);
      socket.on('error', () => socket.destroy());
      socket.once('close', () => this.#open.delete(socket));
      if (head.length > 0) socket.unshift(head);
      const response = new ServerResponse(request);
      response.shouldKeepAlive = false;
      response.assignSocket(socket as TLSSocket);
      response.once('finish', () => socket.end());
      handle(request, response);
    });
  }

  /** Ends all of them: nobody can take such a connection over. */
  endAll(): void {
    for (const socket of this.#open) socket.destroy();
  }
}
