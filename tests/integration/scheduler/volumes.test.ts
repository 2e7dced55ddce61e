/** The scheduler and the binder of volumes against a real API server: pods that wait for volumes, and volumes that wait for pods. */
import test from 'ava';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../../master/api/types.ts';
import { ControlPlane } from '../../support/control-plane.ts';
import { within } from '../../support/within.ts';

const namespace = 'default';
const hostKey = 'kubernetes.io/hostname';
let plane: ControlPlane;

test.before(async () => {
  plane = await ControlPlane.start();
  const scheduler = await plane.startScheduler();
  await plane.startControllers('--controllers', 'persistentvolume-binder-controller,ephemeral-volume-controller');
  await scheduler.untilLeading();
  const allocatable = { cpu: '4', memory: '4Gi', pods: '20' };
  const conditions = [{ type: 'Ready', status: 'True', reason: 'x', message: '' }];
  for (const name of ['near', 'far']) {
    await plane.client.create('nodes', { metadata: { name, labels: { [hostKey]: name } } });
    const status = { capacity: allocatable, allocatable, conditions };
    await plane.client.patch('nodes', { name }, { status }, { type: 'strategic', subresource: 'status' });
    await plane.client.patch('nodes', { name }, { spec: { taints: null } }, { type: 'merge' });
  }
  for (const [name, provisioner] of [
    ['by-hand', 'kubernetes.io/no-provisioner'],
    ['scratch', 'kubernetes.io/no-provisioner'],
    ['shared', 'kubernetes.io/no-provisioner'],
    ['made', 'example.com/disks'],
  ] as const) {
    const volumeBindingMode = 'WaitForFirstConsumer';
    await plane.client.create('storageclasses', { metadata: { name }, provisioner, volumeBindingMode });
  }
});
test.after.always(() => plane?.stop());

const volume = (name: string, at: string, more: PersistentVolume['spec'] = {}) =>
  plane.client.create('persistentvolumes', {
    metadata: { name },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      local: { path: '/disk' },
      nodeAffinity: {
        required: { nodeSelectorTerms: [{ matchExpressions: [{ key: hostKey, operator: 'In', values: [at] }] }] },
      },
      ...more,
    },
  });
const claimSpec = (storageClassName: string): NonNullable<PersistentVolumeClaim['spec']> => ({
  storageClassName,
  accessModes: ['ReadWriteOnce'],
  resources: { requests: { storage: '1Gi' } },
});
const claim = (name: string, storageClassName: string) =>
  plane.client.create('persistentvolumeclaims', { metadata: { namespace, name }, spec: claimSpec(storageClassName) });
const getClaim = (name: string) => plane.client.get('persistentvolumeclaims', { namespace, name });
const isBoundClaim = ({ status }: PersistentVolumeClaim): boolean => status?.phase === 'Bound';

const podWith = (name: string, ...volumes: NonNullable<NonNullable<Pod['spec']>['volumes']>) =>
  plane.client.create('pods', {
    metadata: { namespace, name },
    spec: { containers: [{ name: 'main', image: 'trimaster/echo:1' }], volumes },
  });
const podOf = (name: string, claimName: string) =>
  podWith(name, { name: 'data', persistentVolumeClaim: { claimName } });
const bound = (name: string) =>
  within(
    20,
    () => plane.client.get('pods', { namespace, name }),
    ({ spec }) => spec?.nodeName !== undefined,
  );
const waitsFor = (name: string, why: string) =>
  within(
    20,
    () => plane.client.get('pods', { namespace, name }),
    ({ status }) => status?.conditions?.some(({ message }) => message?.includes(why)) ?? false,
  );

test('a pod waits for its claim, and goes where the volume is that the claim is bound to', async (t) => {
  await podOf('early', 'early');
  await waitsFor('early', 'nodes are available: persistentvolumeclaim "early" not found. ');
  await claim('early', '');
  await waitsFor('early', 'nodes are available: pod has unbound immediate PersistentVolumeClaims. ');
  await volume('early', 'far');
  t.is((await bound('early')).spec?.nodeName, 'far');
  t.is((await getClaim('early')).spec?.volumeName, 'early');
});

test('a claim that waits for its first consumer gets a volume of the node that the pod goes to, before the pod does', async (t) => {
  await volume('disk', 'near', { storageClassName: 'by-hand' });
  await claim('data', 'by-hand');
  await within(
    20,
    () => plane.client.list('events', { namespace, fieldSelector: 'involvedObject.name=data' }),
    ({ items }) => items.some(({ reason }) => reason === 'WaitForFirstConsumer'),
  );
  t.is((await getClaim('data')).spec?.volumeName, undefined);
  await podOf('consumer', 'data');
  t.is((await bound('consumer')).spec?.nodeName, 'near');
  const { spec, status } = await getClaim('data');
  t.is(spec?.volumeName, 'disk');
  t.is(status?.phase, 'Bound');
  const { metadata } = await plane.client.get('persistentvolumes', { name: 'disk' });
  t.is(metadata?.annotations?.['pv.kubernetes.io/bound-by-controller'], 'yes');
  // The next one finds none left.
  await claim('more', 'by-hand');
  await podOf('second', 'more');
  await waitsFor('second', "2 node(s) didn't find available persistent volumes to bind");
  await volume('disk-2', 'far', { storageClassName: 'by-hand' });
  t.is((await bound('second')).spec?.nodeName, 'far');
});

test('pods that wait for one claim go to one node together, and a claim that a pod names twice is bound once', async (t) => {
  await volume('shared-1', 'near', { storageClassName: 'shared' });
  await volume('shared-2', 'near', { storageClassName: 'shared' });
  await claim('both', 'shared');
  const persistentVolumeClaim = { claimName: 'both' };
  const twice = ['a', 'b'].map((name) => ({ name, persistentVolumeClaim }));
  const names = ['sharer-1', 'sharer-2', 'sharer-3'];
  await Promise.all(names.map((name) => podWith(name, ...twice)));
  for (const name of names) t.is((await bound(name)).spec?.nodeName, 'near');
  const { items } = await plane.client.list('persistentvolumes');
  t.is(items.filter(({ spec }) => spec?.storageClassName === 'shared' && spec.claimRef).length, 1);
});

test('who makes volumes is told the node, and the pod is bound there when the volume has been made', async (t) => {
  await claim('wanted', 'made');
  await podOf('patient', 'wanted');
  const key = 'volume.kubernetes.io/selected-node';
  const told = await within(
    20,
    () => getClaim('wanted'),
    ({ metadata }) =>
      metadata?.annotations?.[key] !== undefined &&
      metadata.annotations['volume.kubernetes.io/storage-provisioner'] === 'example.com/disks',
  );
  const node = told.metadata?.annotations?.[key] ?? '';
  t.is((await plane.client.get('pods', { namespace, name: 'patient' })).spec?.nodeName, undefined);
  const { name, uid } = told.metadata ?? {};
  await volume('made-1', node, { storageClassName: 'made', claimRef: { namespace, name, uid } });
  t.is((await bound('patient')).spec?.nodeName, node);
  t.true(isBoundClaim(await getClaim('wanted')));
});

// Before the others: it takes a node away for a while.
test.serial('a node that no volume can be made on is given up, and another one is chosen', async (t) => {
  await claim('refused', 'made');
  await podOf('moved', 'refused');
  const key = 'volume.kubernetes.io/selected-node';
  const selected = (not: string) =>
    within(
      30,
      () => getClaim('refused'),
      ({ metadata }) => ![undefined, not].includes(metadata?.annotations?.[key]),
    );
  const first = (await selected('')).metadata?.annotations?.[key] ?? '';
  await plane.client.patch('nodes', { name: first }, { spec: { unschedulable: true } }, { type: 'merge' });
  const metadata = { annotations: { [key]: null } };
  await plane.client.patch('persistentvolumeclaims', { namespace, name: 'refused' }, { metadata }, { type: 'merge' });
  const second = (await selected(first)).metadata?.annotations?.[key];
  await plane.client.patch('nodes', { name: first }, { spec: { unschedulable: null } }, { type: 'merge' });
  t.deepEqual([first, second].sort(), ['far', 'near']);
});

test('the claim of an ephemeral volume is made for its pod and goes with it, and one of somebody else is no use', async (t) => {
  await volume('scratch', 'near', { storageClassName: 'scratch' });
  const ephemeral = {
    volumeClaimTemplate: { metadata: { labels: { app: 'x' } }, spec: claimSpec('scratch') },
  };
  const pod = await podWith('own', { name: 'scratch', ephemeral });
  t.is((await bound('own')).spec?.nodeName, 'near');
  const { metadata, spec } = await getClaim('own-scratch');
  t.is(spec?.volumeName, 'scratch');
  t.deepEqual(metadata?.labels, { app: 'x' });
  t.like(metadata?.ownerReferences?.[0], { kind: 'Pod', name: 'own', uid: pod.metadata?.uid, controller: true });
  await claim('other-scratch', 'scratch');
  await podWith('other', { name: 'scratch', ephemeral });
  await waitsFor('other', 'PVC default/other-scratch was not created for pod default/other (pod is not owner)');
});
