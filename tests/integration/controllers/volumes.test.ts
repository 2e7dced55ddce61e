/** Claims and volumes with the controllers that protect them. */
import test from 'ava';
import { isNotFound } from '../../../master/api/errors.ts';
import { ControlPlane } from '../../support/control-plane.ts';
import { within } from '../../support/within.ts';

test('a claim that a pod uses goes when the pod has gone', async (t) => {
  const plane = await ControlPlane.start();
  t.teardown(() => plane.stop());
  await plane.startControllers('--controllers', 'persistentvolumeclaim-protection-controller');
  const { client } = plane;
  const namespace = 'default';
  const claim = { namespace, name: 'c' };
  await client.create('persistentvolumeclaims', {
    metadata: claim,
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  });
  await client.create('pods', {
    metadata: { namespace, name: 'p' },
    spec: {
      nodeName: 'nowhere',
      containers: [{ name: 'c', image: 'x' }],
      volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }],
    },
  });
  const present = () => client.get('persistentvolumeclaims', claim);
  const finalizer = 'kubernetes.io/pvc-protection';
  await within(30, present, ({ metadata }) => metadata?.finalizers?.includes(finalizer) === true);
  await client.delete('persistentvolumeclaims', claim);
  t.truthy((await present()).metadata?.deletionTimestamp);
  await client.delete('pods', { namespace, name: 'p' }, { gracePeriodSeconds: 0 });
  const gone = () => present().then(() => false, isNotFound);
  t.true(await within(30, gone, (isGone) => isGone));
});
