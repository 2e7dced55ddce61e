import test from 'ava';
import { ExtraConflict, FenceLost, KeyExists, RevisionMismatch } from '../../../../master/apiserver/store/errors.ts';
import { refusalOf, toTxn, type WriteRequest } from '../../../../master/apiserver/store/transaction.ts';

const fence = { namespace: 'kube-system', lease: 'kube-scheduler', generation: 4 };
const request: WriteRequest = {
  key: '/registry/services/default/a',
  expectedRevision: 9,
  text: '{}',
  options: {
    fence,
    also: [
      { key: '/unconditional', value: 'x' },
      { key: '/reserved', value: 'a', expectedRevision: 0 },
    ],
  },
};
const found = (revision: number, value = '') => ({ key: '', revision, value: Buffer.from(value) });
const held = found(3, '4');

test('every condition is compared and every refusal can be told from what the failure finds', (t) => {
  const txn = toTxn(request, { key: '/epoch', value: 'e' });
  t.is(txn.compare.length, 4);
  t.is(txn.failure.length, 4);
  t.is(txn.success.length, 3);
});

test('a lost fence is named before anything else', (t) => {
  t.true(refusalOf(request, [undefined, found(3, '5'), found(8)]) instanceof FenceLost);
  t.true(refusalOf(request, [found(9), undefined, undefined]) instanceof FenceLost);
});

test('another revision is told with what is there', (t) => {
  const refusal = refusalOf(request, [found(10, 'x'), held, undefined]);
  t.true(refusal instanceof RevisionMismatch && refusal.current?.revision === 10);
  const gone = refusalOf(request, [undefined, held, undefined]);
  t.true(gone instanceof RevisionMismatch && gone.current === undefined);
  t.true(refusalOf({ ...request, expectedRevision: 0 }, [found(10), held, undefined]) instanceof KeyExists);
});

test('a reservation that is taken is named by its key', (t) => {
  const refusal = refusalOf(request, [found(9), held, found(2)]);
  t.true(refusal instanceof ExtraConflict && refusal.key === '/reserved');
});

test('when nothing of the write’s own is wrong, it may be sent again under a new epoch', (t) => {
  t.is(refusalOf(request, [found(9), held, undefined, found(1, 'other')]), undefined);
});
