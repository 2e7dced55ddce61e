import test from 'ava';
import { mayHedge } from '../../../../lb/core/budget.ts';

test('a few second tries are always allowed, also to a single client', (t) => {
  t.true(mayHedge(0, 1));
  t.true(mayHedge(9, 1));
  t.false(mayHedge(10, 1));
});

test('with many clients a fifth of them may be tried a second time', (t) => {
  t.true(mayHedge(199, 1_000));
  t.false(mayHedge(200, 1_000));
});
