import test from 'ava';
import { WorkQueue } from '../../../master/api/workqueue.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const { signal } = new AbortController();

test('a key added many times before it is handed out comes out once, in the order of its first adding', async (t) => {
  const queue = new WorkQueue({ name: 'q' });
  for (const key of ['b', 'a', 'b', 'a']) queue.add(key);
  t.is(queue.length, 2);
  t.is(await queue.get(signal), 'b');
  t.is(await queue.get(signal), 'a');
  t.is(queue.length, 0);
});

test('a key is never worked on twice at once, and comes out again when added meanwhile', async (t) => {
  const queue = new WorkQueue({ name: 'q' });
  queue.add('a');
  t.is(await queue.get(signal), 'a');
  queue.add('a');
  t.is(queue.length, 0);
  queue.done('a');
  t.is(await queue.get(signal), 'a');
});

test('a waiting worker is served as soon as a key is added, and let go when its signal is aborted', async (t) => {
  const queue = new WorkQueue({ name: 'q' });
  const stop = new AbortController();
  const first = queue.get(signal);
  const second = queue.get(stop.signal);
  queue.add('a');
  t.is(await first, 'a');
  stop.abort();
  t.is(await second, undefined);
  queue.add('b');
  t.is(queue.length, 1, 'the worker that left took nothing with it');
});

test('the shortest of several delays for a key holds', async (t) => {
  const clock = new ManualClock();
  const queue = new WorkQueue({ name: 'q', clock });
  queue.addAfter('a', 100);
  queue.addAfter('a', 10);
  queue.addAfter('a', 50);
  clock.advance(9);
  t.is(queue.length, 0);
  clock.advance(1);
  t.is(queue.length, 1);
  await queue.get(signal);
  queue.done('a');
  clock.advance(1_000);
  t.is(queue.length, 0);
});

test('delays of a failing key double up to their bound until it is forgotten', async (t) => {
  const clock = new ManualClock();
  const queue = new WorkQueue({ name: 'q', baseDelayMs: 10, maxDelayMs: 35, clock });
  const delayOf = async (): Promise<number> => {
    queue.addRateLimited('a');
    let waited = 0;
    for (; queue.length === 0; waited += 1) clock.advance(1);
    await queue.get(signal);
    queue.done('a');
    return waited;
  };
  t.deepEqual([await delayOf(), await delayOf(), await delayOf(), await delayOf()], [10, 20, 35, 35]);
  queue.forget('a');
  t.is(await delayOf(), 10);
});

test('giving back a key that nobody works on is a programmer’s error', (t) => {
  t.throws(() => new WorkQueue({ name: 'q' }).done('a'), { message: /not being worked on/ });
});
