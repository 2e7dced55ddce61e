/** Where a pod goes that has claims: to its volumes, or its volumes to it. */
import test from 'ava';
import type { PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from '../../../master/api/types.ts';
import { Algorithm } from '../../../master/scheduler/algorithm.ts';
import { SchedulerCache } from '../../../master/scheduler/cache.ts';
import { plugins } from '../../../master/scheduler/plugins/index.ts';
import { Assumable } from '../../../master/scheduler/volumes/volume-cache.ts';
import { planAt, volumeNeeds } from '../../../master/scheduler/volumes/volume-needs.ts';
import { info, node, outcome } from './objects.ts';

type Volumes = NonNullable<NonNullable<Pod['spec']>['volumes']>;

const hostKey = 'kubernetes.io/hostname';
const zoneKey = 'topology.kubernetes.io/zone';

function cluster(...names: string[]): SchedulerCache {
  const cache = new SchedulerCache();
  for (const name of names) cache.setNode(node(name, { labels: { [hostKey]: name, [zoneKey]: name.slice(0, 1) } }));
  return cache;
}

const volume = (
  name: string,
  storage: string,
  at?: string,
  more: Partial<PersistentVolume> = {},
): PersistentVolume => ({
  metadata: { name, ...more.metadata },
  spec: {
    storageClassName: 'late',
    capacity: { storage },
    accessModes: ['ReadWriteOnce', 'ReadWriteOncePod'],
    ...(at !== undefined && {
      nodeAffinity: {
        required: { nodeSelectorTerms: [{ matchExpressions: [{ key: hostKey, operator: 'In', values: [at] }] }] },
      },
    }),
    ...more.spec,
  },
  status: { phase: 'Available' },
});

const claim = (
  name: string,
  storage: string,
  spec: PersistentVolumeClaim['spec'] = {},
  annotations: Record<string, string> = {},
): PersistentVolumeClaim => ({
  metadata: { namespace: 'default', name, uid: `uid-${name}`, annotations },
  spec: {
    storageClassName: 'late',
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage } },
    ...spec,
  },
});
const bound = (name: string, volumeName: string): PersistentVolumeClaim =>
  claim(name, '1Gi', { volumeName }, { 'pv.kubernetes.io/bind-completed': 'yes' });

const late: StorageClass = {
  metadata: { name: 'late' },
  provisioner: 'kubernetes.io/no-provisioner',
  volumeBindingMode: 'WaitForFirstConsumer',
};
const made: StorageClass = { ...late, metadata: { name: 'made' }, provisioner: 'example.com/disks' };

const using = (...claims: string[]) => {
  const volumes: Volumes = claims.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } }));
  return info('p', { spec: { volumes } });
};
const where = (cache: SchedulerCache, pod = using('c')): string =>
  outcome(new Algorithm(plugins, () => 0.9), pod, cache);
const noHelp = (nodes: number): string =>
  ` no new claims to deallocate, preemption: 0/${nodes} nodes are available: ${nodes} Preemption is not helpful for scheduling.`;

test('what keeps a claim from being used keeps the pod from every node, and is said once', (t) => {
  const cache = cluster('a1', 'b1');
  const says = (why: string) => t.is(where(cache), `0/2 nodes are available: ${why}.${noHelp(2)}`);
  says('persistentvolumeclaim "c" not found');
  cache.volumes.claims.set(claim('c', '1Gi', { storageClassName: '' }));
  says('pod has unbound immediate PersistentVolumeClaims');
  cache.volumes.claims.set({ ...bound('c', 'gone'), status: { phase: 'Lost' } });
  says('persistentvolumeclaim "c" bound to non-existent persistentvolume "gone"');
  const { metadata, ...rest } = bound('c', 'v');
  cache.volumes.claims.set({ ...rest, metadata: { ...metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } });
  says('persistentvolumeclaim "c" is being deleted');
  const own = info('p', { spec: { volumes: [{ name: 'scratch', ephemeral: {} }] } });
  t.regex(
    where(cache, own),
    /: waiting for ephemeral volume controller to create the persistentvolumeclaim "p-scratch"\./,
  );
  cache.volumes.claims.set(claim('p-scratch', '1Gi'));
  t.regex(where(cache, own), /: PVC default\/p-scratch was not created for pod default\/p \(pod is not owner\)\./);
});

test('a pod goes where its bound volumes can be used', (t) => {
  const cache = cluster('a1', 'b1', 'c1');
  cache.volumes.claims.set(bound('c', 'v'));
  t.regex(where(cache), /3 node\(s\) unavailable due to one or more pvc\(s\) bound to non-existent pv\(s\)/);
  cache.volumes.volumes.set(volume('v', '1Gi', 'b1'));
  t.is(where(cache), 'b1');
  cache.volumes.volumes.set(volume('v', '1Gi', 'elsewhere'));
  t.is(where(cache), `0/3 nodes are available: 3 node(s) didn't match PersistentVolume's node affinity.${noHelp(3)}`);
  const zoned = volume('v', '1Gi', undefined, { metadata: { labels: { [zoneKey]: 'c__d' } } });
  cache.volumes.volumes.set({ ...zoned, metadata: { ...zoned.metadata, name: 'v' } });
  t.is(where(cache), 'c1');
});

test('claims that wait for their pod lead it to a node with a volume for each', (t) => {
  const cache = cluster('a1', 'b1');
  cache.volumes.setClass(late);
  cache.volumes.claims.set(claim('large', '5Gi'));
  cache.volumes.claims.set(claim('small', '1Gi'));
  for (const one of [volume('a-1', '5Gi', 'a1'), volume('b-1', '9Gi', 'b1'), volume('b-2', '2Gi', 'b1')]) {
    cache.volumes.volumes.set(one);
  }
  const pod = using('large', 'small');
  t.is(where(cache, pod), 'b1');
  const needs = volumeNeeds(pod, cache.volumes);
  if (typeof needs === 'string') return t.fail(needs);
  const plan = planAt(needs, node('b1', { labels: { [hostKey]: 'b1' } }));
  if (!('bindings' in plan)) return t.fail(plan.join());
  const pairs = plan.bindings.map(({ claim: { metadata }, volume: { metadata: other } }) => [
    metadata?.name,
    other?.name,
  ]);
  t.deepEqual(pairs, [
    ['small', 'b-2'],
    ['large', 'b-1'],
  ]);
  // One that is promised to another pod is nobody else's.
  const taken = volume('b-1', '9Gi', 'b1', { spec: { claimRef: { namespace: 'default', name: 'other', uid: 'x' } } });
  cache.volumes.volumes.assume(taken);
  t.regex(where(cache, pod), /2 node\(s\) didn't find available persistent volumes to bind/);
  cache.volumes.volumes.forget(taken);
  t.is(where(cache, pod), 'b1');
});

test('where no volume is free one is to be made, on a node of the class’s topology, or on the one that was selected', (t) => {
  const cache = cluster('a1', 'b1', 'b2');
  cache.volumes.setClass({
    ...made,
    allowedTopologies: [{ matchLabelExpressions: [{ key: zoneKey, values: ['b'] }] }],
  });
  cache.volumes.claims.set(claim('c', '1Gi', { storageClassName: 'made' }));
  t.regex(where(cache), /^b/);
  const selected = { 'volume.kubernetes.io/selected-node': 'b2' };
  cache.volumes.claims.set(claim('c', '1Gi', { storageClassName: 'made' }, selected));
  t.is(where(cache), 'b2');
  cache.volumes.setClass({ ...late, metadata: { name: 'made' } });
  t.regex(where(cache), /3 node\(s\) didn't find available persistent volumes to bind/);
});

test('a claim for one pod alone keeps a second one waiting, wherever the first is', (t) => {
  const cache = cluster('a1', 'b1');
  cache.volumes.claims.set({ ...bound('c', 'v'), spec: { volumeName: 'v', accessModes: ['ReadWriteOncePod'] } });
  cache.volumes.volumes.set(volume('v', '1Gi'));
  const first = info('first', { spec: { volumes: using('c').pod.spec?.volumes ?? [] } });
  t.regex(where(cache, first), /^[ab]1$/);
  cache.assume(first, 'a1');
  t.regex(
    where(cache),
    /2 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode/,
  );
});

test('what was decided shows until the watch shows something newer', (t) => {
  const objects = new Assumable<PersistentVolume>();
  const at = (resourceVersion: string, phase: string): PersistentVolume => ({
    metadata: { name: 'v', resourceVersion },
    status: { phase },
  });
  objects.set(at('1', 'seen'));
  const decided = at('1', 'decided');
  objects.assume(decided);
  objects.set(at('1', 'seen again'));
  t.is(objects.get('v')?.status?.phase, 'decided');
  t.is(objects.list()[0]?.status?.phase, 'decided');
  objects.set(at('2', 'newer'));
  t.is(objects.get('v')?.status?.phase, 'newer');
  objects.assume(decided);
  objects.forget(decided);
  t.is(objects.get('v')?.status?.phase, 'newer');
});
