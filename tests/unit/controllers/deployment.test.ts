import test, { type ExecutionContext } from 'ava';
import type { Deployment, ReplicaSet } from '../../../master/api/types.ts';
import { desiredAnnotation, replicasOf, revisionAnnotation } from '../../../master/controllers/deployment/facts.ts';
import {
  annotationsFor,
  findNew,
  newReplicaSet,
  scaleAnnotations,
  templateHash,
  toForget,
} from '../../../master/controllers/deployment/replica-sets.ts';
import {
  isScaled,
  nextSize,
  recreateStep,
  rollingStep,
  scaleStep,
} from '../../../master/controllers/deployment/rollout.ts';
import { isComplete, statusOf } from '../../../master/controllers/deployment/status.ts';
import { Random } from '../../support/random.ts';
import { at } from './objects.ts';

type Strategy = NonNullable<NonNullable<Deployment['spec']>['strategy']>;

function deployment(replicas: number, strategy: Strategy = {}, image = 'app:1'): Deployment {
  return {
    metadata: { namespace: 'default', name: 'web', uid: 'd-1', generation: 1 },
    spec: {
      replicas,
      strategy: { type: 'RollingUpdate', ...strategy },
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image }] } },
      revisionHistoryLimit: 2,
      progressDeadlineSeconds: 600,
    },
  };
}

let made = 0;

/** A ReplicaSet as the API server would have it, with so many pods available. */
function madeFor(owner: Deployment, replicas: number, available = replicas): ReplicaSet {
  made += 1;
  const set = newReplicaSet(owner, [], replicas);
  return {
    ...set,
    metadata: { ...set.metadata, uid: `rs-${made}`, generation: 1, creationTimestamp: at(made) },
    status: { replicas, readyReplicas: available, availableReplicas: available, observedGeneration: 1 },
  };
}

const resized = (set: ReplicaSet, replicas: number): ReplicaSet =>
  set.spec ? { ...set, spec: { ...set.spec, replicas } } : set;

/** Rolls out with pods that come and break by chance; checks the limits after each step. Gives the steps that it took. */
function simulate(
  t: ExecutionContext,
  owner: Deployment,
  old: ReplicaSet[],
  random: Random,
  limits: [number, number],
): number {
  const [most, least] = limits;
  let fresh = madeFor(owner, nextSize(owner, old, 0), 0);
  let others = old;
  for (let steps = 0; steps < 1_000; steps += 1) {
    const sets = [...others, fresh];
    const total = sets.reduce((sum, set) => sum + replicasOf(set), 0);
    const available = sets.reduce((sum, set) => sum + Math.min(replicasOf(set), set.status?.availableReplicas ?? 0), 0);
    t.true(total <= most, `${total} of at most ${most}`);
    t.true(available >= least, `${available} of at least ${least}`);
    if (replicasOf(fresh) === replicasOf(owner) && others.every((set) => replicasOf(set) === 0)) return steps;
    const decided = new Map(rollingStep(owner, fresh, others).map(({ set, replicas }) => [set, replicas]));
    const next = (set: ReplicaSet, grows: boolean): ReplicaSet => {
      const replicas = decided.get(set) ?? replicasOf(set);
      const before = Math.min(set.status?.availableReplicas ?? 0, replicas);
      const more = grows ? Math.floor(random.between(0, replicas - before + 1)) : 0;
      return { ...resized(set, replicas), status: { replicas, availableReplicas: before + more } };
    };
    fresh = next(fresh, true);
    others = others.map((set) => next(set, false));
  }
  throw new Error('the rollout does not end');
}

test('a rollout ends, with never more pods than the surge allows and never fewer available than may be missed', (t) => {
  const random = new Random(7);
  for (let round = 0; round < 200; round += 1) {
    const replicas = 1 + Math.floor(random.between(0, 30));
    const maxSurge = Math.floor(random.between(0, 5));
    const maxUnavailable = Math.floor(random.between(maxSurge === 0 ? 1 : 0, 5));
    const strategy = { rollingUpdate: { maxSurge, maxUnavailable } };
    const old = [madeFor(deployment(replicas, strategy), replicas)];
    const owner = deployment(replicas, strategy, 'app:2');
    simulate(t, owner, old, random, [replicas + maxSurge, replicas - Math.min(replicas, maxUnavailable)]);
  }
});

test('percentages are rounded up for the surge and down for what may be missed, and both at 0 miss one', (t) => {
  const quarter = deployment(10, { rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } });
  t.is(nextSize(quarter, [madeFor(quarter, 10)], 0), 3);
  const none = deployment(10, { rollingUpdate: { maxSurge: '0%', maxUnavailable: '5%' } }, 'app:2');
  const [step] = rollingStep(none, madeFor(none, 0), [madeFor(deployment(10), 10)]);
  t.is(step?.replicas, 9);
});

test('pods that are not available anyway make room first', (t) => {
  const owner = deployment(10, { rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } }, 'app:2');
  const broken = madeFor(deployment(10), 4, 0);
  const well = madeFor(deployment(10), 8, 8);
  const steps = rollingStep(owner, madeFor(owner, 1, 1), [broken, well]);
  t.deepEqual(
    steps.map(({ set, replicas }) => [set === broken ? 'broken' : 'well', replicas]),
    [
      ['broken', 0],
      ['well', 7],
    ],
  );
});

test('pods that are about to go are not counted on, although the status has them still', (t) => {
  const owner = deployment(40, { rollingUpdate: { maxSurge: 4, maxUnavailable: 4 } }, 'app:2');
  const old = madeFor(deployment(40), 36, 40);
  t.deepEqual(rollingStep(owner, madeFor(owner, 8, 4), [old]), [{ set: old, replicas: 32 }]);
});

test('nobody new begins in the place of a pod that is still there, although its ReplicaSet is smaller already', (t) => {
  const owner = deployment(10, { rollingUpdate: { maxSurge: 2, maxUnavailable: 2 } }, 'app:2');
  const shrunk = resized(madeFor(deployment(10), 10), 8);
  t.is(nextSize(owner, [shrunk], 2), 2);
  t.is(nextSize(owner, [{ ...shrunk, status: { replicas: 8 } }], 2), 4);
});

test('a change of size during a rollout is shared out in proportion', (t) => {
  const strategy = { rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } };
  const before = deployment(10, strategy);
  const old = madeFor(before, 8);
  const fresh = madeFor(deployment(10, strategy, 'app:2'), 5, 0);
  const owner = deployment(15, strategy, 'app:2');
  t.true(isScaled(owner, { fresh, old: [old] }));
  const sizes = scaleStep(owner, { fresh, old: [old] }).map(({ set, replicas }) => [
    set === old ? 'old' : 'new',
    replicas,
  ]);
  // Kubernetes' own example ("Proportional scaling"): of five more, three go to the larger one and two to the smaller.
  t.deepEqual(sizes, [
    ['old', 11],
    ['new', 7],
  ]);
});

test('a change of size outside of a rollout is the new one’s alone, and to none ends all', (t) => {
  const owner = deployment(4);
  const fresh = madeFor(deployment(2), 2);
  t.deepEqual(scaleStep(owner, { fresh, old: [] }), [{ set: fresh, replicas: 4 }]);
  const old = madeFor(deployment(2), 1);
  t.deepEqual(
    scaleStep(deployment(0), { fresh, old: [old] }).map(({ replicas }) => replicas),
    [0, 0],
  );
});

test('Recreate ends what is old before anything is new', (t) => {
  const old = [madeFor(deployment(3), 3), madeFor(deployment(3), 0)];
  t.deepEqual(recreateStep(old), [{ set: old[0], replicas: 0 }]);
  t.is(nextSize(deployment(3, { type: 'Recreate' }), [], 0), 3);
});

test('the ReplicaSet of a template is found again, whatever the order of its fields, and another template has another one', (t) => {
  const owner = deployment(1);
  const set = madeFor(owner, 1);
  const turned = structuredClone(owner);
  if (turned.spec) {
    turned.spec.template = {
      spec: { containers: [{ image: 'app:1', name: 'c' }] },
      metadata: { labels: { app: 'web' } },
    };
  }
  t.is(findNew(turned, [set]), set);
  t.is(templateHash(turned), templateHash(owner));
  t.is(findNew(deployment(1, {}, 'app:2'), [set]), undefined);
  t.not(templateHash({ ...owner, status: { collisionCount: 1 } }), templateHash(owner));
  t.regex(set.metadata?.name ?? '', /^web-[b-z2-9]{10}$/);
});

test('going back to an earlier template makes its ReplicaSet the newest revision, and remembers which it was', (t) => {
  const owner = deployment(1);
  const first = madeFor(owner, 0);
  const second = madeFor(deployment(1, {}, 'app:2'), 1);
  second.metadata = { ...second.metadata, annotations: annotationsFor(owner, second, [first]) };
  t.is(second.metadata.annotations?.[revisionAnnotation], '2');
  const again = annotationsFor(owner, first, [second]);
  t.is(again[revisionAnnotation], '3');
  t.is(again['deployment.kubernetes.io/revision-history'], '1');
  t.is(again[desiredAnnotation], '1');
});

test('what history need not keep is forgotten, the oldest first, but nothing that has pods', (t) => {
  const owner = deployment(1);
  const old = [1, 2, 3, 4].map((revision) => {
    const set = madeFor(owner, revision === 2 ? 1 : 0);
    set.metadata = { ...set.metadata, annotations: { [revisionAnnotation]: String(revision) } };
    return set;
  });
  t.deepEqual(toForget(owner, old), [old[0]]);
});

test('the status says that a rollout goes on, that it is complete, and that it is overdue', (t) => {
  const owner = deployment(2);
  const fresh = madeFor(owner, 2, 1);
  const reasonOf = (status: Deployment['status']) =>
    status?.conditions?.find(({ type }) => type === 'Progressing')?.reason;
  const begun = statusOf(owner, { fresh, old: [] }, 1_000_000);
  t.is(reasonOf(begun.status), 'ReplicaSetUpdated');
  t.is(begun.checkInMs, 601_000);
  const late = statusOf({ ...owner, status: begun.status }, { fresh, old: [] }, 1_000_000 + 602_000);
  t.is(reasonOf(late.status), 'ProgressDeadlineExceeded');
  t.is(late.checkInMs, undefined);
  const whole = madeFor(owner, 2);
  const complete = statusOf({ ...owner, status: late.status }, { fresh: whole, old: [] }, 3_000_000);
  t.is(reasonOf(complete.status), 'NewReplicaSetAvailable');
  t.true(isComplete(owner, complete.status));
  t.is(complete.status.conditions?.find(({ type }) => type === 'Available')?.status, 'True');
});

test('a ReplicaSet that was told of the present size is not scaled again', (t) => {
  const owner = deployment(3);
  const fresh = madeFor(owner, 3);
  t.is(fresh.metadata?.annotations?.[desiredAnnotation], scaleAnnotations(owner)[desiredAnnotation]);
  t.false(isScaled(owner, { fresh, old: [] }));
});
