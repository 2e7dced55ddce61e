import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { createLogger } from '../../../../master/api/logging.ts';
import { type PodWork, PodWorkers, type SyncOutcome } from '../../../../node/kubelet/pods/pod-workers.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { podWith } from './pods.ts';

const logger = createLogger('test', 'silent');

function workersOver(sync: (work: PodWork, signal: AbortSignal) => Promise<SyncOutcome>): {
  workers: PodWorkers;
  clock: ManualClock;
} {
  const clock = new ManualClock();
  return { clock, workers: new PodWorkers({ sync, clock, logger }) };
}

test('syncs of one pod never overlap, and changes that come meanwhile cause one more', async (t) => {
  let running = 0;
  let syncs = 0;
  const release: (() => void)[] = [];
  const { workers } = workersOver(async () => {
    running += 1;
    syncs += 1;
    t.is(running, 1);
    await new Promise<void>((resolve) => release.push(resolve));
    running -= 1;
    return {};
  });
  workers.set(podWith());
  await turn();
  for (let i = 0; i < 5; i++) workers.poke('u1');
  release.shift()?.();
  await turn();
  release.shift()?.();
  await turn();
  t.is(syncs, 2);
});

test('pods do not wait for one another', async (t) => {
  const started: string[] = [];
  const { workers } = workersOver(async ({ uid }) => {
    started.push(uid);
    return uid === 'u1' ? await new Promise<SyncOutcome>(() => {}) : {};
  });
  workers.set(podWith());
  workers.set(podWith({}, { metadata: { uid: 'u2' } }));
  await turn();
  t.deepEqual(started, ['u1', 'u2']);
});

test('a sync that fails is tried again after a delay that doubles', async (t) => {
  let syncs = 0;
  const { workers, clock } = workersOver(async () => {
    syncs += 1;
    throw new Error('no');
  });
  workers.set(podWith());
  await turn();
  t.is(syncs, 1);
  clock.advance(500);
  await turn();
  t.is(syncs, 2);
  clock.advance(500);
  await turn();
  t.is(syncs, 2);
  clock.advance(500);
  await turn();
  t.is(syncs, 3);
});

test('a deletion with less grace interrupts the one under way', async (t) => {
  const interrupted: boolean[] = [];
  const { workers } = workersOver(async ({ pod }, signal) => {
    if (!pod?.metadata?.deletionTimestamp) return {};
    if (pod.metadata.deletionGracePeriodSeconds === 1) return {};
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    interrupted.push(signal.aborted);
    return {};
  });
  const deleted = (seconds: number) =>
    podWith({}, { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: seconds } });
  workers.set(podWith());
  await turn();
  workers.set(deleted(30));
  await turn();
  workers.set(deleted(30));
  await turn();
  t.deepEqual(interrupted, []);
  workers.set(deleted(1));
  await turn();
  t.deepEqual(interrupted, [true]);
});

test('a worker ends when nothing is left of a pod that is gone', async (t) => {
  const { workers } = workersOver(async ({ gone }) => (gone ? { done: true } : {}));
  workers.set(podWith());
  await turn();
  t.true(workers.has('u1'));
  workers.gone(podWith());
  await turn();
  t.false(workers.has('u1'));
});

test('leftovers of a pod that was never seen get a worker, those of a known pod do not', async (t) => {
  const seen: [boolean, boolean][] = [];
  const { workers } = workersOver(async ({ pod, gone }) => {
    seen.push([pod !== undefined, gone]);
    return gone ? { done: true } : {};
  });
  workers.set(podWith());
  workers.orphan('u1');
  workers.orphan('u9');
  await turn();
  t.deepEqual(seen, [
    [true, false],
    [false, true],
  ]);
});
