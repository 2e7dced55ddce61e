/** Claims and volumes with the controller that brings them together. */
import test from 'ava';
import type { PersistentVolume, PersistentVolumeClaim } from '../../../master/api/types.ts';
import { ControlPlane } from '../../support/control-plane.ts';
import { within } from '../../support/within.ts';

const namespace = 'default';
let plane: ControlPlane;

test.before(async () => {
  plane = await ControlPlane.start();
  await plane.startControllers('--controllers', 'persistentvolume-binder-controller');
});
test.after.always(() => plane?.stop());

const volume = (name: string, storage: string, more: PersistentVolume['spec'] = {}) =>
  plane.client.create('persistentvolumes', {
    metadata: { name },
    spec: { capacity: { storage }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/x' }, ...more },
  });
const claim = (name: string, storage: string, more: PersistentVolumeClaim['spec'] = {}) =>
  plane.client.create('persistentvolumeclaims', {
    metadata: { namespace, name },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } }, ...more },
  });
const volumeIs = (name: string, phase: string) =>
  within(
    30,
    () => plane.client.get('persistentvolumes', { name }),
    ({ status }) => status?.phase === phase,
  );
const claimIs = (name: string, phase: string) =>
  within(
    30,
    () => plane.client.get('persistentvolumeclaims', { namespace, name }),
    ({ status }) => status?.phase === phase,
  );

test('a claim gets the smallest volume of its class that does, and one that is let go is not given away', async (t) => {
  const storageClassName = 'disks';
  for (const [name, size] of Object.entries({ small: '1Gi', middle: '5Gi', large: '9Gi' })) {
    await volume(name, size, { storageClassName });
  }
  await volume('other', '4Gi');
  for (const name of ['small', 'middle', 'large', 'other']) await volumeIs(name, 'Available');
  await Promise.all([claim('a', '3Gi', { storageClassName }), claim('b', '3Gi', { storageClassName })]);
  const [a, b] = [await claimIs('a', 'Bound'), await claimIs('b', 'Bound')];
  t.deepEqual([a.spec?.volumeName, b.spec?.volumeName].sort(), ['large', 'middle']);
  const own = await volumeIs(a.spec?.volumeName ?? '', 'Bound');
  t.like(own.spec?.claimRef, { namespace, name: 'a', uid: a.metadata?.uid });
  t.deepEqual(a.status?.capacity, own.spec?.capacity);
  t.is(a.metadata?.annotations?.['pv.kubernetes.io/bind-completed'], 'yes');

  const metadata = { finalizers: null };
  await plane.client.patch('persistentvolumeclaims', { namespace, name: 'a' }, { metadata }, { type: 'merge' });
  await plane.client.delete('persistentvolumeclaims', { namespace, name: 'a' });
  await volumeIs(own.metadata?.name ?? '', 'Released');
  await claim('a', '3Gi', { storageClassName });
  await claim('late', '1Gi', { storageClassName });
  t.is((await claimIs('late', 'Bound')).spec?.volumeName, 'small');
  t.is((await claimIs('a', 'Pending')).spec?.volumeName, undefined);
  // An administrator frees it.
  const freed = { spec: { claimRef: null } };
  await plane.client.patch('persistentvolumes', { name: own.metadata?.name ?? '' }, freed, { type: 'merge' });
  t.is((await claimIs('a', 'Bound')).spec?.volumeName, own.metadata?.name);
});

test('a volume that is kept for a claim is its, and a claim whose volume is gone is lost', async (t) => {
  await volume('kept', '7Gi', { claimRef: { namespace, name: 'mine' }, storageClassName: 'kept' });
  await volume('free', '1Gi', { storageClassName: 'kept' });
  await volumeIs('kept', 'Available');
  await volumeIs('free', 'Available');
  await claim('mine', '1Gi', { storageClassName: 'kept' });
  t.is((await claimIs('mine', 'Bound')).spec?.volumeName, 'kept');
  await claim('named', '1Gi', { storageClassName: 'kept', volumeName: 'free' });
  await claimIs('named', 'Bound');
  const metadata = { finalizers: null };
  await plane.client.patch('persistentvolumes', { name: 'free' }, { metadata }, { type: 'merge' });
  await plane.client.delete('persistentvolumes', { name: 'free' });
  await claimIs('named', 'Lost');
});
