/** Endpoints that somebody writes by hand, for a Service without selector, as proxies see them. */
import test from 'ava';
import type { EndpointSlice } from '../../../master/api/types.ts';
import { ControlPlane } from '../../support/control-plane.ts';
import { within } from '../../support/within.ts';

test('Endpoints of a Service without selector are mirrored as slices, through create, update and delete', async (t) => {
  const plane = await ControlPlane.start();
  t.teardown(plane.stop);
  const controllers = '*,-node-lifecycle-controller';
  await (await plane.startControllers('--controllers', controllers)).untilLeading();
  const { client } = plane;
  const namespace = 'default';
  const slices = async (service: string): Promise<EndpointSlice[]> => {
    const { items } = await client.list('endpointslices', { namespace });
    return items.filter(({ metadata }) => metadata?.labels?.['kubernetes.io/service-name'] === service);
  };
  const addresses = async (service: string): Promise<string[]> =>
    (await slices(service)).flatMap(({ endpoints }) => endpoints ?? []).flatMap((endpoint) => endpoint.addresses);
  const ports = [{ name: 'example', port: 80 }];
  const endpoints = (name: string, ip: string, labels = {}) => ({
    metadata: { name, namespace, labels },
    subsets: [{ ports: [{ port: 8080 }], addresses: [{ ip }] }],
  });
  for (const name of ['custom', 'skipped'])
    await client.create('services', { metadata: { name, namespace }, spec: { ports } });
  await client.create(
    'endpoints',
    endpoints('skipped', '192.0.2.9', { 'endpointslice.kubernetes.io/skip-mirror': 'true' }),
  );
  await client.create('endpoints', endpoints('custom', '192.0.2.1', { app: 'custom' }));
  const [slice] = await within(
    20,
    () => slices('custom'),
    ({ length }) => length === 1,
  );
  t.like(slice, {
    addressType: 'IPv4',
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
    endpoints: [{ addresses: ['192.0.2.1'], conditions: { ready: true } }],
  });
  t.like(slice?.metadata?.labels, {
    app: 'custom',
    'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
  });
  t.like(slice?.metadata?.ownerReferences?.[0], { kind: 'Endpoints', name: 'custom' });

  const written = await client.get('endpoints', { namespace, name: 'custom' });
  await client.update('endpoints', { ...written, subsets: endpoints('custom', '192.0.2.2').subsets });
  await within(
    20,
    () => addresses('custom'),
    (found) => found.join() === '192.0.2.2',
  );
  t.is((await slices('custom'))[0]?.metadata?.uid, slice?.metadata?.uid);
  t.deepEqual(await slices('skipped'), []);

  await client.delete('endpoints', { namespace, name: 'custom' });
  await within(
    20,
    () => slices('custom'),
    ({ length }) => length === 0,
  );
});
