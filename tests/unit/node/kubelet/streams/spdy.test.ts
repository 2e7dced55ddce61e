import { type Duplex, duplexPair, Readable } from 'node:stream';
import { deflateSync } from 'node:zlib';
import test from 'ava';
import { dictionary, HeaderReader, HeaderWriter } from '../../../../../node/kubelet/server/streams/spdy-headers.ts';
import {
  controlFrame,
  dataFrame,
  framesOf,
  SpdySession,
  type SpdyStream,
} from '../../../../../node/kubelet/server/streams/spdy-session.ts';

const synStream = 1;
const synReply = 2;
const rstStream = 3;
const ping = 6;
const fin = 1;

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A client that writes frames and reads them one by one. */
function connect(opened: (stream: SpdyStream) => void) {
  const [server, client]: Duplex[] = duplexPair();
  if (!server || !client) throw new Error('no pair');
  const run = new SpdySession(server, opened).run();
  const frames = framesOf(client);
  const writer = new HeaderWriter();
  return {
    client,
    run,
    async next() {
      const { value } = await frames.next();
      if (!value) throw new Error('the connection has ended');
      return value;
    },
    async open(id: number, headers: Record<string, string>, flags = 0) {
      const block = await writer.write(headers);
      client.write(controlFrame(synStream, flags, [word(id), word(0), Buffer.alloc(2), block]));
    },
  };
}

test('the dictionary is SPDY/3’s, by its length and checksum', (t) => {
  t.is(dictionary.length, 1423);
  t.is(deflateSync('', { dictionary }).subarray(2, 6).toString('hex'), 'e3c6a7c2');
});

test('header blocks are compressed over the whole connection', async (t) => {
  const writer = new HeaderWriter();
  const reader = new HeaderReader();
  const headers = { streamtype: 'data', port: '80', requestid: '0' };
  const first = await writer.write(headers);
  const second = await writer.write(headers);
  t.true(second.length < first.length);
  t.deepEqual(await reader.read(first), headers);
  t.deepEqual(await reader.read(second), headers);
  t.deepEqual(await reader.read(await writer.write({})), {});
});

test('a damaged header block is refused', async (t) => {
  await t.throwsAsync(new HeaderReader().read(Buffer.from('this is not compressed')));
});

test('frames are found wherever the bytes were cut', async (t) => {
  const bytes = Buffer.concat([
    controlFrame(ping, 0, [word(1)]),
    dataFrame(3, fin, Buffer.from('abc')),
    dataFrame(5, 0, Buffer.alloc(0)),
  ]);
  for (let size = 1; size < bytes.length; size += 1) {
    const chunks: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
    const seen = [];
    for await (const frame of framesOf(Readable.from(chunks)))
      seen.push([frame.type, frame.stream, String(frame.payload)]);
    t.deepEqual(seen, [
      [ping, 0, '\0\0\0\x01'],
      [0, 3, 'abc'],
      [0, 5, ''],
    ]);
  }
});

test('a stream is confirmed, carries bytes both ways, and ends on both sides', async (t) => {
  const { client, next, open, run } = connect((stream) => {
    t.deepEqual(stream.headers, { streamtype: 'data' });
    let asked = '';
    stream.on('data', (chunk) => {
      asked += String(chunk);
    });
    stream.on('end', () => stream.end(`answer to ${asked}`));
  });
  await open(1, { streamtype: 'data' });
  t.is((await next()).type, synReply);
  client.write(dataFrame(1, 0, Buffer.from('a ques')));
  client.write(dataFrame(1, fin, Buffer.from('tion')));
  t.is(String((await next()).payload), 'answer to a question');
  const last = await next();
  t.deepEqual([last.stream, last.flags, last.payload.length], [1, fin, 0]);
  client.end();
  await run;
});

test('a ping comes back as it is', async (t) => {
  const { client, next } = connect(() => t.fail());
  client.write(controlFrame(ping, 0, [word(7)]));
  const { type, payload } = await next();
  t.deepEqual([type, payload.readUInt32BE()], [ping, 7]);
});

test('a stream that the server gives up is reset, and one that the client gives up is closed', async (t) => {
  const given = Promise.withResolvers<SpdyStream>();
  const { client, next, open } = connect((stream) => {
    if (stream.headers.wanted === 'no') stream.destroy();
    else given.resolve(stream);
  });
  await open(1, { wanted: 'no' });
  await next();
  const reset = await next();
  t.deepEqual([reset.type, reset.payload.readUInt32BE()], [rstStream, 1]);
  await open(3, { wanted: 'yes' });
  const stream = await given.promise;
  const closed = new Promise((resolve) => stream.once('close', resolve));
  client.write(controlFrame(rstStream, 0, [word(3), word(5)]));
  await closed;
  t.true(stream.destroyed);
});

test('what is not SPDY/3, or too large to be meant, ends the connection', async (t) => {
  for (const bytes of [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'.repeat(2)).fill(0xff, 0, 2),
    controlFrame(4, 0, [Buffer.alloc(70_000)]),
  ]) {
    const { client, run } = connect(() => t.fail());
    const ended = t.throwsAsync(run, { message: /not SPDY\/3|too large/ });
    client.write(bytes);
    await ended;
  }
});
