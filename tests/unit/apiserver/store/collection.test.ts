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
