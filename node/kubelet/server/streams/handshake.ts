/**
 * How a client takes over its connection: as a WebSocket (GET), as newer clients of Kubernetes do, or as SPDY/3.1 (POST), as
 * older ones do. Which protocol is then spoken is agreed in the same step.
 */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { HttpError } from '../http-error.ts';

/** Names of protocols, for each way to ask for them. */
export interface Protocols {
  readonly webSocket: readonly string[];
  readonly spdy: readonly string[];
}

export type Accepted =
  | { readonly kind: 'websocket'; readonly protocol: string; readonly socket: WebSocket }
  | { readonly kind: 'spdy'; readonly protocol: string; readonly connection: Duplex };

export interface UpgradeRequest {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What the client has sent already. */
  readonly head: Buffer;
}

/** Throws an HttpError when the client asks for nothing that is served; the connection is then as it was. */
export async function accept(upgrade: UpgradeRequest, protocols: Protocols): Promise<Accepted> {
  const { request, socket, head } = upgrade;
  switch (request.headers.upgrade?.toLowerCase()) {
    case 'websocket': {
      const protocol = agree(request.headers['sec-websocket-protocol'], protocols.webSocket);
      return { kind: 'websocket', protocol, socket: await webSocket(upgrade, protocol) };
    }
    case 'spdy/3.1': {
      const protocol = agree(request.headers['x-stream-protocol-version'], protocols.spdy);
      switchProtocols(socket, { Upgrade: 'SPDY/3.1', 'X-Stream-Protocol-Version': protocol });
      if (head.length > 0) socket.unshift(head);
      return { kind: 'spdy', protocol, connection: socket };
    }
    default:
      throw new HttpError(400, 'Upgrade request required');
  }
}

/** The first of the client's protocols that is served, in the client's order. */
export function agree(offered: string | readonly string[] | undefined, served: readonly string[]): string {
  const names = String(offered ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const found = names.find((name) => served.includes(name));
  if (found !== undefined) return found;
  const list = (of: readonly string[]): string => `[${of.join(' ')}]`;
  throw new HttpError(
    403,
    `unable to upgrade: unable to negotiate protocol: client supports ${list(names)}, server accepts ${list(served)}`,
  );
}

/** Answers that the connection speaks something else from now on. */
export function switchProtocols(socket: Duplex, headers: Readonly<Record<string, string>>): void {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n${lines.join('')}\r\n`);
}

async function webSocket({ request, socket, head }: UpgradeRequest, protocol: string): Promise<WebSocket> {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    handleProtocols: () => protocol,
  });
  const { promise, resolve } = Promise.withResolvers<WebSocket>();
  server.handleUpgrade(request, socket, head, resolve);
  // What is no WebSocket handshake is answered by the library, which then closes the connection.
  const closed = once(socket, 'close').then(() => Promise.reject(new Error('the client is gone')));
  const opened = await Promise.race([promise, closed]);
  closed.catch(() => {});
  return opened;
}
