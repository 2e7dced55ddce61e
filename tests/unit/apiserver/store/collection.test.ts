import test from 'ava';
import { Collection } from '../../../../master/apiserver/store/collection.ts';
import { storedFromValue } from '../../../../master/apiserver/store/value.ts';

const stored = (key: string, revision = 1) => storedFromValue(key, Buffer.from('x'), revision);

test('a list is sorted and bounded by its prefix after any order of changes', (t) => {
  const collection = new Collection();
  const keys = Array.from({ length: 500 }, (_, n) => `/registry/pods/${'ab'[n % 2]}/${(n * 7919) % 500}`);
  for (const key of keys) collection.put(stored(key));
  for (const key of keys.filter((_, n) => n % 3 === 0)) collection.delete(key);
  const left = keys.filter((_, n) => n % 3 !== 0).sort();
  t.deepEqual(
    collection.list('/registry/pods/').map(({ key }) => key),
    left,
  );
  t.deepEqual(
    collection.list('/registry/pods/b/').map(({ key }) => key),
    left.filter((key) => key.startsWith('/registry/pods/b/')),
  );
  t.deepEqual(collection.list('/registry/pods/c/'), []);
  t.is(collection.size, left.length);
});

test('a put gives what it replaces and a delete what it takes', (t) => {
  const collection = new Collection();
  const [first, second] = [stored('/registry/pods/a', 1), stored('/registry/pods/a', 2)];
  t.is(collection.put(first), undefined);
  t.is(collection.put(second), first);
  t.is(collection.get(first.key), second);
  t.is(collection.delete(first.key), second);
  t.is(collection.delete(first.key), undefined);
});

test('a list is the very same array until something under its prefix changes', (t) => {
  const collection = new Collection();
  collection.put(stored('/registry/pods/a/x'));
  collection.put(stored('/registry/pods/b/x'));
  const [all, ofA] = [collection.list('/registry/pods/'), collection.list('/registry/pods/a/')];
  t.is(collection.list('/registry/pods/'), all);
  const changed = stored('/registry/pods/b/x', 2);
  collection.put(changed);
  t.is(collection.list('/registry/pods/a/'), ofA);
  t.is(collection.list('/registry/pods/')[1], changed);
  t.is(all[1]?.revision, 1);
  collection.delete('/registry/pods/a/x');
  t.deepEqual(collection.list('/registry/pods/a/'), []);
});
