import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import test, { type ExecutionContext } from 'ava';
import { expired } from '../../../../master/api/errors.ts';
import { kinds } from '../../../../master/api/kinds.ts';
import { jsonObject } from '../../../../master/apiserver/http/negotiate.ts';
import { eventEncoder } from '../../../../master/apiserver/http/watch-events.ts';
import { framed, httpSink, type WatchSink } from '../../../../master/apiserver/http/watch-sinks.ts';
import { WatchStream, type WatchStreamOptions } from '../../../../master/apiserver/http/watch-stream.ts';
import type { ResourceEvent, WatchProgress } from '../../../../master/apiserver/registry/context.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const columns = [
  {
    name: 'Name',
    type: 'string' as const,
    description: 'the name',
    priority: 0 as const,
    value: () => 'a',
  },
];
const table = { columns, include: 'None' as const, now: () => 0 };

function event(type: ResourceEvent['type'], revision: number, padding = ''): ResourceEvent {
  const object = { metadata: { name: 'a', resourceVersion: String(revision) }, padding };
  return { type, stored: { key: '/a', revision, object, bytes: Buffer.from(JSON.stringify(object)) } };
}

/** A stream on a real connection, and the client's side of it, not yet read from. */
async function open(
  t: ExecutionContext,
  options: Partial<WatchStreamOptions> = {},
  before: (stream: WatchStream) => void = () => {},
  progress?: WatchProgress,
): Promise<{ stream: WatchStream; answer: IncomingMessage }> {
  const { promise, resolve } = Promise.withResolvers<ServerResponse>();
  const server = createServer((_request, response) => resolve(response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  const request = get({ port: address.port, host: '127.0.0.1', agent: false });
  request.on('error', () => {});
  const answered = once(request, 'response');
  const encoder = eventEncoder(kinds.configmaps, jsonObject, table);
  const sink = httpSink(await promise, 'application/json');
  const stream = new WatchStream({ sink, encoder, bookmarks: false, timeoutMs: 60_000, ...options });
  before(stream);
  stream.begin(progress);
  const [answer] = await answered;
  return { stream, answer };
}

async function linesOf(answer: IncomingMessage): Promise<{ type: string; object: Record<string, unknown> }[]> {
  let text = '';
  for await (const chunk of answer.setEncoding('utf8')) text += chunk;
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

test('events are written in order, one JSON line each, and the end is clean', async (t) => {
  const { stream, answer } = await open(t);
  stream.onEvents([event('ADDED', 5), event('MODIFIED', 6)], 6);
  stream.onEvents([event('DELETED', 7)], 7);
  stream.end();
  const lines = await linesOf(answer);
  t.deepEqual(
    lines.map(({ type }) => type),
    ['ADDED', 'MODIFIED', 'DELETED'],
  );
  t.true(answer.complete);
});

test('a long state, its end and what follows come in this order, however slowly they are read', async (t) => {
  const padding = 'x'.repeat(100_000);
  const state = Array.from({ length: 50 }, (_, n) => event('ADDED', n + 1, padding));
  const options = { bookmarks: true, backlogLimitBytes: 1_000_000 };
  const { stream, answer } = await open(t, options, (begun) => {
    begun.onEvents(state, 60);
    begun.onInitialEventsEnd(60);
  });
  const changes = [event('MODIFIED', 61), event('DELETED', 62)];
  stream.onEvents(changes, 62);
  stream.end();
  const lines = await linesOf(answer);
  t.deepEqual(
    lines.map(({ type }) => type),
    [...state.map(() => 'ADDED'), 'BOOKMARK', 'MODIFIED', 'DELETED', 'BOOKMARK'],
  );
  t.true(answer.complete);
});

test('events that come together are written in the same bytes to all', (t) => {
  const encoder = eventEncoder(kinds.configmaps, jsonObject, table);
  const events = [event('ADDED', 1), event('DELETED', 2)];
  const chunk = encoder.together?.(events);
  t.is(encoder.together?.(events), chunk);
  t.is(eventEncoder(kinds.configmaps, jsonObject, table).together?.(events), chunk);
  t.is(chunk?.bytes.toString(), Buffer.concat(events.flatMap((each) => encoder.event(each))).toString());
  t.is(encoder.together?.([event('ADDED', 3, 'x'.repeat(200_000))]), undefined);
});

test('who asked for bookmarks gets one now and then and at the end', async (t) => {
  const { stream, answer } = await open(t, { bookmarks: true, bookmarkIntervalMs: 1, timeoutMs: 100 });
  stream.onEvents([], 41);
  stream.onInitialEventsEnd(42);
  const lines = await linesOf(answer);
  t.true(lines.length >= 3);
  t.true(lines.every(({ type }) => type === 'BOOKMARK'));
  t.deepEqual(lines[0]?.object, {
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: { resourceVersion: '42', creationTimestamp: null, annotations: { 'k8s.io/initial-events-end': 'true' } },
  });
  t.true(stream.signal.aborted);
});

test('a bookmark says how far an idle watch is, and never goes back behind an event', async (t) => {
  const clock = new ManualClock();
  let reached = 50;
  const options = { bookmarks: true, bookmarkIntervalMs: 60_000, timeoutMs: 200_000, clock };
  const { stream, answer } = await open(
    t,
    options,
    () => {},
    () => reached,
  );
  clock.advance(66_000);
  reached = 70;
  clock.advance(66_000);
  reached = 0;
  stream.onEvents([event('ADDED', 71)], 72);
  clock.advance(68_000);
  const lines = await linesOf(answer);
  const told = lines.map(({ type, object }) => `${type} ${Object(object.metadata).resourceVersion}`);
  t.deepEqual([...new Set(told)], ['BOOKMARK 50', 'BOOKMARK 70', 'ADDED 71', 'BOOKMARK 72']);
});

test('a watcher that does not read is told 410 and closed, and nothing is kept for it', async (t) => {
  const { stream, answer } = await open(t, { backlogLimitBytes: 1024 * 1024 });
  const padding = 'x'.repeat(100_000);
  for (let revision = 1; revision < 1000 && !stream.signal.aborted; revision += 1) {
    stream.onEvents([event('ADDED', revision, padding)], revision);
    await new Promise(setImmediate);
  }
  t.true(stream.signal.aborted);
  const lines = await linesOf(answer);
  const last = lines.at(-1);
  t.is(last?.type, 'ERROR');
  t.is(last?.object.code, 410);
});

test('an error ends the watch as its last event', async (t) => {
  const { stream, answer } = await open(t);
  stream.onEnd(expired('too old resource version: 1 (2)'));
  const lines = await linesOf(answer);
  t.deepEqual(lines, [{ type: 'ERROR', object: { ...expired('too old resource version: 1 (2)').status } }]);
});

test('a client that goes away ends the watch', async (t) => {
  const { stream, answer } = await open(t);
  answer.destroy();
  await new Promise((resolve) => stream.signal.addEventListener('abort', resolve, { once: true }));
  stream.onEvents([event('ADDED', 1)], 1);
  t.pass();
});

test('the events of a table carry the column definitions once', (t) => {
  const encoder = eventEncoder(kinds.configmaps, { shape: 'table', version: 'v1beta1' }, table);
  const object = (revision: number) =>
    JSON.parse(Buffer.concat([...encoder.event(event('ADDED', revision))]).toString()).object;
  t.is(object(1).columnDefinitions.length, 1);
  t.deepEqual(object(2), {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1beta1',
    metadata: { resourceVersion: '2' },
    columnDefinitions: [],
    rows: [{ cells: ['a'], object: null }],
  });
});

test('each write into a WebSocket is whole frames, for a pong may come between two writes', async (t) => {
  const writes: Buffer[] = [];
  let drained = (): void => {};
  const sink: WatchSink = {
    open: () => {},
    write: (parts, length) => {
      writes.push(Buffer.concat(parts, length));
      return false;
    },
    writeChunk: () => t.fail('what is shared has no frames'),
    end: () => {},
    destroy: () => {},
    waitingBytes: 0,
    over: false,
    listen: (listener) => {
      drained = listener.drained;
    },
  };
  const encoder = framed(eventEncoder(kinds.configmaps, jsonObject, table));
  const stream = new WatchStream({ sink, encoder, bookmarks: false, timeoutMs: 60_000 });
  stream.begin();
  const lengths = [10, 200, 70_000, 65_500, 10, 70_000];
  stream.onEvents(
    lengths.map((length, index) => event('ADDED', index + 1, 'x'.repeat(length))),
    lengths.length,
  );
  await new Promise(setImmediate);
  for (let round = 0; round < lengths.length; round += 1) drained();
  stream.end();
  const seen = writes.flatMap((bytes) => wholeFrames(bytes).map((text) => JSON.parse(text).object.padding.length));
  t.deepEqual(seen, lengths);
  t.true(writes.length > 1);
});

/** The texts of the frames; throws when the last one is not whole. */
function wholeFrames(bytes: Buffer): string[] {
  const texts: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const short = bytes.readUInt8(at + 1);
    const head = short < 126 ? 2 : short === 126 ? 4 : 10;
    const length =
      short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
    if (at + head + length > bytes.length) throw new Error('a frame that is not whole');
    texts.push(bytes.toString('utf8', at + head, at + head + length));
    at += head + length;
  }
  return texts;
}
