/** IPAddresses of Services: they come and go with them, keep their addresses, and are kept. */
import test from 'ava';
import type { IPAddress, Service } from '../../../master/api/types.ts';
import { repairServiceAddresses } from '../../../master/apiserver/registry/allocation/address-repair.ts';
import { context, objectOf, refusal, resource, startWorld } from './world.ts';

const spec = (clusterIP?: string) => ({ ports: [{ port: 80 }], ...(clusterIP !== undefined && { clusterIP }) });
const service = (name: string, clusterIP?: string): Service => ({ metadata: { name }, spec: spec(clusterIP) });

test('an address of a Service is an IPAddress, and one that is taken is given to no Service', async (t) => {
  const world = await startWorld();
  t.teardown(world.stop);
  const ctx = context();
  const [registry] = world.registries;
  const services = resource(registry, 'services');
  const addresses = resource(registry, 'ipaddresses');
  const read = async (name: string): Promise<IPAddress> =>
    objectOf('ipaddresses', await addresses.get(ctx, { name }, {}));

  const made = objectOf('services', await services.create(ctx, 'default', service('a')));
  const address = made.spec?.clusterIP ?? '';
  const of = await read(address);
  t.deepEqual(of.spec, { parentRef: { resource: 'services', namespace: 'default', name: 'a' } });
  t.deepEqual(of.metadata?.labels, {
    'ipaddress.kubernetes.io/ip-family': 'IPv4',
    'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
  });
  t.is(typeof of.metadata?.uid, 'string');

  const parentRef = { group: 'example.com', resource: 'gateways', name: 'g' };
  await addresses.create(ctx, undefined, { metadata: { name: '10.96.7.7' }, spec: { parentRef } } as IPAddress);
  const refused = await refusal(services.create(ctx, 'default', service('b', '10.96.7.7')));
  t.regex(refused.message, /failed to allocate IP 10.96.7.7: provided IP is already allocated/);

  // Somebody took it away, and left one that is nobody's.
  await addresses.delete(ctx, { name: address }, {});
  const lost = { metadata: { name: '10.96.8.8', labels: of.metadata?.labels }, spec: of.spec } as IPAddress;
  await addresses.create(ctx, undefined, lost);
  await repairServiceAddresses({ services, addresses }, ctx);
  t.deepEqual((await read(address)).spec, of.spec);
  t.is((await refusal(read('10.96.8.8'))).code, 404);
  t.deepEqual((await read('10.96.7.7')).spec?.parentRef, parentRef);

  await services.delete(ctx, { namespace: 'default', name: 'a' }, {});
  t.is((await refusal(read(address))).code, 404);
  t.deepEqual((await read('10.96.0.1')).spec?.parentRef.name, 'kubernetes');
  const range = objectOf('servicecidrs', await resource(registry, 'servicecidrs').get(ctx, { name: 'kubernetes' }, {}));
  t.like(range, { spec: { cidrs: ['10.96.0.0/16'] } });
  t.like(range.status?.conditions?.[0], { type: 'Ready', status: 'True' });
});
