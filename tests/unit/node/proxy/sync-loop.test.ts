import test from 'ava';
import { SyncLoop } from '../../../../node/proxy/sync-loop.ts';

test('requests during a run lead to one more run, however many they are', async (t) => {
  const stop = new AbortController();
  const reasons: string[] = [];
  const loop: SyncLoop = new SyncLoop({
    settleMs: 0,
    resyncMs: 60_000,
    onError: (error) => t.fail(String(error)),
    work: async (reason) => {
      reasons.push(reason);
      if (reasons.length === 1) for (let count = 0; count < 10; count++) loop.request();
      else stop.abort();
    },
  });
  await loop.run(stop.signal);
  t.deepEqual(reasons, ['resync', 'request']);
});

test('a failure is said and tried again', async (t) => {
  const stop = new AbortController();
  const reasons: string[] = [];
  const errors: unknown[] = [];
  const loop = new SyncLoop({
    settleMs: 0,
    resyncMs: 60_000,
    onError: (error) => errors.push(error),
    work: async (reason) => {
      reasons.push(reason);
      if (reasons.length === 1) throw new Error('busy');
      stop.abort();
    },
  });
  await loop.run(stop.signal);
  t.deepEqual(reasons, ['resync', 'retry']);
  t.is(errors.length, 1);
});
