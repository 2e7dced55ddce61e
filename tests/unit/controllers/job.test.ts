import test from 'ava';
import type { Job, Pod } from '../../../master/api/types.ts';
import { decide } from '../../../master/controllers/job/decision.ts';
import { indexKey, trackingFinalizer } from '../../../master/controllers/job/facts.ts';
import { failureCountKey, ignoredCountKey } from '../../../master/controllers/job/failed-indexes.ts';
import { judge } from '../../../master/controllers/job/failure-policy.ts';
import { formatIndexes, parseIndexes } from '../../../master/controllers/job/indexes.ts';
import { podFor } from '../../../master/controllers/job/pod.ts';
import { tally } from '../../../master/controllers/job/tally.ts';
import { expiryOf } from '../../../master/controllers/job/ttl-after-finished.ts';
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
  changes: {
    counted?: boolean;
    index?: number;
    ended?: number;
    deleted?: boolean;
    exitCode?: number;
    disrupted?: boolean;
    failuresBefore?: number;
  } = {},
): Pod {
  const { counted = false, index, ended = 0, deleted = false, exitCode = 1, disrupted, failuresBefore } = changes;
  return {
    metadata: {
      namespace: 'default',
      name,
      uid: name,
      finalizers: counted ? [] : [trackingFinalizer],
      ...(index !== undefined && {
        annotations: {
          [indexKey]: String(index),
          ...(failuresBefore !== undefined && { [failureCountKey]: String(failuresBefore) }),
        },
      }),
      ...(deleted && { deletionTimestamp: at(0) }),
    },
    spec: { containers: [] },
    status: {
      phase,
      ...(disrupted && { conditions: [{ type: 'DisruptionTarget', status: 'True' }] }),
      containerStatuses: [
        {
          name: 'c',
          image: '',
          imageID: '',
          ready: false,
          restartCount: 0,
          state: { terminated: { exitCode, finishedAt: at(ended) } },
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

const policy: Spec['podFailurePolicy'] = {
  rules: [
    { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
    { action: 'FailJob', onExitCodes: { containerName: 'c', operator: 'In', values: [42] } },
    { action: 'FailIndex', onExitCodes: { operator: 'In', values: [43] } },
    { action: 'Count', onExitCodes: { operator: 'NotIn', values: [44] } },
  ],
};

for (const [what, changes, action] of [
  ['one that was disrupted', { disrupted: true, exitCode: 42 }, 'Ignore'],
  ['an exit code of the list', { exitCode: 42 }, 'FailJob'],
  ['another rule further down', { exitCode: 43 }, 'FailIndex'],
  ['an exit code that is not in the list', { exitCode: 7 }, 'Count'],
  ['an exit code that no rule names', { exitCode: 44 }, undefined],
  ['an exit code of 0, which no rule is about', { exitCode: 0 }, undefined],
] as const) {
  test(`the first rule of the failure policy that matches decides: ${what}`, (t) => {
    t.is(judge(job({ podFailurePolicy: policy }), pod('a', 'Failed', changes)).action, action);
  });
}

test('a failure that is to end the job ends it, and says in Kubernetes’ words why', (t) => {
  const running = pod('z', 'Running');
  const owner = job({ podFailurePolicy: policy, podReplacementPolicy: 'Failed', parallelism: 2, completions: 2 });
  const { outcome, remove } = next(owner, [pod('a', 'Failed', { exitCode: 42 }), running]);
  t.deepEqual(outcome, {
    type: 'FailureTarget',
    reason: 'PodFailurePolicy',
    message: 'Container c for pod default/a failed with exit code 42 matching FailJob rule at index 1',
  });
  t.deepEqual(remove, [running]);
});

test('a failure that is to be ignored is let go without being counted, and nobody waits for it', (t) => {
  const owner = job({ podFailurePolicy: policy, podReplacementPolicy: 'Failed', backoffLimit: 0 });
  const pods = [pod('a', 'Failed', { disrupted: true, ended: 999 })];
  const counts = tally(owner, pods);
  t.deepEqual([counts.status.uncountedTerminatedPods, counts.failed, counts.release], [{}, 0, pods]);
  const { create, outcome } = next(owner, pods);
  t.deepEqual([create, outcome], [1, undefined]);
});

const byIndex: Spec = { completionMode: 'Indexed', completions: 4, parallelism: 4, backoffLimitPerIndex: 1 };

test('an index is tried again as often as it may, its count kept until the next pod has it', (t) => {
  const owner = job({ ...byIndex, backoffLimit: 2 ** 31 - 1 });
  const first = pod('a', 'Failed', { index: 2, failuresBefore: 0, ended: 900 });
  const others = [0, 1, 3].map((index) => pod(`r-${index}`, 'Running', { index, failuresBefore: 0 }));
  const counts = tally(owner, [first, ...others]);
  t.deepEqual([counts.release, counts.failed, counts.isSettled], [[], 1, false]);
  t.deepEqual(next(owner, [first, ...others]).indexes, [2]);
  const early = next(owner, [first, ...others], 905);
  t.deepEqual([early.create, early.againInMs], [0, 5_000]);
  const made = podFor(owner, 2, counts.retried.get(2));
  t.is(made.metadata?.annotations?.[failureCountKey], '1');
  t.is(made.metadata?.annotations?.[ignoredCountKey], undefined);
  // The next pod has the count: the first one may go.
  const second = pod('b', 'Running', { index: 2, failuresBefore: 1 });
  t.deepEqual(tally(owner, [first, second, ...others]).release, [first]);
  const lost = tally(owner, [pod('b', 'Failed', { index: 2, failuresBefore: 1 }), ...others]);
  t.deepEqual([[...lost.lost], lost.status.failedIndexes, lost.release.length], [[2], '2', 1]);
});

test('a job fails when all its indexes are decided and some are lost, or more than may be', (t) => {
  const done = (index: number) => pod(`d-${index}`, 'Succeeded', { index });
  const lost = (index: number) => pod(`l-${index}`, 'Failed', { index, failuresBefore: 1 });
  const reason = (spec: Spec, pods: Pod[]) =>
    next(job({ ...byIndex, backoffLimit: 99, ...spec }), pods).outcome?.reason;
  t.is(reason({}, [done(0), done(1), lost(2)]), undefined);
  t.is(reason({}, [done(0), done(1), lost(2), lost(3)]), 'FailedIndexes');
  t.is(reason({ maxFailedIndexes: 1 }, [done(0), lost(2)]), undefined);
  t.is(reason({ maxFailedIndexes: 1 }, [lost(2), lost(3)]), 'MaxFailedIndexesExceeded');
  t.is(
    reason({ backoffLimitPerIndex: 5, podFailurePolicy: policy, maxFailedIndexes: 0 }, [
      pod('a', 'Failed', { index: 0, failuresBefore: 0, exitCode: 43 }),
    ]),
    'MaxFailedIndexesExceeded',
  );
});

for (const [what, rule, completedIndexes, matches] of [
  ['all of some indexes', { succeededIndexes: '0,2-3' }, '0,2-3', true],
  ['not yet all of some indexes', { succeededIndexes: '0,2-3' }, '0-2', false],
  ['a number of some indexes', { succeededIndexes: '0,2-3', succeededCount: 2 }, '2-3', true],
  ['a number of any indexes', { succeededCount: 3 }, '0,1,4', true],
  ['too small a number', { succeededCount: 3 }, '0,1', false],
] as const) {
  test(`a success policy ends a job early: ${what}`, (t) => {
    const owner = job(
      { completionMode: 'Indexed', completions: 5, parallelism: 1, successPolicy: { rules: [rule] } },
      { completedIndexes },
    );
    const message = 'Matched rules at index 0';
    const wanted = matches ? { type: 'SuccessCriteriaMet', reason: 'SuccessPolicy', message } : undefined;
    t.deepEqual(next(owner, []).outcome as object | undefined, wanted);
  });
}

test('of an indexed job that was made smaller the indexes go that it no longer has', (t) => {
  const owner = job({ completionMode: 'Indexed', completions: 1, parallelism: 1 });
  const pods = [pod('a', 'Pending', { index: 0 }), pod('b', 'Running', { index: 1 })];
  t.deepEqual(next(owner, pods).remove, pods.slice(1));
});

test('a job that has finished is deleted when its time is over, and one without a time is not', (t) => {
  const conditions = [{ type: 'Failed', status: 'True', lastTransitionTime: at(100) }];
  t.is(expiryOf(job({ ttlSecondsAfterFinished: 5 }, { conditions })), 105_000);
  t.is(expiryOf(job({}, { conditions })), undefined);
  t.is(expiryOf(job({ ttlSecondsAfterFinished: 5 }, {})), undefined);
});
