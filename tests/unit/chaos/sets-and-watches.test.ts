import test from 'ava';
import type { SetAdd, SetRead, Shown, WatchStretch } from '../../chaos/load/history.ts';
import { checkSet } from '../../chaos/oracles/sets.ts';
import { checkWatch, type Truth } from '../../chaos/oracles/watches.ts';

const common = { object: 's', client: 'c' };
const add = (fromMs: number, toMs: number, element: string, outcome: SetAdd['outcome'] = 'done'): SetAdd => ({
  ...{ kind: 'add', ...common, fromMs, toMs, element, outcome },
});
const elements = (fromMs: number, toMs: number, ...seen: string[]): SetRead => ({
  ...{ kind: 'elements', ...common, fromMs, toMs, elements: seen },
});

test('a set whose reads show all that was acknowledged passes', (t) => {
  const history = [
    add(0, 10, 'a'),
    add(5, 30, 'b'),
    elements(12, 20, 'a'),
    elements(13, 21, 'a', 'b'),
    elements(40, 41, 'b', 'a'),
  ];
  t.deepEqual(checkSet(history), []);
});

test('an acknowledged element that is missing is found', (t) => {
  t.regex(checkSet([add(0, 10, 'a'), add(0, 10, 'b'), elements(12, 20, 'a')])[0] ?? '', /^b: was acknowledged/);
});

test('an addition without an answer may be there or not, but does not go away again', (t) => {
  const lost = add(0, 10, 'a', 'unknown');
  t.deepEqual(checkSet([lost, elements(12, 20), elements(30, 31, 'a')]), []);
  t.true(checkSet([lost, elements(12, 20, 'a'), elements(30, 31)]).length > 0);
});

test('reads that contradict each other, unknown and refused elements are found', (t) => {
  const adds = [add(0, 100, 'a'), add(0, 100, 'b')];
  t.true(checkSet([...adds, elements(10, 20, 'a'), elements(10, 20, 'b'), elements(110, 111, 'a', 'b')]).length > 0);
  t.regex(checkSet([elements(0, 1, 'ghost')])[0] ?? '', /nobody added it/);
  t.regex(checkSet([add(0, 1, 'a', 'conflict'), elements(2, 3, 'a')])[0] ?? '', /refused/);
  t.true(checkSet([add(50, 60, 'a'), elements(10, 20, 'a')]).length > 0, 'read before it was sent');
});

const truth: Truth = { chains: new Map([['r', ['v1', 'v2', 'v3']]]), sets: new Map([['s', ['a', 'b']]]) };
const stretch = (
  listed: [string, Shown][],
  ...events: [type: string, object: string, shown: Shown, revision?: number][]
): WatchStretch => ({
  client: 'w',
  listed: new Map(listed),
  events: events.map(([type, object, shown, revision], index) => ({
    ...{ atMs: index, type, object, shown, revision: BigInt(revision ?? index + 1) },
  })),
  resumedMs: [],
});

test('a watch that told every state once and in order passes', (t) => {
  const whole = stretch(
    [['r', 'v1']],
    ['MODIFIED', 'r', 'v2'],
    ['ADDED', 's', ['a']],
    ['MODIFIED', 'r', 'v3'],
    ['MODIFIED', 's', ['a', 'b']],
  );
  t.deepEqual(checkWatch(whole, truth, true), []);
});

test('a watch that leaves out, repeats, reorders or ends early is found', (t) => {
  const wrong = (...args: Parameters<typeof stretch>): number => checkWatch(stretch(...args), truth, false).length;
  t.is(wrong([['r', 'v1']], ['MODIFIED', 'r', 'v3']), 1, 'left out');
  t.is(wrong([['r', 'v1']], ['MODIFIED', 'r', 'v2'], ['MODIFIED', 'r', 'v2']), 1, 'repeated');
  t.is(wrong([['r', 'v2']], ['MODIFIED', 'r', 'v1']), 1, 'went back');
  t.is(wrong([['r', 'v1']], ['MODIFIED', 'r', 'v2', 7], ['MODIFIED', 'r', 'v3', 6]), 1, 'revisions went back');
  t.is(wrong([['s', ['a']]], ['MODIFIED', 's', ['b']]), 1, 'an element went away');
  t.is(wrong([], ['ADDED', 's', ['a', 'b']]), 1, 'an addition was left out');
  t.is(wrong([['r', 'v1']], ['MODIFIED', 'r', 'ghost']), 1, 'nobody wrote it');
  t.is(wrong([['r', 'v1']], ['ADDED', 'r', 'v2']), 1, 'it was there already');
  t.is(
    checkWatch(
      stretch([
        ['r', 'v3'],
        ['s', ['a']],
      ]),
      truth,
      true,
    ).length,
    1,
    'the last element was never told',
  );
  t.is(
    checkWatch(
      stretch([
        ['r', 'v2'],
        ['s', ['a', 'b']],
      ]),
      truth,
      true,
    ).length,
    1,
    'the last value was never told',
  );
});
