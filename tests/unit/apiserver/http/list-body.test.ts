import test from 'ava';
import { type Kind, kinds } from '../../../../master/api/kinds.ts';
import { ListBody } from '../../../../master/apiserver/http/list-body.ts';
import type { Stored } from '../../../../master/apiserver/store/types.ts';

function stored(name: string, text = ''): Stored {
  const object = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name, resourceVersion: '7' }, data: { text } };
  return { key: name, revision: 7, object, bytes: Buffer.from(JSON.stringify(object)) };
}

const long = (count: number): Stored[] => Array.from({ length: count }, (_, at) => stored(`o-${at}`, 'ä'.repeat(500)));

/** What a list says of an item. */
function untyped({ object: { kind: _kind, apiVersion: _version, ...rest } }: Stored): object {
  return rest;
}

test('a list joins the bytes of its items, without the kind that it says itself', (t) => {
  const items = [stored('a'), stored('b')];
  const result = { items, revision: 9, continue: 'more', remainingItemCount: 3 };
  t.deepEqual(JSON.parse(new ListBody(kinds.configmaps, result).whole().toString()), {
    kind: 'ConfigMapList',
    apiVersion: 'v1',
    metadata: { resourceVersion: '9', continue: 'more', remainingItemCount: 3 },
    items: items.map(untyped),
  });
  t.deepEqual(JSON.parse(new ListBody(kinds.leases, { items: [], revision: 1 }).whole().toString()), {
    kind: 'LeaseList',
    apiVersion: 'coordination.k8s.io/v1',
    metadata: { resourceVersion: '1' },
    items: [],
  });
});

test('a list in pieces has the length that it says, however often the same state is asked for', (t) => {
  const items = long(1_000);
  for (const revision of [9, 10, 11, 1_000]) {
    const body = new ListBody(kinds.configmaps, { items, revision, shared: true });
    const pieces = [...body.pieces()];
    t.true(pieces.length > 3);
    const whole = Buffer.concat(pieces);
    t.is(whole.length, body.length);
    const list = JSON.parse(whole.toString());
    t.is(list.metadata.resourceVersion, String(revision));
    t.deepEqual(list.items, items.map(untyped));
  }
});

test('items say their kind where it is a custom one, or where the store has it in another form', (t) => {
  const custom = { ...kinds.configmaps, custom: {} };
  const items = [stored('a')];
  const itemsOf = (kind: Kind, of: Stored[]): unknown =>
    JSON.parse(new ListBody(kind, { items: of, revision: 1 }).whole().toString()).items;
  t.deepEqual(itemsOf(custom, items), [items[0]?.object]);
  const object = { metadata: { name: 'b' }, apiVersion: 'v1', kind: 'ConfigMap' };
  const foreign = { key: 'b', revision: 7, object, bytes: Buffer.from(JSON.stringify(object)) };
  t.deepEqual(itemsOf(kinds.configmaps, [...items, foreign]), [untyped(stored('a')), object]);
});

test('a list that is asked for again is not joined again, and lists of other states go when there are many', (t) => {
  const lists = Array.from({ length: 10 }, () => long(4_000));
  const last = (items: Stored[]): Buffer | undefined =>
    [...new ListBody(kinds.configmaps, { items, revision: 1, shared: true }).pieces()].at(-1);
  for (const items of lists) last(items);
  const joined = lists.map((items) => last(items)?.buffer);
  const again = lists.toReversed().map((items) => last(items)?.buffer);
  t.is(again[0], joined[9]);
  t.is(again[1], joined[8]);
  t.not(again[9], joined[0]);
});
