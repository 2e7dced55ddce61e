/** What every Store promises (store/types.ts), held against a store over a real etcd member. */
import test from 'ava';
import { isExpired } from '../../../master/api/errors.ts';
import { fenceKey } from '../../../master/api/fence.ts';
import { ExtraConflict, FenceLost, KeyExists, RevisionMismatch } from '../../../master/apiserver/store/errors.ts';
import type { EtcdStore } from '../../../master/apiserver/store/etcd-store.ts';
import { listPrefix, objectKey } from '../../../master/apiserver/store/keys.ts';
import { anyRevision, consistent } from '../../../master/apiserver/store/types.ts';
import { startEtcd, type TestEtcd } from '../../support/etcd.ts';
import { configMap, Recorder, startStore } from '../../support/store.ts';

let etcd: TestEtcd;
let store: EtcdStore;
let stopStore: () => Promise<void>;
let namespaces = 0;

test.before(async () => {
  etcd = await startEtcd(1);
  ({ store, stop: stopStore } = await startStore(etcd.endpoints));
});
test.after.always(async () => {
  await stopStore?.();
  await etcd?.stop();
});

/** A namespace of its own for each test, so that they can run side by side. */
function room() {
  namespaces += 1;
  const namespace = `room-${namespaces}`;
  return {
    namespace,
    prefix: listPrefix('configmaps', namespace),
    key: (name: string) => objectKey('configmaps', namespace, name),
  };
}

test('a created object is read back with the revision of its write, in the object and in its bytes', async (t) => {
  const { key, namespace } = room();
  const created = await store.create(key('a'), configMap(namespace, 'a', { text: 'Grüße' }));
  const read = await store.get(key('a'), consistent);
  t.is(read?.revision, created.revision);
  t.is(read?.object.metadata?.resourceVersion, String(created.revision));
  t.deepEqual(JSON.parse(String(read?.bytes)), read?.object);
  t.deepEqual(read?.bytes, created.bytes);
  t.deepEqual(read?.object, {
    ...configMap(namespace, 'a', { text: 'Grüße' }),
    metadata: { name: 'a', namespace, resourceVersion: String(created.revision) },
  });
});

test('a second create of the same key is refused', async (t) => {
  const { key, namespace } = room();
  await store.create(key('a'), configMap(namespace, 'a'));
  await t.throwsAsync(store.create(key('a'), configMap(namespace, 'a')), { instanceOf: KeyExists });
});

test('an update compares the revision and tells the loser what is there', async (t) => {
  const { key, namespace } = room();
  const first = await store.create(key('a'), configMap(namespace, 'a', { n: '1' }));
  const second = await store.update(key('a'), configMap(namespace, 'a', { n: '2' }), first.revision);
  t.true(second.revision > first.revision);
  const error = await t.throwsAsync<RevisionMismatch>(
    store.update(key('a'), configMap(namespace, 'a', { n: '3' }), first.revision),
    { instanceOf: RevisionMismatch },
  );
  t.deepEqual(error?.current?.object, second.object);
  t.is((await store.get(key('a'), consistent))?.revision, second.revision);
});

test('an update of a key that is not there is refused and finds nothing', async (t) => {
  const { key, namespace } = room();
  const error = await t.throwsAsync<RevisionMismatch>(store.update(key('a'), configMap(namespace, 'a'), 1), {
    instanceOf: RevisionMismatch,
  });
  t.is(error?.current, undefined);
});

test('a delete answers the last state under the revision of the deletion', async (t) => {
  const { key, namespace } = room();
  const created = await store.create(key('a'), configMap(namespace, 'a', { n: '1' }));
  await t.throwsAsync(store.delete(key('a'), created.revision - 1), { instanceOf: RevisionMismatch });
  const { revision, last } = await store.delete(key('a'), created.revision);
  t.true(revision > created.revision);
  t.is(last.object.metadata?.resourceVersion, String(revision));
  t.is(JSON.parse(last.bytes.toString()).data.n, '1');
  t.is(await store.get(key('a'), consistent), undefined);
});

test('a list has what is under its prefix and nothing else, in the order of keys', async (t) => {
  const { key, namespace, prefix } = room();
  const neighbour = `${namespace}-x`;
  for (const name of ['b', 'c', 'a-b', 'a']) await store.create(key(name), configMap(namespace, name));
  await store.create(objectKey('configmaps', neighbour, 'a'), configMap(neighbour, 'a'));
  const { items, revision } = await store.list(prefix, consistent);
  t.deepEqual(
    items.map((item) => item.key),
    ['a', 'a-b', 'b', 'c'].map(key),
  );
  t.true(revision >= (items.at(-1)?.revision ?? 0));
  t.deepEqual((await store.list(listPrefix('nothing'), anyRevision)).items, []);
});

test('a list at an old revision shows the state of then, also when the cache no longer remembers it', async (t) => {
  const { key, namespace, prefix } = room();
  const a = await store.create(key('a'), configMap(namespace, 'a', { n: '1' }));
  const b = await store.create(key('b'), configMap(namespace, 'b'));
  await store.update(key('a'), configMap(namespace, 'a', { n: '2' }), a.revision);
  await store.delete(key('b'), b.revision);
  await store.create(key('c'), configMap(namespace, 'c'));
  await store.get(key('c'), consistent);
  const fromWindow = await store.listAt(prefix, b.revision);
  t.deepEqual(
    fromWindow.items.map(({ object }) => object),
    [a.object, b.object],
  );
  const forgetful = await startStore(etcd.endpoints, { windowLimits: { maxAgeMs: 0, maxEvents: 0, maxBytes: 0 } });
  t.teardown(forgetful.stop);
  t.deepEqual(
    (await forgetful.store.listAt(prefix, b.revision)).items.map(({ bytes }) => bytes.toString()),
    fromWindow.items.map(({ bytes }) => bytes.toString()),
  );
});

test('a list at a revision that is yet to come says that it is too large', async (t) => {
  const future = (await store.currentRevision()) + 1_000_000;
  const error = await t.throwsAsync(store.list(listPrefix('configmaps'), { kind: 'atLeast', revision: future }));
  t.regex(error?.message ?? '', /^Too large resource version: \d+, current: \d+$/);
});

test('a watch tells every change after its revision once and in order, with the state before it', async (t) => {
  const { key, namespace, prefix } = room();
  const before = await store.create(key('before'), configMap(namespace, 'before'));
  const recorder = new Recorder(store, prefix, before.revision);
  t.teardown(() => recorder.close());
  const a = await store.create(key('a'), configMap(namespace, 'a', { n: '1' }));
  const second = await store.update(key('a'), configMap(namespace, 'a', { n: '2' }), a.revision);
  const gone = await store.delete(key('a'), second.revision);
  await recorder.reached(gone.revision);
  t.deepEqual(
    recorder.events.map(({ type, revision, current, previous }) => [
      type,
      revision,
      current?.object.metadata?.resourceVersion,
      previous?.object.metadata?.resourceVersion,
    ]),
    [
      ['put', a.revision, String(a.revision), undefined],
      ['put', second.revision, String(second.revision), String(a.revision)],
      // As Kubernetes: the last state carries the revision of its deletion.
      ['delete', gone.revision, undefined, String(gone.revision)],
    ],
  );
});

test('a watch from a past revision is told what it missed, then goes on', async (t) => {
  const { key, namespace, prefix } = room();
  const a = await store.create(key('a'), configMap(namespace, 'a'));
  const b = await store.create(key('b'), configMap(namespace, 'b'));
  await store.get(key('b'), consistent);
  const recorder = new Recorder(store, prefix, a.revision);
  t.teardown(() => recorder.close());
  const c = await store.create(key('c'), configMap(namespace, 'c'));
  await recorder.reached(c.revision);
  t.deepEqual(
    recorder.events.map(({ revision }) => revision),
    [b.revision, c.revision],
  );
});

test('a watch may go on at a store that was started since, without listing again', async (t) => {
  const { key, namespace, prefix } = room();
  const a = await store.create(key('a'), configMap(namespace, 'a', { n: '1' }));
  const b = await store.update(key('a'), configMap(namespace, 'a', { n: '2' }), a.revision);
  const younger = await startStore(etcd.endpoints);
  t.teardown(younger.stop);
  const recorder = new Recorder(younger.store, prefix, a.revision);
  await recorder.reached(b.revision);
  t.deepEqual(
    recorder.events.map(({ type, revision, previous }) => [type, revision, previous?.revision]),
    [['put', b.revision, a.revision]],
  );
});

test('a watch from before what the store remembers is refused as Expired', (t) => {
  const error = t.throws(() => store.watch(listPrefix('configmaps'), 0, { onEvents: () => {}, onEnd: () => {} }));
  t.true(isExpired(error));
});

test('a watch from a revision that etcd never reached is ended as Expired', async (t) => {
  const recorder = new Recorder(store, listPrefix('configmaps'), (await store.currentRevision()) + 1_000_000);
  t.true(isExpired(await recorder.ended));
});

test('a write behind a fence passes with the present generation and is refused with any other', async (t) => {
  const { key, namespace } = room();
  const fence = { namespace, lease: 'scheduler', generation: 7 };
  await t.throwsAsync(store.create(key('a'), configMap(namespace, 'a'), { fence }), { instanceOf: FenceLost });
  await store.create(key('lease'), configMap(namespace, 'lease'), { also: [{ key: fenceKey(fence), value: '7' }] });
  const created = await store.create(key('a'), configMap(namespace, 'a'), { fence });
  const lease = await store.get(key('lease'), consistent);
  await store.update(key('lease'), configMap(namespace, 'lease'), lease?.revision ?? 0, {
    also: [{ key: fenceKey(fence), value: '8' }],
  });
  await t.throwsAsync(store.update(key('a'), configMap(namespace, 'a'), created.revision, { fence }), {
    instanceOf: FenceLost,
  });
  await t.throwsAsync(store.delete(key('a'), created.revision, { fence }), { instanceOf: FenceLost });
  t.is((await store.get(key('a'), consistent))?.revision, created.revision);
});

test('a reservation is written with the object or neither is', async (t) => {
  const { key, namespace } = room();
  const address = `/registry/ranges/${namespace}/10.96.0.5`;
  const reserve = { also: [{ key: address, value: 'a', expectedRevision: 0 }] };
  const first = await store.create(key('a'), configMap(namespace, 'a'), reserve);
  const error = await t.throwsAsync<ExtraConflict>(store.create(key('b'), configMap(namespace, 'b'), reserve), {
    instanceOf: ExtraConflict,
  });
  t.is(error?.key, address);
  t.is(await store.get(key('b'), consistent), undefined);
  t.is((await store.get(address, consistent))?.bytes.toString(), 'a');
  await store.delete(key('a'), first.revision, { also: [{ key: address, delete: true }] });
  t.is(await store.get(address, consistent), undefined);
  await store.create(key('b'), configMap(namespace, 'b'), reserve);
  t.pass();
});

test('an object that is larger than etcd takes is refused as too large', async (t) => {
  const { key, namespace } = room();
  const huge = configMap(namespace, 'a', { text: 'x'.repeat(2_000_000) });
  const error = await t.throwsAsync(store.create(key('a'), huge));
  t.like(error, { reason: 'RequestEntityTooLarge' });
});
