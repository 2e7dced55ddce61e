import test from 'ava';
import type { Lease } from '../../../master/api/types.ts';
import {
  readinessOf,
  silencedConditions,
  unreadyStatus,
} from '../../../master/controllers/node-lifecycle/conditions.ts';
import { NodeHealthObserver } from '../../../master/controllers/node-lifecycle/health-observer.ts';
import { evictionKey, wantedTaints } from '../../../master/controllers/node-lifecycle/taints.ts';
import { evictionTime } from '../../../master/controllers/node-lifecycle/tolerations.ts';
import { EvictionLimiter, evictionRate, zoneState } from '../../../master/controllers/node-lifecycle/zones.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { node, pod } from './objects.ts';

const notReady = 'node.kubernetes.io/not-ready';
const unreachable = 'node.kubernetes.io/unreachable';

function lease(name: string, renewTime: string, namespace = 'kube-node-lease'): Lease {
  return { metadata: { namespace, name }, spec: { renewTime } };
}

/** Renews some other lease every second, so that the observer knows that it can see. */
function pass(clock: ManualClock, observer: NodeHealthObserver, seconds: number): void {
  for (let i = 0; i < seconds; i += 1) {
    clock.advance(1_000);
    observer.leaseSeen(lease('kube-scheduler', String(clock.now()), 'kube-system'));
  }
}

test('a node is silent from its last lease, counted from when the observer began', (t) => {
  const clock = new ManualClock(1_000_000);
  const observer = new NodeHealthObserver({ blindAfterMs: 6_000, clock });
  observer.nodeSeen(node('n1', 'True'));
  observer.leaseSeen(lease('n1', '1970-01-01T00:00:00Z'));
  t.is(observer.silentMs('n1'), 0, 'an old renewal time alone says nothing');
  pass(clock, observer, 5);
  t.is(observer.silentMs('n1'), 5_000);
  observer.leaseSeen(lease('n1', '1970-01-01T00:00:02Z'));
  t.is(observer.silentMs('n1'), 0);
  observer.leaseSeen(lease('n1', '1970-01-01T00:00:02Z'));
  pass(clock, observer, 3);
  observer.leaseSeen(lease('n1', '1970-01-01T00:00:02Z'));
  t.is(observer.silentMs('n1'), 3_000, 'the same lease again is no sign of life');
});

test('an observer that could not see calls no node silent, and then counts anew', (t) => {
  const clock = new ManualClock(1_000_000);
  const observer = new NodeHealthObserver({ blindAfterMs: 6_000, clock });
  observer.nodeSeen(node('n1', 'True'));
  pass(clock, observer, 5);
  clock.advance(60_000);
  t.true(observer.blind);
  t.is(observer.silentMs('n1'), 0);
  observer.leaseSeen(lease('kube-scheduler', 'back', 'kube-system'));
  t.false(observer.blind);
  pass(clock, observer, 4);
  t.is(observer.silentMs('n1'), 4_000);
});

test('a taint counts from when it was first seen, anew after blindness, and is forgotten when it goes', (t) => {
  const clock = new ManualClock(1_000_000);
  const observer = new NodeHealthObserver({ blindAfterMs: 6_000, clock });
  const taint = { key: unreachable, effect: 'NoExecute', timeAdded: '1970-01-01T00:00:00Z' };
  observer.nodeSeen(node('n1', 'Unknown', { taints: [taint] }));
  t.is(observer.taintedSince('n1', taint), 1_000_000);
  pass(clock, observer, 3);
  observer.nodeSeen(node('n1', 'Unknown', { taints: [taint] }));
  t.is(observer.taintedSince('n1', taint), 1_000_000);
  clock.advance(30_000);
  observer.leaseSeen(lease('kube-scheduler', 'back', 'kube-system'));
  t.is(observer.taintedSince('n1', taint), 1_033_000);
  observer.nodeSeen(node('n1', 'True'));
  t.is(observer.taintedSince('n1', taint), undefined);
});

test('the conditions of a silent node become unknown, once', (t) => {
  const conditions = silencedConditions(node('n1', 'True'), 5_000);
  t.deepEqual(
    conditions?.map(({ type, status, reason }) => [type, status, reason]),
    [
      ['Ready', 'Unknown', 'NodeStatusUnknown'],
      ['MemoryPressure', 'Unknown', 'NodeStatusNeverUpdated'],
      ['DiskPressure', 'Unknown', 'NodeStatusNeverUpdated'],
      ['PIDPressure', 'Unknown', 'NodeStatusNeverUpdated'],
    ],
  );
  t.is(conditions?.[0]?.message, 'Kubelet stopped posting node status.');
  t.is(silencedConditions({ ...node('n1', 'Unknown'), status: { conditions } }, 9_000), undefined);
});

test('a node that never reported is unknown', (t) => {
  t.is(readinessOf(node('n1', undefined)), 'Unknown');
});

test('a ready pod on a lost node is marked as not ready, any other is left alone', (t) => {
  const status = unreadyStatus(pod({ name: 'a', ready: true }), 7_000);
  t.like(status?.conditions?.[0], { type: 'Ready', status: 'False', lastTransitionTime: '1970-01-01T00:00:07Z' });
  t.is(unreadyStatus(pod({ name: 'a' }), 7_000), undefined);
});

test('taints follow conditions, and taints of users stay', (t) => {
  const mine = { key: 'dedicated', value: 'db', effect: 'NoSchedule' };
  const down = node('n1', 'Unknown', { unschedulable: true, taints: [mine] });
  const taints = wantedTaints(down, evictionKey('Unknown'), 0);
  t.deepEqual(
    taints?.map(({ key, effect }) => [key, effect]),
    [
      ['dedicated', 'NoSchedule'],
      [unreachable, 'NoSchedule'],
      ['node.kubernetes.io/unschedulable', 'NoSchedule'],
      [unreachable, 'NoExecute'],
    ],
  );
  t.is(wantedTaints({ ...down, spec: { ...down.spec, taints } }, unreachable, 99_000), undefined, 'nothing to change');
  t.deepEqual(wantedTaints(node('n1', 'True', { taints }), undefined, 0), [mine]);
});

test('a node that goes from unknown to not ready changes its taint', (t) => {
  const taints = [{ key: unreachable, effect: 'NoExecute' }];
  const wanted = wantedTaints(node('n1', 'False', { taints }), evictionKey('False'), 0);
  t.deepEqual(
    wanted?.map(({ key, effect }) => [key, effect]),
    [
      [notReady, 'NoSchedule'],
      [notReady, 'NoExecute'],
    ],
  );
});

const limits = { evictionRate: 0.1, secondaryEvictionRate: 0.01, largeClusterSize: 50, unhealthyThreshold: 0.55 };

test('one dead node of two is an ordinary loss; when all are dead, nothing is evicted', (t) => {
  t.is(zoneState({ ready: 1, notReady: 1 }, limits), 'Normal');
  t.is(zoneState({ ready: 0, notReady: 2 }, limits), 'FullDisruption');
  t.is(evictionRate('Normal', 2, false, limits), 0.1);
  t.is(evictionRate('FullDisruption', 2, true, limits), 0);
  t.is(evictionRate('FullDisruption', 2, false, limits), 0.1, 'another zone lives: this one is really down');
});

test('a partially disrupted zone evicts slowly when it is large and not at all when it is small', (t) => {
  t.is(zoneState({ ready: 4, notReady: 6 }, limits), 'PartialDisruption');
  t.is(evictionRate('PartialDisruption', 10, false, limits), 0);
  t.is(evictionRate('PartialDisruption', 51, false, limits), 0.01);
});

test('the first node is evicted at once, the next one at the rate', (t) => {
  const limiter = new EvictionLimiter();
  t.true(limiter.tryTake(0.1, 1_000));
  t.false(limiter.tryTake(0.1, 10_999));
  t.true(limiter.tryTake(0.1, 11_000));
  t.false(limiter.tryTake(0, 999_000));
});

test('a pod leaves at once, after its toleration, or never', (t) => {
  const taints = [{ key: unreachable, effect: 'NoExecute' }];
  const since = (): number => 5_000;
  t.is(evictionTime([], taints, since), 5_000);
  t.is(evictionTime([{ key: unreachable, operator: 'Exists', tolerationSeconds: 10 }], taints, since), 15_000);
  t.is(evictionTime([{ operator: 'Exists' }], taints, since), 'never');
  t.is(evictionTime([{ key: unreachable, operator: 'Exists', effect: 'NoSchedule' }], taints, since), 5_000);
  t.is(evictionTime([], [{ key: 'a', effect: 'NoSchedule' }], since), 'never');
});

test('of several taints the earliest end of tolerance holds', (t) => {
  const taints = [
    { key: 'a', effect: 'NoExecute' },
    { key: 'b', value: 'x', effect: 'NoExecute' },
  ];
  const tolerations = [
    { key: 'a', operator: 'Exists', tolerationSeconds: 60 },
    { key: 'b', operator: 'Equal', value: 'x', tolerationSeconds: 5 },
  ];
  t.is(
    evictionTime(tolerations, taints, () => 0),
    5_000,
  );
});
