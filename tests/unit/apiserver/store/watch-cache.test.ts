import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { isExpired } from '../../../../master/api/errors.ts';
import { OwnWrites } from '../../../../master/apiserver/store/own-writes.ts';
import type { StoreEvent } from '../../../../master/apiserver/store/types.ts';
import { encodeValue } from '../../../../master/apiserver/store/value.ts';
import { WatchCache } from '../../../../master/apiserver/store/watch-cache.ts';
import type { WireEvent } from '../../../../master/apiserver/store/wire.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const prefix = '/registry/pods/';
const limits = { maxAgeMs: 60_000, maxEvents: 5, maxBytes: 1_000_000 };

function put(name: string, revision: number, key = `${prefix}${name}`): WireEvent {
  const { text } = encodeValue({ kind: 'Pod', apiVersion: 'v1', metadata: { name } });
  return { type: 'put', kv: { key, revision, value: Buffer.from(text) } };
}

function remove(name: string, revision: number): WireEvent {
  return { type: 'delete', kv: { key: `${prefix}${name}`, revision, value: Buffer.alloc(0) } };
}

function filled(deliveryPaceMs = 0) {
  const clock = new ManualClock();
  const ownWrites = new OwnWrites();
  const cache = new WatchCache({ ownWrites, limits, clock, deliveryPaceMs });
  cache.reset([], 10);
  return { cache, clock, ownWrites };
}

function listen(cache: WatchCache, from: number, under = prefix) {
  const batches: (readonly StoreEvent[])[] = [];
  const ends: Error[] = [];
  const source = cache.watch(under, from, {
    onEvents: (events) => batches.push(events),
    onEnd: (error) => ends.push(error),
  });
  return { source, batches, ends, revisions: () => batches.flat().map(({ revision }) => revision) };
}

test('watchers of one prefix are given the very same batch, and what came together comes together', async (t) => {
  const { cache } = filled();
  const [one, two] = [listen(cache, 10), listen(cache, 10)];
  await turn();
  cache.apply([put('a', 11)]);
  cache.apply([put('b', 12)]);
  await turn();
  t.is(one.batches.length, 1);
  t.deepEqual(one.revisions(), [11, 12]);
  t.is(one.batches[0], two.batches[0]);
});

test('a change after a pause is delivered at once, and those that follow closely wait to come together', async (t) => {
  const { cache, clock } = filled(5);
  const watch = listen(cache, 10);
  await turn();
  clock.advance(100);
  cache.apply([put('a', 11)]);
  await turn();
  t.deepEqual(watch.revisions(), [11]);
  clock.advance(1);
  cache.apply([put('b', 12)]);
  cache.apply([put('c', 13)]);
  await turn();
  t.is(watch.batches.length, 1);
  t.is(watch.source.revision, 11);
  clock.advance(4);
  t.is(watch.batches.length, 2);
  t.deepEqual(watch.revisions(), [11, 12, 13]);
});

test('a watch that begins between an event and its delivery is told of it once', async (t) => {
  const { cache } = filled();
  cache.apply([put('a', 11)]);
  const late = listen(cache, 10);
  const later = listen(cache, 11);
  cache.apply([put('b', 12)]);
  await turn();
  cache.apply([put('c', 13)]);
  await turn();
  t.deepEqual(late.revisions(), [11, 12, 13]);
  t.deepEqual(later.revisions(), [12, 13]);
});

test('a watch from a revision that the cache has yet to reach is told only what follows it', async (t) => {
  const { cache } = filled();
  const ahead = listen(cache, 12);
  cache.apply([put('a', 11), put('b', 12)]);
  await turn();
  t.is(ahead.source.revision, 12);
  cache.apply([put('c', 13)]);
  await turn();
  t.deepEqual(ahead.revisions(), [13]);
});

test('a watch is told nothing of other collections, but its revision goes on with them', async (t) => {
  const { cache } = filled();
  const pods = listen(cache, 10);
  await turn();
  cache.apply([put('x', 11, '/registry/nodes/x'), put('y', 12, '/elsewhere')]);
  await turn();
  t.deepEqual(pods.batches, []);
  t.is(pods.source.revision, 12);
  t.is(cache.get('/registry/nodes/x')?.revision, 11);
});

test('a watch that began ahead of the cache goes on with other collections too, and never back', async (t) => {
  const { cache } = filled();
  const ahead = listen(cache, 12);
  await turn();
  t.is(ahead.source.revision, 12);
  cache.apply([put('x', 11, '/registry/nodes/x')]);
  t.is(ahead.source.revision, 12);
  cache.progress(13);
  t.is(ahead.source.revision, 13);
  cache.apply([put('a', 14)]);
  t.is(ahead.source.revision, 13, 'not yet told of it');
  await turn();
  t.is(ahead.source.revision, 14);
  t.deepEqual(ahead.revisions(), [14]);
});

test('a watcher that throws is ended and the others are served', async (t) => {
  const { cache } = filled();
  const ends: Error[] = [];
  cache.watch(prefix, 10, {
    onEvents: () => {
      throw new Error('broken');
    },
    onEnd: (error) => ends.push(error),
  });
  const other = listen(cache, 10);
  cache.apply([put('a', 11)]);
  await turn();
  t.true(isExpired(ends[0]));
  t.deepEqual(other.revisions(), [11]);
});

test('a closed watch hears nothing more', async (t) => {
  const { cache } = filled();
  const watch = listen(cache, 10);
  cache.apply([put('a', 11)]);
  watch.source.close();
  await turn();
  t.deepEqual(watch.batches, []);
  t.is(cache.watcherCount, 0);
});

test('the past is remembered as far as the limits reach, and refused beyond', (t) => {
  const { cache, clock } = filled();
  for (let revision = 11; revision <= 17; revision += 1) cache.apply([put(`p-${revision}`, revision)]);
  t.true(isExpired(t.throws(() => listen(cache, 11))));
  t.notThrows(() => listen(cache, 12));
  clock.advance(60_001);
  cache.apply([put('late', 18)]);
  t.true(isExpired(t.throws(() => listen(cache, 16))));
  t.is(cache.listAt(prefix, 16), undefined);
});

test('a watch of what has not changed since may begin before what is remembered of others', async (t) => {
  const { cache } = filled();
  cache.apply([put('a', 11)]);
  for (let revision = 12; revision <= 20; revision += 1) cache.apply([put('x', revision, '/registry/nodes/x')]);
  t.true(isExpired(t.throws(() => listen(cache, 10))));
  t.true(isExpired(t.throws(() => listen(cache, 14, '/registry/nodes/'))));
  t.true(isExpired(t.throws(() => listen(cache, 9, '/registry/services/'))));
  const watch = listen(cache, 11);
  cache.apply([put('b', 21)]);
  await turn();
  t.deepEqual(watch.revisions(), [21]);
});

test('a past state is the present one with what followed undone', (t) => {
  const { cache } = filled();
  cache.apply([put('a', 11)]);
  cache.apply([put('b', 12)]);
  cache.apply([put('a', 13)]);
  cache.apply([remove('b', 14)]);
  const at = (revision: number) =>
    cache.listAt(prefix, revision)?.items.map((item) => [item.key.slice(prefix.length), item.revision]);
  t.deepEqual(at(10), []);
  t.deepEqual(at(12), [
    ['a', 11],
    ['b', 12],
  ]);
  t.deepEqual(at(13), [
    ['a', 13],
    ['b', 12],
  ]);
  t.deepEqual(at(14), [['a', 13]]);
  t.is(cache.listAt(prefix, 15), undefined);
});

test('starting over ends every watch and forgets the past', (t) => {
  const { cache, ownWrites } = filled();
  const watch = listen(cache, 10);
  const pending = ownWrites.begin('mine');
  cache.reset([put('a', 3).kv], 5);
  t.true(isExpired(watch.ends[0]));
  t.is(cache.revision, 5);
  t.deepEqual(
    cache.list(prefix).items.map(({ revision }) => revision),
    [3],
  );
  t.true(pending.lost, 'an outcome that the watch may have missed is not taken for a failure');
});

test('a cache that is filled with a past state shows nothing before it has caught up', async (t) => {
  const { cache } = filled();
  cache.reset([put('a', 20).kv], 20, 22);
  const reading = cache.waitFor(0, 1000);
  t.false(cache.filled);
  t.throws(() => listen(cache, 20));
  cache.apply([put('b', 21)]);
  t.false(cache.filled);
  cache.apply([put('c', 22)]);
  t.true(await reading);
  t.true(cache.filled);
  const watch = listen(cache, 20);
  await turn();
  t.deepEqual(watch.revisions(), [21, 22]);
});

test('a write of this process is recognised by its token when the watch brings it', (t) => {
  const { cache, ownWrites } = filled();
  const { text, token } = encodeValue({ kind: 'Pod', metadata: { name: 'a' } });
  const pending = ownWrites.begin(token);
  const other = ownWrites.begin('another');
  cache.apply([{ type: 'put', kv: { key: `${prefix}a`, revision: 11, value: Buffer.from(text) } }]);
  t.is(pending.revision, 11);
  t.is(other.revision, undefined);
});

test('waiting for a revision ends when it comes, by an event or by progress, or when the time is over', async (t) => {
  const { cache, clock } = filled();
  const [eleven, twelve, never] = [11, 12, 99].map((revision) => cache.waitFor(revision, 1000));
  cache.apply([put('a', 11)]);
  t.true(await eleven);
  cache.progress(12);
  t.true(await twelve);
  clock.advance(1000);
  t.false(await never);
});
