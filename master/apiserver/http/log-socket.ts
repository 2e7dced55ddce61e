/**
 * A container's log as a WebSocket, for clients that have nothing else (browsers). Each piece of the log is one message: its bytes, or
 * with `base64.binary.k8s.io` their base64 as text, as Kubernetes' `wsstream.Reader` sends them.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';
import { tlsSocketOf } from './exchange.ts';

const asText = 'base64.binary.k8s.io';
const served: readonly string[] = ['binary.k8s.io', asText];

/** Clients that only listen have little to say. */
const sockets = new WebSocketServer({
  noServer: true,
  clientTracking: false,
  maxPayload: 4096,
  handleProtocols: (offered) => [...offered].find((protocol) => served.includes(protocol)) ?? false,
});

/** Takes the connection of an upgrade request over and sends what comes of `answer`; a handshake that is none is answered by itself. */
export function sendLog(answer: IncomingMessage, response: ServerResponse): void {
  const { req: request } = response;
  response.statusCode = 101;
  sockets.handleUpgrade(request, tlsSocketOf(request), Buffer.alloc(0), (socket) => {
    socket.on('error', () => socket.terminate());
    socket.on('close', () => answer.destroy());
    void sendAll(answer, socket);
  });
}

/** Ends when the log does, or when one of the two is gone. */
async function sendAll(answer: IncomingMessage, socket: WebSocket): Promise<void> {
  try {
    for await (const piece of answer) {
      const bytes: Buffer = piece;
      await sent(socket, socket.protocol === asText ? bytes.toString('base64') : bytes);
    }
    socket.close(1000);
  } catch {
    socket.terminate();
  }
}

/** One message at a time: a client that does not read holds its own log up, and nothing else. */
const sent = (socket: WebSocket, message: string | Buffer): Promise<void> =>
  new Promise((resolve, reject) => socket.send(message, (error) => (error ? reject(error) : resolve())));
