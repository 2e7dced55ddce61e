import test from 'ava';
import fc from 'fast-check';
import { Pace } from '../../../../master/apiserver/store/pace.ts';

test('what comes after a pause is delivered at once', (t) => {
  const pace = new Pace();
  t.is(pace.wait(0), 0);
  pace.delivered(0, 1);
  t.true(pace.wait(1) > 0);
  t.is(pace.wait(1_000), 0);
});

test('the longer a delivery takes, the longer the next one waits for more events, within bounds', (t) => {
  const waits = [0, 0.25, 0.5, 0.75, 1, 2, 50].map((tookMs) => {
    const pace = new Pace(10, 25);
    pace.delivered(100, 100 + tookMs);
    return pace.wait(100);
  });
  t.deepEqual(waits, [10, 10, 12, 18, 24, 25, 25]);
});

test('one delivery that was held up does not slow the next ones', (t) => {
  const pace = new Pace(10, 25);
  pace.delivered(0, 100);
  pace.delivered(100, 100.1);
  t.is(pace.wait(100), 10);
});

test('nothing ever waits for longer than the longest gap, whatever the clock says', (t) => {
  const time = fc.double({ min: -1e6, max: 1e6, noNaN: true });
  fc.assert(
    fc.property(time, time, time, (began, over, now) => {
      const pace = new Pace(10, 25);
      pace.delivered(began, over);
      const waitMs = pace.wait(now);
      return waitMs >= 0 && waitMs <= 25;
    }),
  );
  t.pass();
});
