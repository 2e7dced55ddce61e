import test from 'ava';
import {
  checkTimings,
  defaultTimings,
  type ElectionEffect,
  type ElectionEvent,
  type ElectionState,
  handOverMs,
  initialElection,
  step,
} from '../../../master/api/election.ts';

const config = { ...defaultTimings, identity: 'me', random: () => 0 };

/** Feeds events, each with its time, and gives the last state and the last effects. */
function after(events: readonly (readonly [number, ElectionEvent])[], from = initialElection) {
  let state: ElectionState = from;
  let effects: readonly ElectionEffect[] = [];
  for (const [now, event] of events) ({ state, effects } = step(state, event, now, config));
  return { state, effects };
}

const mine = (version: string) => ({ holder: 'me', generation: 1, version });
const leading = after([
  [0, { type: 'observed', lease: null }],
  [0, { type: 'written', lease: mine('1') }],
]).state;
const renewing = after([[defaultTimings.retryPeriodMs, { type: 'tick' }]], leading).state;
const writes = (effects: readonly ElectionEffect[]): string[] =>
  effects.flatMap((effect) => (effect.type === 'write' ? [effect.purpose] : []));

test('timings that cannot work are refused', (t) => {
  t.notThrows(() => checkTimings(defaultTimings));
  t.throws(() => checkTimings({ ...defaultTimings, renewDeadlineMs: defaultTimings.leaseDurationMs }));
  t.throws(() => checkTimings({ ...defaultTimings, retryPeriodMs: defaultTimings.renewDeadlineMs }));
  t.throws(() => checkTimings({ ...defaultTimings, retryPeriodMs: 0 }));
});

test('a stop while a renewal is under way releases the lease with the version that the renewal gave', (t) => {
  const { state } = after(
    [
      [300, { type: 'stop' }],
      [310, { type: 'ended' }],
    ],
    renewing,
  );
  t.is(state.role.name, 'releasing');
  const { effects } = step(state, { type: 'written', lease: mine('2') }, 320, config);
  t.deepEqual(writes(effects), ['release']);
  t.like(
    effects.find(({ type }) => type === 'write'),
    { expectedVersion: '2', holder: '', generation: 1 },
  );
});

test('a stop does not wait for work that is slow to end before it releases the lease', (t) => {
  const stopped = after([[100, { type: 'stop' }]], leading);
  t.deepEqual(writes(stopped.effects), []);
  t.deepEqual(stopped.effects.at(-1), { type: 'wake', atMs: 100 + handOverMs });
  t.deepEqual(writes(step(stopped.state, { type: 'tick' }, 100 + handOverMs, config).effects), ['release']);
});

test('a renewal that was thought lost and shows in the watch is followed by the next one at once', (t) => {
  const { state, effects } = after([[700, { type: 'writeFailed' }]], renewing);
  t.deepEqual(writes(effects), []);
  t.deepEqual(writes(step(state, { type: 'observed', lease: mine('2') }, 710, config).effects), ['renew']);
});

test('a released lease is taken at once, a held one when it has run out', (t) => {
  const held = after([[0, { type: 'observed', lease: { holder: 'other', generation: 4, version: '7' } }]]);
  t.deepEqual(held.effects, [{ type: 'wake', atMs: defaultTimings.leaseDurationMs }]);
  const lease = { holder: '', generation: 4, version: '8' };
  t.like(step(held.state, { type: 'observed', lease }, 10, config).effects[0], { purpose: 'acquire', generation: 5 });
});

test('a lead counts from when its acquisition was sent, however late the answer comes', (t) => {
  const { renewDeadlineMs } = defaultTimings;
  const late = renewDeadlineMs - 100;
  const asked = after([[0, { type: 'observed', lease: null }]]).state;
  const { state } = step(asked, { type: 'written', lease: mine('1') }, late, config);
  t.like(state.role, { name: 'leading', renewedMs: 0 });
  const tooLate = step(asked, { type: 'written', lease: mine('1') }, renewDeadlineMs + 1, config);
  t.is(tooLate.state.role.name, 'standby');
  t.like(tooLate.effects[0], { purpose: 'acquire', generation: 2 });
});

test('who lost a race asks for the Lease only where nothing has shown who won', (t) => {
  const released = { holder: '', generation: 4, version: '8' };
  const trying = after([[10, { type: 'observed', lease: released }]]);
  t.deepEqual(writes(trying.effects), ['acquire']);
  const reads = ({ effects }: { effects: readonly ElectionEffect[] }) => effects.filter(({ type }) => type === 'read');
  t.is(reads(after([[30, { type: 'writeFailed' }]], trying.state)).length, 1);
  const winner = { holder: 'other', generation: 5, version: '9' };
  const lost = after(
    [
      [20, { type: 'observed', lease: winner }],
      [30, { type: 'writeFailed' }],
    ],
    trying.state,
  );
  t.deepEqual(lost.effects, [{ type: 'wake', atMs: 20 + defaultTimings.leaseDurationMs }]);
});

test('an acquisition whose answer was lost and that has shown itself is a lead, counted from when it was sent', (t) => {
  const { state, effects } = after([
    [10, { type: 'observed', lease: { holder: '', generation: 4, version: '8' } }],
    [40, { type: 'observed', lease: { holder: 'me', generation: 5, version: '9' } }],
    [90, { type: 'writeFailed' }],
  ]);
  t.deepEqual(effects[0], { type: 'lead', generation: 5 });
  t.like(state.role, { name: 'leading', generation: 5, renewedMs: 10 });
});
