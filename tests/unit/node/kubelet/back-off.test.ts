import test from 'ava';
import { BackOff, goDuration } from '../../../../node/kubelet/pods/back-off.ts';

test('delays double from ten seconds to five minutes', (t) => {
  const backOff = new BackOff();
  const delays = Array.from({ length: 7 }, (_, i) => {
    backOff.next('a', i);
    return backOff.delayMs('a') / 1000;
  });
  t.deepEqual(delays, [10, 20, 40, 80, 160, 300, 300]);
});

test('the first failure costs no wait, later ones count from the end of the last run', (t) => {
  const backOff = new BackOff();
  t.is(backOff.waitUntil('a', 1_000, 1_000), undefined);
  backOff.next('a', 1_000);
  t.is(backOff.waitUntil('a', 5_000, 6_000), 15_000);
  t.is(backOff.waitUntil('a', 5_000, 15_000), undefined);
});

test('a key that was well for ten minutes starts over', (t) => {
  const backOff = new BackOff();
  backOff.next('a', 0);
  backOff.next('a', 1);
  backOff.next('a', 700_000);
  t.is(backOff.delayMs('a'), 10_000);
});

test('keys of one pod are forgotten together', (t) => {
  const backOff = new BackOff();
  for (const key of ['u1/a', 'u1/b', 'u2/a']) backOff.next(key, 0);
  backOff.forgetAll('u1/');
  t.deepEqual(
    ['u1/a', 'u1/b', 'u2/a'].map((key) => backOff.delayMs(key)),
    [0, 0, 10_000],
  );
});

test('delays are told as Go tells them', (t) => {
  t.deepEqual([10_000, 80_000, 300_000].map(goDuration), ['10s', '1m20s', '5m0s']);
});
