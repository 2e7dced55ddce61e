import test from 'ava';
import { judgeLeaders } from '../../chaos/judge.ts';
import { doubleBeliefs, sharedGenerations, takeoverOf } from '../../chaos/oracles/leaders.ts';
import type { Action, Belief, LeaseChange } from '../../chaos/witness/messages.ts';

const role = 'scheduler';
const belief = (master: string, generation: number, fromMs: number, toMs: number): Belief => ({
  ...{ type: 'belief', role, master, generation, fromMs, toMs, over: true },
});
const lease = (holder: string, generation: number, acquiredMs: number): LeaseChange => ({
  ...{ type: 'lease', role, holder, generation, acquiredMs, atMs: acquiredMs + 5 },
});
const action = (atMs: number): Action => ({ type: 'acted', role, name: `work-${atMs}`, atMs });

test('the parts of a takeover are those of the next generation', (t) => {
  const sightings = {
    leases: [lease('a', 1, 10), lease('', 1, 10), lease('b', 2, 3_000)],
    beliefs: [belief('a', 1, 20, 990), belief('b', 2, 3_040, 9_000)],
    actions: [action(500), action(990), action(3_100), action(3_200)],
    parts: [
      { type: 'parts', role, generation: 1, parts: { detected: 1 } },
      { type: 'parts', role, generation: 2, parts: { detected: 7 } },
    ],
  } as const;
  t.deepEqual(takeoverOf(role, 1_000, sightings), {
    role,
    electedMs: 2_000,
    leadingMs: 2_040,
    firstActionMs: 2_100,
    parts: { detected: 7 },
  });
  t.is(takeoverOf('controller-manager', 1_000, sightings), undefined);
  t.is(takeoverOf(role, 4_000, sightings), undefined, 'nobody has taken over since');
});

test('work that the old leader did just before the fault is not the new one’s', (t) => {
  const sightings = {
    leases: [lease('a', 1, 10), lease('b', 2, 3_000)],
    beliefs: [],
    actions: [action(1_001)],
    parts: [],
  };
  t.is(takeoverOf(role, 1_000, sightings)?.firstActionMs, undefined);
});

test('two leaders at once are found, and a handover is not taken for it', (t) => {
  t.deepEqual(doubleBeliefs([belief('a', 1, 0, 100), belief('b', 2, 100, 200)]), []);
  const [double] = doubleBeliefs([belief('a', 1, 0, 150), belief('b', 2, 100, 200)]);
  t.like(double, { masters: ['a', 'b'], atMs: 100, lastedMs: 50 });
  t.is(doubleBeliefs([belief('a', 1, 0, 500), belief('b', 2, 100, 110), belief('c', 3, 200, 210)]).length, 2);
});

test('a leader that slept is told apart from two that were awake', (t) => {
  const sightings = {
    beliefs: [belief('b', 2, 100, 900), belief('a', 1, 500, 540)],
    leases: [],
    actions: [],
    parts: [],
  };
  t.is(judgeLeaders(sightings, []).violations.length, 1);
  const excused = judgeLeaders(sightings, [{ fromMs: 50, toMs: 600 }]);
  t.deepEqual(excused.violations, []);
  t.is(excused.sleepers.length, 1);
});

test('a generation that two held is found', (t) => {
  t.deepEqual(sharedGenerations([lease('a', 1, 0), lease('a', 1, 0), lease('', 1, 0), lease('b', 2, 0)]), []);
  t.is(sharedGenerations([lease('a', 1, 0), lease('b', 1, 0)]).length, 1);
});
