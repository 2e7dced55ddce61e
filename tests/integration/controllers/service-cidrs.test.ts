/** ServiceCIDRs with their controller. */
import test from 'ava';
import { isNotFound } from '../../../master/api/errors.ts';
import { ControlPlane } from '../../support/control-plane.ts';
import { within } from '../../support/within.ts';

test('a ServiceCIDR is ready, and once deleted stays until no Service needs it', async (t) => {
  const plane = await ControlPlane.start();
  t.teardown(() => plane.stop());
  const { client } = plane;
  const name = 'more';
  const finalizer = 'networking.k8s.io/service-cidr-finalizer';
  await plane.startControllers('--controllers', 'service-cidr-controller');
  await client.create('servicecidrs', { metadata: { name }, spec: { cidrs: ['10.201.0.0/24'] } });
  const become = (status: string) =>
    within(
      30,
      () => client.get('servicecidrs', { name }),
      (range) => range.status?.conditions?.[0]?.status === status,
    );
  const ready = await become('True');
  t.deepEqual(ready.metadata?.finalizers, [finalizer]);
  const at = { namespace: 'default', name: 'a' };
  await client.create('services', { metadata: at, spec: { clusterIP: '10.201.0.9', ports: [{ port: 80 }] } });

  await client.delete('servicecidrs', { name });
  const kept = await become('False');
  t.is(kept.status?.conditions?.[0]?.reason, 'Terminating');
  const service = () => client.get('services', at);
  t.is((await service()).spec?.clusterIP, '10.201.0.9');
  await client.delete('services', at);
  await within(
    40,
    () => client.get('servicecidrs', { name }).catch((error: unknown) => isNotFound(error)),
    (gone) => gone === true,
  );
  const first = await client.get('servicecidrs', { name: 'kubernetes' });
  t.is(first.status?.conditions?.[0]?.status, 'True');
});
