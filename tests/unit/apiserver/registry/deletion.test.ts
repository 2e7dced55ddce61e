import test from 'ava';
import type { DeleteOptions, KubeObject, Namespace, Pod } from '../../../../master/api/types.ts';
import {
  checkPreconditions,
  deletionIsDone,
  planDeletion,
  validateDeleteOptions,
} from '../../../../master/apiserver/registry/deletion.ts';
import { configMapStrategy } from '../../../../master/apiserver/registry/strategies/configmaps.ts';
import { namespaceStrategy } from '../../../../master/apiserver/registry/strategies/namespaces.ts';
import { podStrategy } from '../../../../master/apiserver/registry/strategies/pods.ts';
import { replicationControllerStrategy } from '../../../../master/apiserver/registry/strategies/replicationcontrollers.ts';
import type { Strategy } from '../../../../master/apiserver/registry/strategy.ts';

const now = Date.parse('2026-01-01T00:00:00Z');

const plan = (strategy: Strategy, object: KubeObject, options: DeleteOptions = {}) =>
  planDeletion(strategy, object, options, now);

function marked(strategy: Strategy, object: KubeObject, options: DeleteOptions = {}): KubeObject {
  const made = plan(strategy, object, options);
  if (made.action !== 'mark') throw new Error(`expected a mark, got ${made.action}`);
  return made.object;
}

const runningPod: Pod = {
  metadata: { name: 'a', generation: 1 },
  spec: { nodeName: 'n', terminationGracePeriodSeconds: 20, containers: [] },
  status: { phase: 'Running' },
};

test('an object that nothing holds goes at once', (t) => {
  t.deepEqual(plan(configMapStrategy, { metadata: { name: 'a' } }), { action: 'remove' });
});

test('an object with finalizers is marked and stays', (t) => {
  const { metadata } = marked(configMapStrategy, { metadata: { name: 'a', finalizers: ['x/y'] } });
  t.is(metadata?.deletionTimestamp, '2026-01-01T00:00:00Z');
  t.is(metadata?.deletionGracePeriodSeconds, 0);
});

test('a second deletion of an object that waits for its finalizers changes nothing', (t) => {
  const once = marked(configMapStrategy, { metadata: { name: 'a', finalizers: ['x/y'] } });
  t.deepEqual(plan(configMapStrategy, once), { action: 'wait' });
});

test('a pod on a node gets its grace: the mark says when it ends', (t) => {
  const { metadata } = marked(podStrategy, runningPod);
  t.is(metadata?.deletionTimestamp, '2026-01-01T00:00:20Z');
  t.is(metadata?.deletionGracePeriodSeconds, 20);
  t.is(metadata?.generation, 2);
});

test('grace can be cut short but not extended once deletion has begun', (t) => {
  const once = marked(podStrategy, runningPod);
  t.is(marked(podStrategy, once, { gracePeriodSeconds: 5 }).metadata?.deletionTimestamp, '2026-01-01T00:00:05Z');
  t.deepEqual(plan(podStrategy, once, { gracePeriodSeconds: 60 }), { action: 'wait' });
  t.deepEqual(plan(podStrategy, once), { action: 'wait' });
  t.deepEqual(plan(podStrategy, once, { gracePeriodSeconds: 0 }), { action: 'remove' });
});

test('a pod that is on no node, or has ended, goes at once; a negative grace is one second', (t) => {
  t.deepEqual(plan(podStrategy, { metadata: { name: 'a' }, spec: { containers: [] } } as Pod), { action: 'remove' });
  t.deepEqual(plan(podStrategy, { ...runningPod, status: { phase: 'Failed' } } as Pod), { action: 'remove' });
  t.is(marked(podStrategy, runningPod, { gracePeriodSeconds: -5 }).metadata?.deletionGracePeriodSeconds, 1);
});

test('a pod with finalizers stays though its grace is over', (t) => {
  const pod = { ...runningPod, metadata: { name: 'a', finalizers: ['x/y'] } };
  t.is(marked(podStrategy, pod, { gracePeriodSeconds: 0 }).metadata?.deletionGracePeriodSeconds, 0);
});

test('propagation Orphan and Foreground hold the object with a finalizer each, Background drops them', (t) => {
  const object: KubeObject = { metadata: { name: 'a' } };
  t.deepEqual(marked(configMapStrategy, object, { propagationPolicy: 'Orphan' }).metadata?.finalizers, ['orphan']);
  t.deepEqual(marked(configMapStrategy, object, { propagationPolicy: 'Foreground' }).metadata?.finalizers, [
    'foregroundDeletion',
  ]);
  const held = { metadata: { name: 'a', finalizers: ['orphan'] } };
  t.deepEqual(plan(configMapStrategy, held, { propagationPolicy: 'Background' }), { action: 'remove' });
  t.deepEqual(marked(configMapStrategy, object, { orphanDependents: true }).metadata?.finalizers, ['orphan']);
});

test('a replication controller that is deleted without a word on its pods leaves them, as in core/v1', (t) => {
  const rc = { metadata: { name: 'a' } };
  t.deepEqual(marked(replicationControllerStrategy, rc).metadata?.finalizers, ['orphan']);
  t.deepEqual(plan(replicationControllerStrategy, rc, { propagationPolicy: 'Background' }), { action: 'remove' });
});

test('a namespace becomes Terminating and stays until it is finalized', (t) => {
  const namespace: Namespace = {
    metadata: { name: 'a' },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  };
  const ending: Namespace = marked(namespaceStrategy, namespace);
  t.is(ending.status?.phase, 'Terminating');
  t.is(namespace.status?.phase, 'Active');
  t.false(deletionIsDone(namespaceStrategy, ending, ending));
  t.true(deletionIsDone(namespaceStrategy, { ...ending, spec: { finalizers: [] } } as Namespace, ending));
});

test('the last finalizer that goes ends a deletion, but not the grace of a pod', (t) => {
  const held = marked(configMapStrategy, { metadata: { name: 'a', finalizers: ['x/y'] } });
  const freed = { metadata: { ...held.metadata, finalizers: [] } };
  t.true(deletionIsDone(configMapStrategy, freed, held));
  const ending = marked(podStrategy, runningPod);
  t.false(deletionIsDone(podStrategy, ending, ending));
});

test('preconditions name the object that is meant', (t) => {
  const object: KubeObject = { metadata: { name: 'a', uid: 'u1', resourceVersion: '7' } };
  const check = (preconditions: NonNullable<DeleteOptions['preconditions']>) => () =>
    checkPreconditions(configMapStrategy.kind, 'a', object, { preconditions });
  t.notThrows(check({ uid: 'u1', resourceVersion: '7' }));
  t.throws(check({ uid: 'u2' }), {
    message:
      'Operation cannot be fulfilled on configmaps "a": Precondition failed: UID in precondition: u2, UID in object meta: u1',
  });
  t.throws(check({ resourceVersion: '6' }), {
    message: /ResourceVersion in precondition: 6, ResourceVersion in object meta: 7/,
  });
});

test('options that contradict themselves are invalid', (t) => {
  t.throws(() => validateDeleteOptions({ propagationPolicy: 'Orphan', orphanDependents: true }), {
    message: /cannot be both set/,
  });
  t.throws(() => validateDeleteOptions({ propagationPolicy: 'Sideways' }), {
    message: /Unsupported value: "Sideways"/,
  });
});
