import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { reset } from '../../../lb/relay.ts';
import { bench, TestMaster, until } from './support.ts';

const mebibyte = 1024 * 1024;

/** Bytes that show where they belong, so that a lost, doubled or overwritten piece is seen. */
function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let offset = 0; offset + 4 <= length; offset += 4) bytes.writeUInt32BE(offset, offset);
  return bytes;
}

/** All bytes until the other side ends; the socket stays open for an answer. */
function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve) => socket.once('end', () => resolve(Buffer.concat(chunks))));
}

test('a long answer arrives whole, also at a client that reads in fits and starts', async (t) => {
  const sent = pattern(24 * mebibyte);
  const master = new TestMaster('a', (socket) => socket.once('data', () => socket.end(sent)).resume());
  const { client } = await bench(t, [master]);
  const { socket } = await client();
  socket.removeAllListeners('data').pause();
  socket.write('go');
  const chunks: Buffer[] = [];
  let count = 0;
  for await (const chunk of socket) {
    chunks.push(chunk);
    if (count++ % 100 === 0) await setTimeout(1);
  }
  t.true(Buffer.concat(chunks).equals(sent));
});

test('a long upload arrives whole, and the master can answer after its end', async (t) => {
  const sent = pattern(24 * mebibyte);
  const received = Promise.withResolvers<Buffer>();
  const master = new TestMaster('a', async (socket) => {
    received.resolve(await readAll(socket.resume()));
    socket.end('got it');
  });
  const { client } = await bench(t, [master]);
  const uploading = await client();
  uploading.socket.end(sent);
  t.true((await received.promise).equals(sent));
  await once(uploading.socket, 'end');
  t.is(uploading.text, 'got it');
});

test('a master that sends faster than its client reads is held back', async (t) => {
  let written = 0;
  const master = new TestMaster('a', (socket) => {
    const block = Buffer.alloc(mebibyte);
    const pump = () => {
      while (!socket.destroyed && written < 512) {
        written++;
        if (!socket.write(block)) return;
      }
    };
    socket.on('drain', pump);
    socket.once('data', pump).resume();
  });
  const { client, balancer } = await bench(t, [master]);
  const { socket } = await client();
  socket.removeAllListeners('data').pause();
  socket.write('go');
  let before = -1;
  await until(() => {
    const same = written > 0 && written === before;
    before = written;
    return same;
  });
  await setTimeout(50);
  t.true(written < 100, `${written} MiB are under way`);
  socket.destroy();
  await until(() => balancer.snapshot().connections === 0);
});

test('a connection that the master resets is reset for the client, not ended', async (t) => {
  const master = new TestMaster('a');
  const { client } = await bench(t, [master]);
  const cut = await client();
  await cut.ask('x');
  for (const socket of master.sockets) socket.resetAndDestroy();
  await cut.closed;
  t.is(cut.error?.code, 'ECONNRESET');
});

test('a connection that the master ends is ended for the client, with the last bytes', async (t) => {
  const master = new TestMaster('a', (socket) => socket.once('data', () => socket.end('bye')).resume());
  const { client, balancer } = await bench(t, [master]);
  const ended = await client();
  ended.socket.write('x');
  await once(ended.socket, 'end');
  t.is(ended.text, 'bye');
  ended.socket.end();
  await ended.closed;
  t.is(ended.error, undefined);
  await until(() => balancer.snapshot().connections === 0);
});

test('the bytes carried are counted, of open and of closed connections', async (t) => {
  const { client, balancer } = await bench(t, [new TestMaster('a')]);
  const open = await client();
  await open.ask('12345');
  const gone = await client();
  await gone.ask('123');
  gone.socket.destroy();
  await until(() => balancer.snapshot().connections === 1);
  const text = await balancer.metrics.registry.metrics();
  t.regex(text, /trimaster_lb_bytes_total\{direction="sent"\} 8\n/);
  t.regex(text, /trimaster_lb_bytes_total\{direction="received"\} 12\n/);
});

test('connections that come and go use the same memory, and never see each other’s bytes', async (t) => {
  const master = new TestMaster('a', (socket) => {
    socket.on('data', (bytes: Buffer) => socket.write(bytes));
    socket.on('end', () => socket.end());
    socket.resume();
  });
  const { client } = await bench(t, [master]);
  const talk = async (number: number): Promise<boolean> => {
    const { socket } = await client();
    const sent = Buffer.alloc(300_000 + number, String.fromCharCode(65 + (number % 26)));
    socket.removeAllListeners('data');
    if (number % 5 === 0) {
      // Leaves in the middle, with bytes on their way.
      socket.write(sent);
      await once(socket.resume(), 'data');
      socket.destroy();
      return true;
    }
    const received = readAll(socket);
    socket.end(sent);
    return (await received).equals(sent);
  };
  for (let round = 0; round < 5; round++) {
    const whole = await Promise.all(Array.from({ length: 20 }, (_, i) => talk(round * 20 + i)));
    t.true(whole.every(Boolean));
  }
});

const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()));

/** A connection of which the other side reads. */
async function connected(t: ExecutionContext): Promise<{ socket: Socket; client: Socket; address: AddressInfo }> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('a TCP server has no address');
  const client = connect(address.port, address.address).on('error', () => {});
  const [socket]: Socket[] = await once(server, 'connection');
  if (!socket) throw new Error('there is no connection');
  t.teardown(() => void socket.destroy());
  return { socket, client: client.resume(), address };
}

for (const [state, ended] of [
  ['is open', undefined],
  ['has just been ended', Buffer.alloc(0)],
  ['has just been ended, with bytes on their way', Buffer.alloc(64 * mebibyte)],
] as const) {
  test(`a connection that ${state} is gone for both sides when it is reset`, async (t) => {
    const { socket, client } = await connected(t);
    const gone = Promise.all([closed(socket), closed(client)]);
    if (ended) socket.end(ended);
    reset(socket);
    await gone;
    t.true(client.destroyed);
  });
}

test('an attempt to connect is not waited for when it is reset', async (t) => {
  const { address } = await connected(t);
  const socket = connect(address.port, address.address);
  reset(socket);
  t.true(socket.destroyed);
  await closed(socket);
});
