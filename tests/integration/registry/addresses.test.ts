/** IPAddresses of Services, which come and go with them and keep their addresses; and the ServiceCIDRs that they are from. */
import test from 'ava';
import type { IPAddress, Service, ServiceCIDR } from '../../../master/api/types.ts';
import { repairServiceAddresses } from '../../../master/apiserver/registry/allocation/address-repair.ts';
import { within } from '../../support/within.ts';
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

test('Services have addresses of all ServiceCIDRs that are ready and stay, and none twice', async (t) => {
  // Six addresses, one of which the Service `kubernetes` has.
  const world = await startWorld({ servers: 2, serviceRange: '10.96.0.0/29' });
  t.teardown(world.stop);
  const ctx = context();
  const of = (server: number) => resource(world.registries[server], 'services');
  const ranges = resource(world.registries[0], 'servicecidrs');
  const create = async (name: string, clusterIP?: string, server = 0): Promise<string> => {
    const made = await of(server).create(ctx, 'default', service(name, clusterIP));
    return objectOf('services', made).spec?.clusterIP ?? '';
  };
  const many = (count: number, name: string): Promise<string[]> =>
    Promise.all(Array.from({ length: count }, (_, index) => create(`${name}-${index}`, undefined, index % 2)));
  const addRange = (name: string, cidr: string) =>
    ranges.create(ctx, undefined, { metadata: { name }, spec: { cidrs: [cidr] } } as ServiceCIDR);
  /** Waits until each server says of the address what is said. */
  const bothSay = async (address: string, says: RegExp): Promise<void> => {
    const dry = context({ dryRun: true });
    for (const server of [0, 1]) {
      const asking = () =>
        of(server)
          .create(dry, 'default', service('asking', address))
          .then(() => 'given')
          .catch(String);
      await within(20, asking, (said) => says.test(said));
    }
  };

  t.is(new Set(await many(5, 'a')).size, 5);
  t.regex((await refusal(create('late'))).message, /range is full/);
  const outside = await refusal(create('outside', '10.97.0.3'));
  t.is(
    outside.message,
    'Service "outside" is invalid: spec.clusterIPs: Invalid value: ["10.97.0.3"]: failed to allocate IP 10.97.0.3: the provided network does not match the current range',
  );

  await addRange('more', '10.97.0.0/28');
  await addRange('old', '10.98.0.0/28');
  await bothSay('10.97.0.3', /given/);
  await bothSay('10.98.0.3', /given/);
  t.is(await create('old', '10.98.0.3'), '10.98.0.3');
  t.is(await create('asked', '10.97.0.3'), '10.97.0.3');

  // A range that is being deleted gives out none any more, and who has one of it goes on.
  await ranges.patch(
    ctx,
    { name: 'old' },
    { type: 'merge', patch: { metadata: { finalizers: ['example.com/keep'] } } },
  );
  await ranges.delete(ctx, { name: 'old' }, {});
  await bothSay('10.98.0.4', /does not match the current range/);
  const labels = { metadata: { labels: { changed: 'yes' } } };
  await of(0).patch(ctx, { namespace: 'default', name: 'old' }, { type: 'merge', patch: labels });

  const given = await many(13, 'b');
  t.is(new Set([...given, '10.97.0.3']).size, 14);
  t.true(given.every((address) => address.startsWith('10.97.0.')));
  t.regex((await refusal(create('late'))).message, /range is full/);
});
