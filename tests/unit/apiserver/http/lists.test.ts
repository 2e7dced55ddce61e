import test from 'ava';
import { defaultColumns, listTableJson, metadataListJson } from '../../../../master/apiserver/http/lists.ts';
import type { Stored } from '../../../../master/apiserver/store/types.ts';

function stored(name: string): Stored {
  const object = {
    metadata: { name, creationTimestamp: '2026-01-01T00:00:00Z', resourceVersion: '7' },
    data: { a: 'b' },
  };
  return { key: name, revision: 7, object, bytes: Buffer.from(JSON.stringify(object)) };
}

const items = [stored('a'), stored('b')];
const result = { items, revision: 9, continue: 'more', remainingItemCount: 3 };
const metadata = { resourceVersion: '9', continue: 'more', remainingItemCount: 3 };

test('a table has a row of cells for each item, with its metadata', (t) => {
  const table = JSON.parse(
    listTableJson(result, { version: 'v1', columns: defaultColumns, include: 'Metadata', now: 0 }),
  );
  t.deepEqual(table.metadata, metadata);
  t.deepEqual(
    table.columnDefinitions.map(({ name }: { name: string }) => name),
    ['Name', 'Created At'],
  );
  t.deepEqual(table.rows[1], {
    cells: ['b', '2026-01-01T00:00:00Z'],
    object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: items[1]?.object.metadata },
  });
});

test('a table carries the whole objects or none where that is asked for', (t) => {
  const first = (include: 'Object' | 'None') =>
    JSON.parse(listTableJson(result, { version: 'v1', columns: defaultColumns, include, now: 0 })).rows[0].object;
  t.deepEqual(first('Object'), items[0]?.object);
  t.is(first('None'), null);
});

test('a list of partial metadata has nothing but metadata', (t) => {
  const { kind, items: parts } = JSON.parse(metadataListJson(result, 'v1'));
  t.is(kind, 'PartialObjectMetadataList');
  t.deepEqual(Object.keys(parts[0]), ['kind', 'apiVersion', 'metadata']);
});
