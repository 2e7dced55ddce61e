import test from 'ava';
import type { Job, Pod } from '../../../master/api/types.ts';
import { decide } from '../../../master/controllers/job/decision.ts';
import { indexKey, trackingFinalizer } from '../../../master/controllers/job/facts.ts';
import { formatIndexes, parseIndexes } from '../../../master/controllers/job/indexes.ts';
import { podFor } from '../../../master/controllers/job/pod.ts';
import { tally } from '../../../master/controllers/job/tally.ts';
import { at } from './objects.ts';

type Spec = Partial<NonNullable<Job['spec']>>;

function job(spec: Spec, status: Job['status'] = {}): Job {
  return {
    metadata: { namespace: 'default', name: 'work', uid: 'j-1' },
    spec: {
      parallelism: 1,
      completions: 1,
      backoffLimit: 6,
      template: {
        metadata: { labels: { app: 'work' } },
        spec: { restartPolicy: 'Never', containers: [{ name: 'c' }] },
      },
      ...spec,
    },
    status,
  };
}

function pod(
  name: string,
  phase: string,
  changes: { counted?: boolean; index?: number; ended?: number; deleted?: boolean } = {},
): Pod {
  const { counted = false, index, ended = 0, deleted = false } = changes;
  return {
    metadata: {
      name,
      uid: name,
      finalizers: counted ? [] : [trackingFinalizer],
      ...(index !== undefined && { annotations: { [indexKey]: String(index) } }),
      ...(deleted && { deletionTimestamp: at(0) }),
    },
    spec: { containers: [] },
    status: {
      phase,
      containerStatuses: [
        {
          name: 'c',
          image: '',
          imageID: '',
          ready: false,
          restartCount: 0,
          state: { terminated: { exitCode: 1, finishedAt: at(ended) } },
        },
      ],
    },
  };
}

const next = (owner: Job, pods: Pod[], seconds = 1_000) => decide(owner, pods, tally(owner, pods), seconds * 1_000);

test('an end is noted, then let go, and counted when nothing holds the pod any more', (t) => {
  const owner = job({ completions: 3, parallelism: 3 });
  const first = tally(owner, [pod('a', 'Succeeded'), pod('b', 'Failed'), pod('c', 'Running')]);
  t.deepEqual(first.status.uncountedTerminatedPods, { succeeded: ['a'], failed: ['b'] });
  t.deepEqual(
    [first.status.succeeded, first.status.failed, first.succeeded, first.failed],
    [undefined, undefined, 1, 1],
  );
  t.deepEqual(
    first.release.map(({ metadata }) => metadata?.name),
    ['a', 'b'],
  );
  // A leader that died in between: one finalizer has gone, the other has not, and the first pod may be gone itself.
  const second = tally({ ...owner, status: first.status }, [pod('b', 'Failed'), pod('c', 'Running')]);
  t.deepEqual([second.status.succeeded, second.status.failed, second.failed], [1, undefined, 1]);
  const third = tally({ ...owner, status: second.status }, [
    pod('b', 'Failed', { counted: true }),
    pod('c', 'Running'),
  ]);
  t.deepEqual([third.status.succeeded, third.status.failed, third.isSettled], [1, 1, true]);
  const fourth = tally({ ...owner, status: third.status }, [pod('b', 'Failed', { counted: true })]);
  t.deepEqual([fourth.status.succeeded, fourth.status.failed], [1, 1]);
});

test('no more run than the parallelism, nor than are still needed', (t) => {
  t.is(next(job({ completions: 5, parallelism: 2 }), []).create, 2);
  t.is(next(job({ completions: 5, parallelism: 2 }, { succeeded: 4 }), []).create, 1);
  const surplus = next(job({ completions: 5, parallelism: 1 }), [pod('a', 'Running'), pod('b', 'Pending')]);
  t.deepEqual([surplus.remove.map(({ metadata }) => metadata?.name), surplus.isBlameless], [['b'], true]);
});

test('without a number of completions nobody new begins after the first success, and it is done when the last has ended', (t) => {
  const owner = job({ completions: undefined, parallelism: 3 });
  const some = next(owner, [pod('a', 'Succeeded'), pod('b', 'Running')]);
  t.deepEqual([some.create, some.outcome], [0, undefined]);
  t.is(next(owner, [pod('a', 'Succeeded'), pod('b', 'Failed')]).outcome?.type, 'SuccessCriteriaMet');
});

test('after a failure the next one waits, each time twice as long', (t) => {
  const owner = job({});
  t.is(next(owner, [pod('a', 'Failed', { ended: 995 })]).againInMs, 5_000);
  const twice = next(owner, [pod('a', 'Failed', { ended: 900 }), pod('b', 'Failed', { ended: 995 })]);
  t.deepEqual([twice.create, twice.againInMs], [0, 15_000]);
  t.is(next(owner, [pod('a', 'Failed', { ended: 900 })]).create, 1);
});

test('too many failures, or too long a time, end it with all its pods', (t) => {
  const running = pod('z', 'Running');
  const failed = next(job({ backoffLimit: 1, parallelism: 2, completions: 2 }, { failed: 1 }), [
    pod('a', 'Failed'),
    running,
  ]);
  t.is(failed.outcome?.reason, 'BackoffLimitExceeded');
  t.deepEqual(failed.remove, [running]);
  const late = next(job({ activeDeadlineSeconds: 30 }, { startTime: at(969) }), [running]);
  t.is(late.outcome?.reason, 'DeadlineExceeded');
  t.is(next(job({ activeDeadlineSeconds: 30 }, { startTime: at(980) }), [running]).againInMs, 10_000);
});

test('a deleted pod is replaced at once, or only when it has ended', (t) => {
  const leaving = pod('a', 'Running', { deleted: true });
  t.is(tally(job({}), [leaving]).failed, 1);
  const patient = job({ podReplacementPolicy: 'Failed' });
  t.is(tally(patient, [leaving]).failed, 0);
  t.is(next(patient, [leaving]).create, 0);
});

test('a suspended job has no pods, and blames none for it', (t) => {
  const decision = next(job({ suspend: true }), [pod('a', 'Running')]);
  t.deepEqual([decision.remove.length, decision.isBlameless, decision.create], [1, true, 0]);
});

test('an indexed job gives out each index that has not succeeded, and each pod knows its own', (t) => {
  const owner = job(
    { completionMode: 'Indexed', completions: 5, parallelism: 3 },
    { completedIndexes: '0', succeeded: 1 },
  );
  const pods = [pod('a', 'Succeeded', { index: 2 }), pod('b', 'Running', { index: 1 })];
  const counts = tally(owner, pods);
  t.is(counts.status.completedIndexes, '0,2');
  t.is(counts.status.succeeded, 2);
  t.deepEqual(next(owner, pods).indexes, [3, 4]);
  const made = podFor(owner, 3);
  t.is(made.metadata?.annotations?.[indexKey], '3');
  t.is(made.spec?.hostname, 'work-3');
  t.is(made.spec?.containers[0]?.env?.[0]?.name, 'JOB_COMPLETION_INDEX');
});

test('a finished job is left alone', (t) => {
  const conditions = [{ type: 'Complete', status: 'True' }];
  t.deepEqual(next(job({}, { succeeded: 0, conditions }), []), { create: 0, indexes: [], remove: [] });
});

test('sets of indexes are written as runs, and read again', (t) => {
  t.is(formatIndexes([7, 1, 3, 4, 5]), '1,3-5,7');
  t.deepEqual([...parseIndexes('1,3-5,x,7')], [1, 3, 4, 5, 7]);
  t.is(formatIndexes([]), '');
});
