import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { RevisionCheck } from '../../../../master/apiserver/store/revision-check.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

/** An etcd whose answers the test gives, in the order of the requests. */
function scripted() {
  const requests: ((revision: number) => void)[] = [];
  const reached: number[] = [];
  const stale: string[] = [];
  const clock = new ManualClock();
  let cacheKeepsUp = true;
  const check = new RevisionCheck({
    members: {
      read: async <T>(call: (member: never, timeoutMs: number) => Promise<T>): Promise<T> => {
        const { promise, resolve } = Promise.withResolvers<{ clusterId: string; revision: number }>();
        requests.push((revision) => resolve({ clusterId: '', revision }));
        return call({ revision: () => promise } as never, 0);
      },
    },
    cache: {
      revision: 0,
      waitFor: async (revision) => {
        reached.push(revision);
        return cacheKeepsUp;
      },
    },
    onStale: (reason) => stale.push(reason),
    clock,
  });
  return {
    check,
    clock,
    requests,
    reached,
    stale,
    fallBehind: () => {
      cacheKeepsUp = false;
    },
  };
}

test('reads that wait at the same time share one request', async (t) => {
  const { check, requests, reached } = scripted();
  const reads = [check.fresh(), check.fresh(), check.fresh()];
  await turn();
  t.is(requests.length, 1);
  requests[0]?.(5);
  await Promise.all(reads);
  t.deepEqual(reached, [5]);
});

test('a read that arrives while a request is in flight waits for the next one', async (t) => {
  const { check, requests } = scripted();
  const first = check.current();
  await turn();
  const [second, third] = [check.current(), check.current()];
  await turn();
  t.is(requests.length, 1, 'no second request while one is in flight');
  requests[0]?.(5);
  t.is(await first, 5);
  await turn();
  t.is(requests.length, 2);
  requests[1]?.(6);
  t.deepEqual(await Promise.all([second, third]), [6, 6]);
});

test('reads that came side by side wait for as many again, and no longer than they have come', async (t) => {
  const { check, clock, requests } = scripted();
  const first = [check.current(), check.current(), check.current()];
  await turn();
  requests[0]?.(5);
  await Promise.all(first);
  const next = [check.current(), check.current()];
  await turn();
  t.is(requests.length, 1, 'a third may come');
  next.push(check.current());
  await turn();
  t.is(requests.length, 2);
  requests[1]?.(6);
  t.deepEqual(await Promise.all(next), [6, 6, 6]);
  const alone = check.current();
  await turn();
  t.is(requests.length, 2);
  clock.advance(8);
  await turn();
  requests[2]?.(7);
  t.is(await alone, 7, 'the others stay away, and it goes on without them');
});

test('in a crowd, those who were answered come back to those who came meanwhile, and all share one request', async (t) => {
  const { check, clock, requests } = scripted();
  const first = [check.current(), check.current()];
  await turn();
  const meanwhile = [check.current(), check.current()];
  requests[0]?.(5);
  await Promise.all(first);
  await turn();
  t.is(requests.length, 1, 'the two that were answered may come back');
  const back = [check.current(), check.current()];
  await turn();
  t.is(requests.length, 2);
  const later = check.current();
  requests[1]?.(6);
  t.deepEqual(await Promise.all([...meanwhile, ...back]), [6, 6, 6, 6]);
  clock.advance(8);
  await turn();
  requests[2]?.(7);
  t.is(await later, 7, 'who stays away is not waited for longer than that');
});

test('a cache that stays behind is reported and the read does not answer from it', async (t) => {
  const { check, requests, stale, fallBehind } = scripted();
  fallBehind();
  const read = check.fresh();
  await turn();
  requests[0]?.(7);
  await t.throwsAsync(read, { message: /did not reach revision 7/ });
  t.is(stale.length, 1);
});
