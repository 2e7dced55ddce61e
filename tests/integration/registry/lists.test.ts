/** Lists, their pages and watches over a real etcd. */
import test from 'ava';
import type { ConfigMap } from '../../../master/api/types.ts';
import type { ListResult } from '../../../master/apiserver/registry/context.ts';
import { configMap, context, inDefault, refusal, resource, startWorld, Watching, type World } from './world.ts';

let world: World;
test.before(async () => {
  world = await startWorld();
});
test.after.always(() => world.stop());

const ctx = context();
const configMaps = () => resource(world.registries[0], 'configmaps');

test('a list in pages shows one state, whatever is written meanwhile', async (t) => {
  const namespaces = resource(world.registries[0], 'namespaces');
  await namespaces.create(ctx, undefined, { metadata: { name: 'pages' } });
  for (const name of ['a', 'b', 'c', 'd', 'e']) await configMaps().create(ctx, 'pages', configMap(name));
  const first = await configMaps().list(ctx, 'pages', { limit: 2 });
  t.deepEqual(
    first.items.map(({ object }) => object.metadata?.name),
    ['a', 'b'],
  );
  t.is(first.remainingItemCount, 3);
  await configMaps().create(ctx, 'pages', configMap('bb'));
  await configMaps().delete(ctx, { namespace: 'pages', name: 'd' }, {});
  const second = await configMaps().list(ctx, 'pages', { limit: 2, continue: first.continue ?? '' });
  t.deepEqual(
    second.items.map(({ object }) => object.metadata?.name),
    ['c', 'd'],
  );
  t.is(second.revision, first.revision);
  const third = await configMaps().list(ctx, 'pages', { limit: 2, continue: second.continue ?? '' });
  t.deepEqual(
    third.items.map(({ object }) => object.metadata?.name),
    ['e'],
  );
  t.is(third.continue, undefined);
  const unpaged = await configMaps().list(ctx, 'pages', { resourceVersion: '0', limit: 1 });
  t.is(unpaged.continue, undefined);
});

test('a page of one state is made once for all who ask for it, and anew after a change', async (t) => {
  const namespaces = resource(world.registries[0], 'namespaces');
  await namespaces.create(ctx, undefined, { metadata: { name: 'same-pages' } });
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    await configMaps().create(
      ctx,
      'same-pages',
      configMap(name, {}, { labels: { odd: String('ace'.includes(name)) } }),
    );
  }
  const list = (options: object) => configMaps().list(ctx, 'same-pages', { limit: 2, ...options });
  const odd = { labelSelector: 'odd=true' };
  const names = ({ items }: ListResult) => items.map(({ object }) => object.metadata?.name).join('');
  const [first, selected] = [await list({}), await list(odd)];
  t.deepEqual([names(first), names(selected)], ['ab', 'ac']);
  // What changes elsewhere moves the revision that the page shows, and nothing else.
  const elsewhere = await configMaps().create(ctx, 'default', configMap('not-on-these-pages'));
  const again = await list({});
  t.is(again.items, first.items);
  t.is((await list(odd)).items, selected.items);
  t.true(again.revision >= elsewhere.revision);
  t.is(names(await list({ continue: again.continue })), 'cd');
  t.is(names(await list({ ...odd, continue: selected.continue })), 'e');
  t.is(names(await list({ limit: 3 })), 'abc');

  await configMaps().delete(ctx, { namespace: 'same-pages', name: 'a' }, {});
  const after = await list({});
  t.deepEqual([names(after), after.remainingItemCount], ['bc', 2]);
  t.is(names(await list(odd)), 'ce');
  t.is(names(await list({ continue: again.continue })), 'cd');
});

test('a list can be of exactly one past state', async (t) => {
  const before = await configMaps().list(ctx, 'default', {});
  await configMaps().create(ctx, 'default', configMap('afterwards'));
  const exact = await configMaps().list(ctx, 'default', {
    resourceVersion: String(before.revision),
    resourceVersionMatch: 'Exact',
  });
  t.deepEqual(
    exact.items.map(({ key }) => key),
    before.items.map(({ key }) => key),
  );
  t.is((await refusal(configMaps().list(ctx, 'default', { resourceVersionMatch: 'Exact' }))).reason, 'Invalid');
  t.is((await refusal(configMaps().list(ctx, 'default', { resourceVersion: 'x' }))).code, 400);
});

test('a watch with a selector sees objects come and go as they begin and cease to match', async (t) => {
  const watching = new Watching();
  const end = new AbortController();
  t.teardown(() => end.abort());
  const { revision } = await configMaps().list(ctx, 'default', {});
  const options = { labelSelector: 'w=yes', resourceVersion: String(revision) };
  await configMaps().watch(ctx, 'default', options, watching, end.signal);
  const labelled = (w: string) => configMap('watched', {}, { labels: { w } });
  await configMaps().create(ctx, 'default', labelled('no'));
  await configMaps().update(ctx, inDefault('watched'), labelled('yes'));
  await configMaps().update(ctx, inDefault('watched'), { ...labelled('yes'), data: { a: '1' } } as ConfigMap);
  await configMaps().update(ctx, inDefault('watched'), labelled('no'));
  await configMaps().update(ctx, inDefault('watched'), labelled('yes'));
  await configMaps().delete(ctx, inDefault('watched'), {});
  t.deepEqual(await watching.until(5), [
    'ADDED watched',
    'MODIFIED watched',
    'DELETED watched',
    'ADDED watched',
    'DELETED watched',
  ]);
});

test('a watch may begin with the state, and say where that ends', async (t) => {
  await configMaps().create(ctx, 'kube-public', configMap('there'));
  const watching = new Watching();
  const end = new AbortController();
  t.teardown(() => end.abort());
  const options = { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' };
  await configMaps().watch(ctx, 'kube-public', options, watching, end.signal);
  t.deepEqual(watching.seen, ['ADDED there']);
  t.true((watching.initialEnd ?? 0) > 0);
  t.is(
    (await refusal(configMaps().watch(ctx, 'default', { sendInitialEvents: true }, watching, end.signal))).reason,
    'Invalid',
  );
});
