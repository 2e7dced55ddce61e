import test from 'ava';
import type { Pod, ReplicationController } from '../../../master/api/types.ts';
import { claim } from '../../../master/controllers/claims.ts';
import { Expectations } from '../../../master/controllers/replication/expectations.ts';
import { podsToDelete } from '../../../master/controllers/replication/pod-ranking.ts';
import { replicationControllers } from '../../../master/controllers/replication/replica-kinds.ts';
import { podFor } from '../../../master/controllers/replication/replica-manager.ts';
import { slowStart } from '../../../master/controllers/replication/slow-start.ts';
import { computeStatus } from '../../../master/controllers/replication/status.ts';
import { controller, pod } from './objects.ts';

const claimsOf = (owner: ReplicationController, candidates: Pod[]) =>
  claim(owner, (pod) => replicationControllers.selects(owner, pod), candidates);

const names = (pods: Pod[]): (string | undefined)[] => pods.map(({ metadata }) => metadata?.name);

test('what serves least is deleted first', (t) => {
  const pods = [
    pod({ name: 'old-ready', node: 'n1', ready: true, readySince: 100, created: 50 }),
    pod({ name: 'young-ready', node: 'n2', ready: true, readySince: 100, created: 90 }),
    pod({ name: 'restarted', node: 'n3', ready: true, readySince: 100, created: 50, restarts: 4 }),
    pod({ name: 'late-ready', node: 'n4', ready: true, readySince: 200, created: 50 }),
    pod({ name: 'cheap', node: 'n5', ready: true, readySince: 100, created: 50, cost: '-5' }),
    pod({ name: 'not-ready', node: 'n6', created: 50 }),
    pod({ name: 'pending', node: 'n7', phase: 'Pending' }),
    pod({ name: 'unassigned', phase: 'Pending' }),
  ];
  t.deepEqual(names(podsToDelete(pods, 7)), [
    'unassigned',
    'pending',
    'not-ready',
    'cheap',
    'late-ready',
    'restarted',
    'young-ready',
  ]);
});

test('a node that holds more of the replicas gives up one first', (t) => {
  const ready = { ready: true, readySince: 100, created: 50 };
  const pods = [
    pod({ name: 'alone', node: 'n1', ...ready, readySince: 500 }),
    pod({ name: 'crowded-1', node: 'n2', ...ready }),
    pod({ name: 'crowded-2', node: 'n2', ...ready }),
  ];
  t.deepEqual(names(podsToDelete(pods, 1)), ['crowded-1']);
});

test('a pod is kept, adopted, released or left to another controller by its owner and its labels', (t) => {
  const claims = claimsOf(controller(), [
    pod({ name: 'mine', owner: 'rc-1' }),
    pod({ name: 'relabelled', owner: 'rc-1', labels: { app: 'other' } }),
    pod({ name: 'orphan' }),
    pod({ name: 'dying-orphan', terminating: true }),
    pod({ name: 'another-controllers', owner: 'rc-2' }),
    pod({ name: 'stranger', labels: {} }),
  ]);
  t.deepEqual(names(claims.owned), ['mine']);
  t.deepEqual(names(claims.release), ['relabelled']);
  t.deepEqual(names(claims.adopt), ['orphan']);
});

test('a controller that is being deleted adopts and releases nothing', (t) => {
  const claims = claimsOf(controller({ terminating: true }), [
    pod({ name: 'orphan' }),
    pod({ name: 'relabelled', owner: 'rc-1', labels: {} }),
  ]);
  t.deepEqual([claims.adopt, claims.release], [[], []]);
});

test('nothing more is done until the cache shows what was created and deleted', (t) => {
  const cache = new Map<string, Pod>();
  const view = { get: (key: string) => cache.get(key), resourceVersion: '10' };
  const expectations = new Expectations(view);
  const created = pod({ name: 'new', resourceVersion: '12' });
  const doomed = pod({ name: 'old' });
  cache.set('default/old', doomed);
  expectations.expectCreated('default/web', created);
  expectations.expectDeleted('default/web', doomed);
  t.false(expectations.satisfied('default/web'));
  cache.set('default/new', created);
  t.false(expectations.satisfied('default/web'), 'the deletion was not seen yet');
  cache.set('default/old', pod({ name: 'old', terminating: true }));
  t.true(expectations.satisfied('default/web'));
});

test('a pod that came and went between two looks does not hold its controller up for ever', (t) => {
  const view = { get: () => undefined, resourceVersion: '10' };
  const expectations = new Expectations(view);
  expectations.expectCreated('default/web', pod({ name: 'brief', resourceVersion: '12' }));
  t.false(expectations.satisfied('default/web'));
  view.resourceVersion = '13';
  t.true(expectations.satisfied('default/web'));
});

test('creations start slowly and end with the first batch that fails', async (t) => {
  let sent = 0;
  const refused = await slowStart(500, async () => {
    sent += 1;
    if (sent > 4) throw new Error('exceeded quota');
  });
  t.is(sent, 7, 'batches of 1, 2 and 4');
  t.is(refused.succeeded, 4);
  t.regex(String(refused.error), /exceeded quota/);
  t.deepEqual(await slowStart(500, async () => {}), { succeeded: 500 });
});

test('the status counts living pods, and says when one will be available', (t) => {
  const now = 110_000;
  const { status, availableInMs } = computeStatus(
    controller({ minReadySeconds: 30 }),
    [
      pod({ name: 'available', ready: true, readySince: 70, labels: { app: 'web', tier: 'front' } }),
      pod({ name: 'ready', ready: true, readySince: 100 }),
      pod({ name: 'starting' }),
      pod({ name: 'leaving', ready: true, terminating: true }),
      pod({ name: 'finished', phase: 'Succeeded' }),
    ],
    undefined,
    now,
  );
  t.like(status, {
    replicas: 3,
    readyReplicas: 2,
    availableReplicas: 1,
    fullyLabeledReplicas: 1,
    observedGeneration: 3,
  });
  t.is(availableInMs, 20_000);
});

test('a failure to create shows as a condition, and goes when creation works again', (t) => {
  const rc = controller();
  const failed = computeStatus(rc, [], { reason: 'FailedCreate', message: 'no' }, 0).status;
  t.like(failed.conditions?.[0], { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'no' });
  t.is(computeStatus({ ...rc, status: failed }, [], undefined, 0).status.conditions, undefined);
});

test('a pod is made from the template, owned by its controller and named after it', (t) => {
  const { metadata, spec } = podFor(controller(), replicationControllers.kind);
  t.like(metadata, { namespace: 'default', generateName: 'web-', labels: { app: 'web', tier: 'front' } });
  t.like(metadata?.ownerReferences?.[0], { kind: 'ReplicationController', uid: 'rc-1', controller: true });
  t.deepEqual(spec, { containers: [{ name: 'c' }] });
});
