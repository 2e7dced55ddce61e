import test from 'ava';
import {
  type Condition,
  deepEqual,
  keyOf,
  nowMicros,
  nowSeconds,
  setCondition,
  splitKey,
} from '../../../master/api/meta.ts';

test('keys and names are each other’s inverse', (t) => {
  t.is(keyOf({ metadata: { namespace: 'a', name: 'b' } }), 'a/b');
  t.deepEqual(splitKey('a/b'), { namespace: 'a', name: 'b' });
  t.deepEqual(splitKey('b'), { name: 'b' });
});

test('times have the precision of Time and MicroTime', (t) => {
  const at = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
  t.is(nowSeconds(at), '2026-01-02T03:04:05Z');
  t.is(nowMicros(at), '2026-01-02T03:04:05.678000Z');
});

test('a condition’s transition time moves only when its status changes', (t) => {
  const first = setCondition<Condition>([], { type: 'Ready', status: 'True' }, 't1');
  const same = setCondition(first, { type: 'Ready', status: 'True', reason: 'Still' }, 't2');
  const changed = setCondition(same, { type: 'Ready', status: 'False' }, 't3');
  t.deepEqual(
    [first, same, changed].map(([condition]) => condition?.lastTransitionTime),
    ['t1', 't1', 't3'],
  );
  t.is(same[0]?.reason, 'Still');
});

test('equality is that of JSON', (t) => {
  t.true(deepEqual({ a: [1, { b: 2 }], c: undefined }, { a: [1, { b: 2 }] }));
  t.false(deepEqual({ a: 1 }, { b: 1 }));
  t.false(deepEqual([1], { 0: 1 }));
  t.false(deepEqual(null, {}));
});
