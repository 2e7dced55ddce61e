/**
 * The client's ends of a process' streams, over a WebSocket or over SPDY.
 *
 * WebSocket, `v4.channel.k8s.io` and `v5.channel.k8s.io`: the first byte of each message is the channel; v5 adds the message
 * 255, <channel>, by which the client ends a channel. The oldest, `channel.k8s.io`, tells nothing of a success and no more than the
 * message of a failure. In the `base64` ones a message is text: the channel's digit, and the bytes in base64. SPDY: a stream for each, named by its header `streamType`.
 */
import { once } from 'node:events';
import { type Duplex, PassThrough, Readable, Writable } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import type { Status } from '../../../../master/api/types.ts';
import type { StreamOptions } from '../../../runtime/runtime.ts';
import type { Accepted } from './handshake.ts';
import { SpdySession, type SpdyStream } from './spdy-session.ts';

export interface RemoteStreams {
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  /** The terminal's sizes, as JSON documents one after the other. */
  readonly resizes: Readable;
  /** Aborted when the client is gone. */
  readonly gone: AbortSignal;
  /** Tells the client how it ended, as the last thing. */
  finish(status: Status): Promise<void>;
}

/** How long a client may take to open the streams that it asked for. */
const streamsMs = 30_000;
const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;
const normalClosure = 1000;

export async function openStreams(accepted: Accepted, wanted: StreamOptions): Promise<RemoteStreams> {
  if (accepted.kind === 'websocket') return webSocketStreams(accepted.socket, accepted.protocol, wanted);
  return await spdyStreams(accepted.connection, wanted);
}

function webSocketStreams(socket: WebSocket, protocol: string, wanted: StreamOptions): RemoteStreams {
  const isText = protocol.includes('base64.');
  const hasStatus = /^v\d/.test(protocol);
  const gone = new AbortController();
  const stdin = new PassThrough();
  const resizes = new PassThrough();
  socket.on('error', () => socket.terminate());
  socket.on('close', () => {
    gone.abort();
    stdin.destroy();
    resizes.destroy();
  });
  if (!wanted.stdin) stdin.resume();
  const receive = (target: PassThrough, bytes: Buffer): void => {
    if (target.writableEnded || target.destroyed || target.write(bytes)) return;
    socket.pause();
    target.once('drain', () => socket.resume());
    target.once('close', () => socket.resume());
  };
  socket.on('message', (data) => {
    const bytes = bytesOf(data);
    const payload = isText ? Buffer.from(bytes.toString('latin1', 1), 'base64') : bytes.subarray(1);
    switch (isText ? Number(bytes.toString('latin1', 0, 1)) : bytes[0]) {
      case channels.stdin:
        return receive(stdin, payload);
      case channels.resize:
        return receive(resizes, payload);
      case channels.close:
        if (payload[0] === channels.stdin) stdin.end();
        return;
    }
  });
  const send = (channel: number, bytes: Buffer): Promise<void> =>
    new Promise((resolve, reject) => {
      const message = isText ? `${channel}${bytes.toString('base64')}` : Buffer.concat([Buffer.of(channel), bytes]);
      socket.send(message, (error) => (error ? reject(error) : resolve()));
    });
  const output = (channel: number): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        send(channel, chunk).then(() => done(), done);
      },
    });
  return {
    stdin: wanted.stdin ? stdin : undefined,
    stdout: wanted.stdout ? output(channels.stdout) : undefined,
    stderr: wanted.stderr && !wanted.tty ? output(channels.stderr) : undefined,
    resizes,
    gone: gone.signal,
    async finish(status) {
      const { message = '' } = status;
      if (hasStatus) await send(channels.error, Buffer.from(JSON.stringify(status)));
      else if (message !== '') await send(channels.error, Buffer.from(message));
      socket.close(normalClosure);
    },
  };
}

async function spdyStreams(connection: Duplex, wanted: StreamOptions): Promise<RemoteStreams> {
  const expected = ['error'];
  if (wanted.stdin) expected.push('stdin');
  if (wanted.stdout) expected.push('stdout');
  if (wanted.stderr && !wanted.tty) expected.push('stderr');
  if (wanted.tty) expected.push('resize');

  const gone = new AbortController();
  const opened = new Map<string, SpdyStream>();
  const { promise: complete, resolve, reject } = Promise.withResolvers<void>();
  const session = new SpdySession(connection, (stream) => {
    const type = stream.headers.streamtype ?? '';
    stream.on('error', () => {});
    if (!expected.includes(type) || opened.has(type)) return stream.destroy();
    opened.set(type, stream);
    if (type !== 'stdin' && type !== 'resize') stream.resume();
    if (opened.size === expected.length) resolve();
  });
  const ended = (): void => {
    gone.abort();
    reject(new Error('the client is gone'));
  };
  session.run().then(ended, ended);
  const late = setTimeout(() => connection.destroy(), streamsMs);
  await complete.finally(() => clearTimeout(late));
  return {
    stdin: opened.get('stdin'),
    stdout: opened.get('stdout'),
    stderr: opened.get('stderr'),
    resizes: opened.get('resize') ?? Readable.from([]),
    gone: gone.signal,
    async finish(status) {
      const error = opened.get('error');
      error?.end(JSON.stringify(status));
      if (error && !error.writableFinished && !error.destroyed) await once(error, 'finish');
      connection.end();
    },
  };
}

const bytesOf = (data: RawData): Buffer =>
  Array.isArray(data) ? Buffer.concat(data) : Buffer.isBuffer(data) ? data : Buffer.from(data);
