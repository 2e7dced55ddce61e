import test from 'ava';
import { SchedulingQueue } from '../../../master/scheduler/queue.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { info } from './objects.ts';

const never = new AbortController().signal;
const none: ReadonlySet<string> = new Set();

function queueOf(...names: string[]): { queue: SchedulingQueue; clock: ManualClock } {
  const clock = new ManualClock(1_000);
  const queue = new SchedulingQueue({ clock });
  for (const name of names) queue.add(info(name));
  return { queue, clock };
}

async function popKey(queue: SchedulingQueue): Promise<string> {
  const queued = await queue.pop(never);
  return queued?.pod.key ?? '';
}

test('pods come out by priority, and then in the order in which they came', async (t) => {
  const { queue } = queueOf('first', 'second');
  queue.add(info('urgent', { spec: { priority: 10 } }));
  t.is(await popKey(queue), 'default/urgent');
  t.is(await popKey(queue), 'default/first');
  t.is(await popKey(queue), 'default/second');
});

test('a pod that no node takes waits until a change could help it', async (t) => {
  const { queue, clock } = queueOf('a');
  const queued = await queue.pop(never);
  queue.returnUnschedulable(queued!, none);
  t.deepEqual(queue.counts(), { active: 0, backoff: 0, unschedulable: 1 });
  queue.moveOn('NodeAdd', () => false);
  t.is(queue.counts().unschedulable, 1);
  clock.advance(1_000);
  queue.moveOn('NodeAdd', ({ key }) => key === 'default/a');
  t.deepEqual(queue.counts(), { active: 1, backoff: 0, unschedulable: 0 });
});

test('a pod that could be helped at once still serves its back-off', async (t) => {
  const { queue, clock } = queueOf('a');
  queue.returnUnschedulable((await queue.pop(never))!, none);
  queue.moveOn('NodeAdd', () => true);
  t.is(queue.counts().backoff, 1);
  clock.advance(999);
  t.is(queue.counts().backoff, 1);
  clock.advance(1);
  t.is(queue.counts().active, 1);
});

test('the back-off doubles with every attempt, from one second to ten', async (t) => {
  const { queue, clock } = queueOf('a');
  for (const seconds of [1, 2, 4, 8, 10, 10]) {
    queue.returnFailed((await queue.pop(never))!);
    clock.advance(seconds * 1_000 - 1);
    t.is(queue.counts().active, 0, `${seconds} s`);
    clock.advance(1);
    t.is(queue.counts().active, 1, `${seconds} s`);
  }
});

test('an unschedulable pod is tried again after five minutes, whatever happened', async (t) => {
  const { queue, clock } = queueOf('a');
  queue.returnUnschedulable((await queue.pop(never))!, none);
  clock.advance(299_999);
  t.is(queue.counts().unschedulable, 1);
  clock.advance(1);
  t.is(queue.counts().active, 1);
});

test('a later unschedulable pod has its own five minutes', async (t) => {
  const { queue, clock } = queueOf('a', 'b');
  const a = await queue.pop(never);
  const b = await queue.pop(never);
  queue.returnUnschedulable(a!, none);
  clock.advance(100_000);
  queue.returnUnschedulable(b!, none);
  clock.advance(200_000);
  t.deepEqual(queue.counts(), { active: 1, backoff: 0, unschedulable: 1 });
  clock.advance(100_000);
  t.is(queue.counts().active, 2);
});

test('a removed pod does not come out', async (t) => {
  const { queue } = queueOf('a', 'b');
  queue.remove('default/a');
  t.is(await popKey(queue), 'default/b');
  t.deepEqual(queue.counts(), { active: 0, backoff: 0, unschedulable: 0 });
});

test('a changed pod is tried again in its new form; a refreshed one keeps its place', async (t) => {
  const { queue, clock } = queueOf('a');
  queue.returnUnschedulable((await queue.pop(never))!, none);
  clock.advance(1_000);
  queue.refresh(info('a', { cpu: '2' }));
  t.is(queue.counts().unschedulable, 1);
  queue.add(info('a', { cpu: '1' }));
  t.is(queue.counts().active, 1);
  t.is((await queue.pop(never))?.pod.requests.milliCpu, 1_000);
});

test('a pod that came back by itself is not put back a second time', async (t) => {
  const { queue } = queueOf('a');
  const queued = await queue.pop(never);
  queue.add(info('a'));
  queue.returnUnschedulable(queued!, none);
  t.deepEqual(queue.counts(), { active: 1, backoff: 0, unschedulable: 0 });
});

test('a consumer that waits is woken by a pod, and by the end', async (t) => {
  const { queue } = queueOf();
  const end = new AbortController();
  const first = queue.pop(end.signal);
  queue.add(info('a'));
  t.is((await first)?.pod.key, 'default/a');
  const second = queue.pop(end.signal);
  end.abort();
  t.is(await second, undefined);
});

test('attempts are counted from the first', async (t) => {
  const { queue, clock } = queueOf('a');
  const first = await queue.pop(never);
  t.is(first?.attempts, 1);
  queue.returnFailed(first!);
  clock.advance(1_000);
  const second = await queue.pop(never);
  t.is(second?.attempts, 2);
  t.is(second?.firstAddedAt, 1_000);
});
