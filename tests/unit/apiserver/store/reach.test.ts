import { setImmediate as turn } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { Reach } from '../../../../master/apiserver/store/reach.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

function reachOf(t: ExecutionContext, world: { ownWell: boolean; othersAnswer: boolean }) {
  const clock = new ManualClock();
  const seen = { asked: 0 };
  const reach = new Reach({
    isOwnWell: () => world.ownWell,
    anyAnswers: async () => {
      seen.asked += 1;
      return world.othersAnswer;
    },
    clock,
  });
  const end = new AbortController();
  const running = reach.run(end.signal);
  t.teardown(async () => {
    end.abort();
    await running;
  });
  const look = async (): Promise<void> => {
    clock.advance(100);
    await turn();
  };
  return { reach, seen, look };
}

test('while the own member is well nobody is asked', async (t) => {
  const { reach, seen, look } = reachOf(t, { ownWell: true, othersAnswer: false });
  for (let looks = 0; looks < 3; looks += 1) await look();
  t.false(reach.isCutOff);
  t.is(seen.asked, 0);
});

test('members that have no leader, but answer, are an election', async (t) => {
  const { reach, seen, look } = reachOf(t, { ownWell: false, othersAnswer: true });
  for (let looks = 0; looks < 3; looks += 1) await look();
  t.false(reach.isCutOff);
  t.true(seen.asked >= 3);
});

test('members that do not answer twice in a row are out of reach, until one answers', async (t) => {
  const world = { ownWell: true, othersAnswer: true };
  const { reach, look } = reachOf(t, world);
  world.ownWell = false;
  world.othersAnswer = false;
  await look();
  t.false(reach.isCutOff);
  await look();
  t.true(reach.isCutOff);
  world.othersAnswer = true;
  await look();
  t.false(reach.isCutOff);
});
