import test from 'ava';
import { kinds } from '../../../master/api/kinds.ts';
import type { KubeObject, OwnerReference } from '../../../master/api/types.ts';
import { decide, type OwnerState } from '../../../master/controllers/garbage-collector/decide.ts';
import { graphNode, OwnerGraph } from '../../../master/controllers/garbage-collector/graph.ts';

const reference = (uid: string, blockOwnerDeletion = false): OwnerReference => ({
  apiVersion: 'v1',
  kind: 'ReplicationController',
  name: uid,
  uid,
  blockOwnerDeletion,
});
const object = (uid: string, owners: OwnerReference[] = [], metadata: KubeObject['metadata'] = {}): KubeObject => ({
  metadata: { namespace: 'default', name: uid, uid, ownerReferences: owners, ...metadata },
});
const owners = (...states: OwnerState[]) => states.map((state, i) => ({ reference: reference(`owner-${i}`), state }));

test('the graph knows dependents before their owner, and forgets references that go', (t) => {
  const graph = new OwnerGraph();
  graph.put(graphNode(kinds.pods, object('pod', [reference('rc', true)])));
  t.deepEqual(
    graph.dependents('rc').map(({ uid }) => uid),
    ['pod'],
  );
  t.is(graph.blockingDependents('rc').length, 1);
  graph.put(graphNode(kinds.pods, object('pod', [reference('rc')])));
  t.is(graph.blockingDependents('rc').length, 0);
  graph.put(graphNode(kinds.pods, object('pod')));
  t.is(graph.dependents('rc').length, 0);
  graph.remove('pod');
  t.is(graph.size, 0);
});

test('finalizers tell how an object that is being deleted treats its dependents', (t) => {
  const deletionTimestamp = '2026-01-01T00:00:00Z';
  const foreground = { finalizers: ['foregroundDeletion'] };
  t.false(graphNode(kinds.pods, object('a', [], foreground)).deletingDependents);
  t.true(graphNode(kinds.pods, object('a', [], { ...foreground, deletionTimestamp })).deletingDependents);
  t.true(graphNode(kinds.pods, object('a', [], { finalizers: ['orphan'], deletionTimestamp })).orphaning);
});

test('an object stays while all its owners are there, or if it has none', (t) => {
  t.deepEqual(decide(object('a'), [], false), { action: 'keep' });
  t.deepEqual(decide(object('a'), owners('present', 'present'), false), { action: 'keep' });
});

test('an object with one owner left loses only the references to the others', (t) => {
  const decision = decide(object('a'), owners('absent', 'present', 'waiting'), false);
  t.deepEqual(decision, { action: 'dropReferences', owners: [reference('owner-1')] });
});

test('an object whose owners are all gone is deleted, by its own finalizers', (t) => {
  const policyOf = (finalizers: string[]): unknown => decide(object('a', [], { finalizers }), owners('absent'), false);
  t.deepEqual(policyOf([]), { action: 'delete', policy: 'Background' });
  t.deepEqual(policyOf(['orphan']), { action: 'delete', policy: 'Orphan' });
  t.deepEqual(policyOf(['foregroundDeletion']), { action: 'delete', policy: 'Foreground' });
});

test('below an owner that waits, what has dependents of its own waits for them too', (t) => {
  t.deepEqual(decide(object('a'), owners('waiting'), true), { action: 'delete', policy: 'Foreground' });
  t.deepEqual(decide(object('a'), owners('waiting'), false), { action: 'delete', policy: 'Background' });
});
