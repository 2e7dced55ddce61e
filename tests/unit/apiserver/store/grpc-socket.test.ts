import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { createServer as createPlainServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { CallEnd } from '../../../../master/apiserver/store/grpc-calls.ts';
import type { GrpcSession } from '../../../../master/apiserver/store/grpc-session.ts';
import { GrpcSocket } from '../../../../master/apiserver/store/grpc-socket.ts';

type Answer = (stream: ServerHttp2Stream, message: Buffer, path: string) => void;

/** A gRPC server of Node's own HTTP/2 at a Unix socket. */
async function serve(t: ExecutionContext, answer: Answer, settings = {}, watch?: (stream: ServerHttp2Stream) => void) {
  const dir = mkdtempSync(join(tmpdir(), 'trimaster-grpc-'));
  const path = join(dir, 'socket');
  const sessions = new Set<ServerHttp2Session>();
  const start = async (): Promise<Http2Server> => {
    const server = createServer({ settings });
    server.on('session', (session) => {
      sessions.add(session);
      session.on('error', () => {});
    });
    server.on('stream', (stream: ServerHttp2Stream, headers) => {
      const chunks: Buffer[] = [];
      stream.on('error', () => {});
      if (headers[':path'] === '/s/Watch') return watch?.(stream);
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => answer(stream, Buffer.concat(chunks).subarray(5), String(headers[':path'])));
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    return server;
  };
  const server = await start();
  const stop = (): void => {
    for (const session of sessions) session.destroy();
    sessions.clear();
    server.close();
  };
  const socket = new GrpcSocket({ path });
  t.teardown(() => {
    socket.close();
    stop();
    rmSync(dir, { recursive: true });
  });
  return { socket, sessions, stop, start };
}

/** Waits for the connection, which the first use makes. */
async function opened(socket: GrpcSocket, bytes = 0): Promise<GrpcSession> {
  for (;;) {
    const session = socket.session(bytes);
    if (session) return session;
    await delay(5);
  }
}

const call = (session: GrpcSession, text: string, timeoutMs = 60_000, path = '/s/Echo'): Promise<CallEnd> =>
  new Promise((resolve) => session.call(path, Buffer.from(text), timeoutMs, resolve));

const textOf = (end: CallEnd): string =>
  end.kind === 'answered' ? end.message.toString() : `${end.code} ${end.details}`;

function respond(
  stream: ServerHttp2Stream,
  text: string,
  trailers: Record<string, string> = { 'grpc-status': '0' },
): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  const message = Buffer.from(text);
  stream.end(Buffer.concat([prefixOf(message), message]));
}

function prefixOf(message: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return prefix;
}

test('calls side by side get their own answers, whatever their order and size', async (t) => {
  const { socket } = await serve(t, (stream, message, path) => {
    const answer = (): void =>
      respond(stream, `${path} ${message.toString().repeat(message.length % 3 === 0 ? 200 : 1)}`);
    if (message.length % 2 === 0) setImmediate(answer);
    else answer();
  });
  const session = await opened(socket);
  const texts = Array.from({ length: 300 }, (_, n) => 'x'.repeat(n + 1));
  const paths = ['/s/One', '/s/Two'];
  for (let round = 0; round < 3; round += 1) {
    const some = texts.slice(round * 100, round * 100 + 100);
    const answers = await Promise.all(some.map((text, n) => call(session, text, 60_000, paths[n % 2])));
    t.deepEqual(
      answers.map((end) => textOf(end)),
      some.map((text, n) => `${paths[n % 2]} ${text.repeat(text.length % 3 === 0 ? 200 : 1)}`),
    );
  }
});

test('what the server says of a failure is read with each of its characters', async (t) => {
  const printable = Array.from({ length: 95 }, (_, n) => String.fromCharCode(32 + n)).join('');
  const said: Record<string, string>[] = [
    { 'grpc-status': '14', 'grpc-message': 'etcdserver: leader changed' },
    { 'grpc-status': '2', 'grpc-message': encodeURIComponent(`${printable} ü`) },
    { 'grpc-status': '3', 'grpc-message': `x${printable.replace('%', '')}x` },
    {},
  ];
  const { socket } = await serve(t, (stream, message) => respond(stream, '', said[Number(message)]));
  const session = await opened(socket);
  const answers = await Promise.all(said.map((_, n) => call(session, String(n))));
  t.deepEqual(
    answers.map((end) => textOf(end)),
    [
      '14 etcdserver: leader changed',
      `2 ${printable} ü`,
      `3 x${printable.replace('%', '')}x`,
      '2 an answer without a status',
    ],
  );
});

test('a call that is late or cancelled ends by itself, and the others go on', async (t) => {
  const reset = Promise.withResolvers<void>();
  const { socket } = await serve(t, (stream, message) => {
    if (message.toString() === 'never') stream.on('close', () => reset.resolve());
    else respond(stream, message.toString());
  });
  const session = await opened(socket);
  const late = call(session, 'never', 20);
  const cancelled = new Promise<CallEnd>((resolve) => {
    const { cancel } = session.call('/s/Echo', Buffer.from('never'), 60_000, resolve);
    setImmediate(cancel);
  });
  t.is(textOf(await cancelled), '1 Cancelled on client');
  t.is(textOf(await late), '4 Deadline exceeded');
  await reset.promise;
  t.is(textOf(await call(session, 'again')), 'again');
});

test('calls whose connection ends fail once, and the next ones go over a new connection', async (t) => {
  const { socket, sessions } = await serve(t, (stream, message) => {
    if (message.toString() === 'cut') stream.session?.destroy();
    else if (message.toString() !== 'never') respond(stream, message.toString());
  });
  const first = await opened(socket);
  const ends: string[] = [];
  const never = new Promise<void>((resolve) => {
    first.call('/s/Echo', Buffer.from('never'), 60_000, (end) => {
      ends.push(textOf(end));
      resolve();
    });
  });
  const cut = textOf(await call(first, 'cut'));
  await never;
  t.regex(cut, /^14 /);
  t.deepEqual(ends, [cut]);
  const second = await opened(socket);
  t.not(second, first);
  t.is(textOf(await call(second, 'again')), 'again');
  t.is(sessions.size, 2);
  t.is(textOf(await call(second, 'cut')).slice(0, 3), '14 ');
  t.truthy(await socket.opened(), 'who needs one for long gets one at once');
});

test('a server that goes away answers what it has, and gets no new calls', async (t) => {
  const waiting = Promise.withResolvers<ServerHttp2Stream>();
  const { socket } = await serve(t, (stream, message) => {
    if (message.toString() === 'wait') waiting.resolve(stream);
    else respond(stream, message.toString());
  });
  const first = await opened(socket);
  const answer = call(first, 'wait');
  const stream = await waiting.promise;
  stream.session?.close();
  while (first.isOpen) await delay(5);
  const second = await opened(socket);
  t.is(textOf(await call(second, 'next')), 'next');
  respond(stream, 'at last');
  t.is(textOf(await answer), 'at last');
});

test('a message that does not fit into a frame, or into what the server has room for, is not taken', async (t) => {
  const { socket } = await serve(t, (stream, message) => respond(stream, String(message.length)), {
    initialWindowSize: 10_000,
    maxConcurrentStreams: 2,
  });
  const session = await opened(socket, 9_995);
  t.is(socket.session(9_996), undefined);
  const answers = [call(session, 'a'), call(session, 'bb')];
  t.is(socket.session(1), undefined, 'as many calls as the server allows are under way');
  t.deepEqual((await Promise.all(answers)).map(textOf), ['1', '2']);
  // More than the window of the connection in all: the server gives it back.
  for (let sent = 0; sent < 300_000; sent += 9_000)
    t.is(textOf(await call(await opened(socket, 9_000), 'x'.repeat(9_000))), '9000');
});

test('messages of a stream come whole and in order, however they are cut, beside other calls', async (t) => {
  const messages = [0, 1, 7, 20_000, 3, 100_000, 2].map((length, n) => Buffer.alloc(length, 97 + n));
  const { socket } = await serve(
    t,
    (stream, message) => respond(stream, message.toString()),
    {},
    (stream) => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '11', 'grpc-message': 'that was all' }));
      const all = Buffer.concat(messages.flatMap((message) => [prefixOf(message), message]));
      for (let at = 0; at < all.length; at += 9_001) stream.write(all.subarray(at, at + 9_001));
      stream.end();
    },
  );
  const session = await opened(socket);
  const told: Buffer[] = [];
  const ended = new Promise<string>((resolve) => {
    const { write } = session.stream('/s/Watch', {
      onMessage: (message) => told.push(message),
      onEnd: ({ code, message }) => resolve(`${code} ${message}`),
    });
    write(Buffer.from('begin'));
  });
  t.is(textOf(await call(session, 'beside')), 'beside');
  t.is(await ended, '11 that was all');
  t.deepEqual(told, messages);
});

test('a stream takes no more than the server has room for, says once that it is over, and nothing after it is closed', async (t) => {
  const read: number[] = [];
  const { socket, stop } = await serve(
    t,
    () => {},
    {},
    (stream) => {
      stream.respond({ ':status': 200 });
      stream.on('data', (chunk: Buffer) => read.push(chunk.length));
    },
  );
  const session = await opened(socket);
  const ends: string[] = [];
  const listener = (name: string) => ({ onMessage() {}, onEnd: () => ends.push(name) });
  const open = session.stream('/s/Watch', listener('open'));
  const closed = session.stream('/s/Watch', listener('closed'));
  closed.write(Buffer.alloc(10));
  const total = (): number => read.reduce((sum, length) => sum + length, 0);
  // Twice the window: what the server has read makes room again.
  while (total() < 130_000) {
    open.write(Buffer.alloc(10_000));
    await delay(1);
  }
  closed.close();
  stop();
  await session.greeted;
  while (session.isOpen) await delay(5);
  t.deepEqual(ends, ['open']);
});

test('a server that says nothing when it is connected to has no session', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'trimaster-grpc-'));
  const path = join(dir, 'socket');
  const connections: Socket[] = [];
  const silent = createPlainServer((connection) => connections.push(connection));
  await new Promise<void>((resolve) => silent.listen(path, resolve));
  const socket = new GrpcSocket({ path });
  t.teardown(() => {
    socket.close();
    for (const connection of connections) connection.destroy();
    silent.close();
    rmSync(dir, { recursive: true });
  });
  t.is(socket.session(1), undefined);
  t.is(await socket.opened(), undefined);
  const senseless = createPlainServer((connection) => connection.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  t.teardown(() => senseless.close());
  await new Promise<void>((resolve) => senseless.listen(`${path}-2`, resolve));
  t.is(await new GrpcSocket({ path: `${path}-2` }).opened(), undefined);
});
