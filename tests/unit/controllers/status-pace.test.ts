import test from 'ava';
import { StatusPace } from '../../../master/controllers/status-pace.ts';
import { ManualClock } from '../../support/manual-clock.ts';

test('a status of mere progress is written five times a second at most, a settled one at once', async (t) => {
  const clock = new ManualClock();
  const pace = new StatusPace(clock);
  const written: string[] = [];
  const write = (status: string, isSettled: boolean) =>
    pace.write('default/web', isSettled, async () => written.push(status));
  t.is(await write('1 of 3', false), undefined);
  clock.advance(50);
  t.is(await write('2 of 3', false), 150);
  t.is(await write('3 of 3', true), undefined);
  clock.advance(200);
  t.is(await write('2 of 3', false), undefined);
  t.deepEqual(written, ['1 of 3', '3 of 3', '2 of 3']);
});

test('a time of day that is set back holds no status up', async (t) => {
  class WrongClock extends ManualClock {
    wrongByMs = 300_000;
    override now(): number {
      return super.now() + this.wrongByMs;
    }
  }
  const clock = new WrongClock();
  const pace = new StatusPace(clock);
  await pace.write('default/web', false, async () => {});
  clock.wrongByMs = 0;
  clock.advance(200);
  let written = false;
  t.is(
    await pace.write('default/web', false, async () => {
      written = true;
    }),
    undefined,
  );
  t.true(written);
});
