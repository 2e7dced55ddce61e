import test from 'ava';
import type { PodDisruptionBudget } from '../../../master/api/types.ts';
import { countBudget, desiredHealthy, isOfScale } from '../../../master/controllers/disruption/budget-status.ts';
import { Sightings } from '../../../master/controllers/disruption/sightings.ts';
import { staleInMs } from '../../../master/controllers/disruption/stale-targets.ts';
import { at, pod } from './objects.ts';

test('parts of a pod are rounded up, of those that must be there and of those that may be away', (t) => {
  t.is(desiredHealthy({ minAvailable: 3 }, 10), 3);
  t.is(desiredHealthy({ minAvailable: '50%' }, 7), 4);
  t.is(desiredHealthy({ minAvailable: '100%' }, 7), 7);
  t.is(desiredHealthy({ maxUnavailable: 2 }, 7), 5);
  t.is(desiredHealthy({ maxUnavailable: '30%' }, 5), 3);
  t.is(desiredHealthy({ maxUnavailable: 9 }, 5), 0);
  t.is(desiredHealthy({}, 5), 0);
  t.throws(() => desiredHealthy({ minAvailable: 'half' }, 5), { message: /not a percentage/ });
  t.deepEqual(
    [{ minAvailable: 3 }, { minAvailable: '3%' }, { maxUnavailable: 3 }].map((spec) => isOfScale(spec)),
    [false, true, true],
  );
});

const budget = (status: Partial<PodDisruptionBudget['status']> = {}): PodDisruptionBudget => ({
  metadata: { name: 'b', generation: 4 },
  spec: { minAvailable: 2 },
  status: { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0, ...status },
});
const never = (): number => 0;

test('what is ready and stays counts, and what is left of it may go', (t) => {
  const pods = [
    pod({ name: 'a', ready: true }),
    pod({ name: 'b', ready: true }),
    pod({ name: 'c', ready: true }),
    pod({ name: 'unready' }),
    pod({ name: 'going', ready: true, terminating: true }),
  ];
  const { status } = countBudget(budget(), pods, pods.length, never, 0);
  t.like(status, {
    currentHealthy: 3,
    desiredHealthy: 2,
    disruptionsAllowed: 1,
    expectedPods: 5,
    observedGeneration: 4,
  });
  t.deepEqual(status.conditions, [
    {
      type: 'DisruptionAllowed',
      status: 'True',
      reason: 'SufficientPods',
      message: '',
      observedGeneration: 4,
      lastTransitionTime: at(0),
    },
  ]);
  t.is(countBudget(budget(), [], 0, never, 0).status.disruptionsAllowed, 0);
  const lacking = countBudget(budget(), pods.slice(0, 1), 1, never, 0);
  t.like(lacking.status, { disruptionsAllowed: 0 });
  t.is(lacking.status.conditions?.[0]?.reason, 'InsufficientPods');
});

test('a pod that was let go counts again when it was not deleted in time', (t) => {
  const pods = ['a', 'b', 'c'].map((name) => pod({ name, ready: true }));
  const letGo = budget({ disruptedPods: { a: at(100), gone: at(100) } });
  const waiting = countBudget(letGo, pods, 3, () => 7_000, 0);
  t.like(waiting.status, { currentHealthy: 2, disruptionsAllowed: 0, disruptedPods: { a: at(100) } });
  t.is(waiting.recheckInMs, 7_000);
  const late = countBudget(letGo, pods, 3, never, 0);
  t.like(late.status, { currentHealthy: 3, disruptionsAllowed: 1, disruptedPods: undefined });
  t.deepEqual(late.notDeleted, [pods[0]]);
});

test('how long a pod has waited is told by this process’s clock, whatever time the eviction says', (t) => {
  let now = 1_000;
  const clock = { now: () => now, elapsed: () => now, setTimeout: () => undefined, clearTimeout: () => undefined };
  const sightings = new Sightings(120_000, clock);
  const waiting = [['a', at(0)]] as const;
  t.is(sightings.of('ns/b', waiting)('a', at(0)), 120_000);
  now += 50_000;
  t.is(sightings.of('ns/b', waiting)('a', at(0)), 70_000);
  t.is(sightings.of('ns/b', [['a', at(9)]])('a', at(9)), 120_000, 'it was let go once more');
  sightings.forget('ns/b');
  t.is(sightings.of('ns/b', waiting)('a', at(0)), 120_000);
});

test('the sign that a pod is to be disrupted grows stale after two minutes, unless the pod ends or its kubelet said so', (t) => {
  const marked = (sketch: Parameters<typeof pod>[0], reason = 'EvictionByEvictionAPI') => {
    const made = pod(sketch);
    const condition = { type: 'DisruptionTarget', status: 'True', reason, lastTransitionTime: at(100) };
    return { ...made, status: { ...made.status, conditions: [condition] } };
  };
  t.is(staleInMs(marked({ name: 'a' }), 130_000), 90_000);
  t.is(staleInMs(marked({ name: 'a' }), 500_000), 0);
  t.is(staleInMs(marked({ name: 'a', terminating: true }), 500_000), undefined);
  t.is(staleInMs(marked({ name: 'a', phase: 'Failed' }), 500_000), undefined);
  t.is(staleInMs(marked({ name: 'a' }, 'TerminationByKubelet'), 500_000), undefined);
  t.is(staleInMs(pod({ name: 'a' }), 500_000), undefined);
});
