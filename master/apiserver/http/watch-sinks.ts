/**
 * Where the lines of a watch go: into the answer of an HTTP request, or into a WebSocket, one text frame an event, as Kubernetes
 * serves a watch that comes with `Upgrade: websocket`.
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import WebSocket, { WebSocketServer } from 'ws';
import { type Chunk, chunkOf, lastChunk } from './chunks.ts';
import { tlsSocketOf } from './exchange.ts';
import { type Answer, headersOf } from './respond.ts';
import { isUpgrade } from './upgrades.ts';
import type { EventEncoder } from './watch-events.ts';

export interface WatchSink {
  /** Says that the watch is open, once; later calls do nothing. */
  open(): void;
  /** Takes whole events, `length` bytes of them. False: more should wait for `drained`. */
  write(parts: readonly Buffer[], length: number): boolean;
  /** The same with a chunk that others are given too. */
  writeChunk(chunk: Chunk): boolean;
  /** Ends in good order after what was written. */
  end(): void;
  destroy(): void;
  readonly waitingBytes: number;
  /** Whether it has ended or is ending. */
  readonly over: boolean;
  /** To be called once, first. */
  listen(listener: { drained(): void; closed(): void }): void;
}

/**
 * Into the answer of an HTTP request. Once its headers are out, chunks go to the connection itself: they are made once for all who are sent
 * the same, and an answer of Node's would put each through its own queue.
 */
export function httpSink(response: Answer, contentType: string): WatchSink {
  let connection: Socket | undefined;
  let onDrain = (): void => {};
  const write = (bytes: Buffer): boolean => {
    if (response.writableEnded) return true;
    return (connection ?? response).write(bytes);
  };
  return {
    open() {
      if (response.headersSent) return;
      response.writeHead(200, { ...headersOf(response, contentType), 'Transfer-Encoding': 'chunked' });
      response.flushHeaders();
      response.chunkedEncoding = false;
      // Who sent a request before the last one was answered waits for the connection, and is written to the long way.
      connection = response.socket ?? undefined;
      connection?.on('drain', onDrain);
    },
    write: (parts, length) => write(chunkOf(parts, length).framed),
    writeChunk: ({ framed }) => write(framed),
    end: () => void response.end(lastChunk),
    destroy: () => void response.destroy(),
    get waitingBytes() {
      return response.writableLength;
    },
    get over() {
      return response.writableEnded || response.destroyed;
    },
    listen({ drained, closed }) {
      onDrain = drained;
      response.on('drain', drained);
      response.on('close', () => {
        connection?.off('drain', drained);
        closed();
      });
    },
  };
}

/** Whether a watch is to be answered as a WebSocket. */
export const wantsWebSocket = ({ req }: ServerResponse): boolean => isUpgrade(req);

/** The connection of an upgrade request as a WebSocket. What is written must be frames: see `framed`. */
export function webSocketSink(response: ServerResponse): WatchSink {
  const { req: request } = response;
  const socket: Socket = tlsSocketOf(request);
  let channel: WebSocket | undefined;
  let over = false;
  return {
    open() {
      if (channel !== undefined || over) return;
      response.statusCode = 101;
      sockets.handleUpgrade(request, socket, Buffer.alloc(0), (opened) => {
        channel = opened;
        // A client's faults of protocol end its connection, which is all that there is to do about them.
        opened.on('error', () => {});
      });
      // A handshake that is none was answered by the library.
      over ||= channel === undefined;
    },
    write: (parts, length) => over || socket.write(Buffer.concat(parts, length)),
    writeChunk: ({ bytes }) => over || socket.write(bytes),
    end() {
      over = true;
      if (channel?.readyState === WebSocket.OPEN) channel.close(1000);
      else socket.end();
    },
    destroy: () => void socket.destroy(),
    get waitingBytes() {
      return socket.writableLength;
    },
    get over() {
      return over || socket.destroyed;
    },
    listen({ drained, closed }) {
      socket.on('close', closed);
      socket.on('drain', drained);
    },
  };
}

/** Clients that only listen have little to say. */
const sockets = new WebSocketServer({ noServer: true, clientTracking: false, maxPayload: 4096 });

/**
 * The same events, each as one text frame (RFC 6455, 5.2) in one piece: between the pieces the answer to a client's ping might come, which no
 * frame may have inside (5.4).
 */
export function framed(encoder: EventEncoder): EventEncoder {
  return {
    event: (event) => [frame(encoder.event(event))],
    bookmark: (revision, initialEnd) => frame([encoder.bookmark(revision, initialEnd)]),
    error: (status) => frame([encoder.error(status)]),
  };
}

function frame(parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const head = frameHead(length);
  return Buffer.concat([head, ...parts], head.length + length);
}

const finalText = 0x81;

function frameHead(length: number): Buffer {
  if (length < 126) return Buffer.from([finalText, length]);
  const head = Buffer.alloc(length < 65_536 ? 4 : 10);
  head[0] = finalText;
  if (length < 65_536) {
    head[1] = 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return head;
}
