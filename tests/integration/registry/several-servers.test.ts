/** Two and three API servers over one etcd: what must hold whichever of them is asked. */
import test from 'ava';
import type { Endpoints, Service } from '../../../master/api/types.ts';
import { context, objectOf, refusal, resource, startWorld } from './world.ts';

const ctx = context();

const service = (name: string, spec: Service['spec'] = {}): Service => ({
  metadata: { name },
  spec: { ports: [{ port: 80 }], ...spec },
});

test('three servers that begin at once make one cluster, and all stand behind its Service', async (t) => {
  const world = await startWorld({ servers: 3 });
  t.teardown(world.stop);
  const [first] = world.registries;
  const namespaces = await resource(first, 'namespaces').list(ctx, undefined, {});
  t.deepEqual(
    namespaces.items.map(({ object }) => object.metadata?.name),
    ['default', 'kube-node-lease', 'kube-public', 'kube-system'],
  );
  const name = { namespace: 'default', name: 'kubernetes' };
  t.is(objectOf('services', await resource(first, 'services').get(ctx, name, {})).spec?.clusterIP, '10.96.0.1');
  // Another pass of one of them, now that all have said that they live.
  await first?.start(AbortSignal.abort());
  const endpoints: Endpoints = objectOf('endpoints', await resource(first, 'endpoints').get(ctx, name, {}));
  t.deepEqual(
    endpoints.subsets?.[0]?.addresses?.map(({ ip }) => ip),
    ['10.0.0.1', '10.0.0.2', '10.0.0.3'],
  );
});

test('servers on one machine, which differ in their port only, agree on the endpoints and then write no more', async (t) => {
  const world = await startWorld({ servers: 2, advertise: (index) => ({ address: '127.0.0.1', port: 6443 + index }) });
  t.teardown(world.stop);
  const name = { namespace: 'default', name: 'kubernetes' };
  const passes = async () => {
    for (const registry of world.registries) await registry.start(AbortSignal.abort());
    return resource(world.registries[0], 'endpoints').get(ctx, name, {});
  };
  const first = await passes();
  t.deepEqual(
    objectOf('endpoints', first).subsets?.map(({ addresses, ports }) => `${addresses?.[0]?.ip}:${ports?.[0]?.port}`),
    ['127.0.0.1:6443', '127.0.0.1:6444'],
  );
  t.is((await passes()).revision, first.revision);
});

test('a server that leaves is taken out of the endpoints', async (t) => {
  const world = await startWorld({ servers: 2 });
  t.teardown(world.stop);
  const [first, second] = world.registries;
  await second?.leave();
  const name = { namespace: 'default', name: 'kubernetes' };
  const endpoints = objectOf('endpoints', await resource(first, 'endpoints').get(ctx, name, {}));
  t.deepEqual(
    endpoints.subsets?.[0]?.addresses?.map(({ ip }) => ip),
    ['10.0.0.1'],
  );
});

test('two servers never give one cluster IP or node port twice, and what is released can be had again', async (t) => {
  const world = await startWorld({ servers: 2, nodePorts: '30000-30009' });
  t.teardown(world.stop);
  const services = world.registries.map((registry) => resource(registry, 'services'));
  const made = await Promise.all(
    Array.from({ length: 10 }, (_, index) =>
      services[index % 2]?.create(ctx, 'default', service(`s-${index}`, { type: 'NodePort' })),
    ),
  );
  const specs = made.flatMap((stored) => (stored ? [objectOf('services', stored).spec] : []));
  t.is(new Set(specs.map((spec) => spec?.clusterIP)).size, 10);
  t.is(new Set(specs.map((spec) => spec?.ports?.[0]?.nodePort)).size, 10);

  const full = await refusal(services[0]!.create(ctx, 'default', service('one-more', { type: 'NodePort' })));
  t.is(full.reason, 'Invalid');
  t.regex(full.message, /range is full/);

  const { clusterIP = '', ports = [] } = specs[0] ?? {};
  const wanted = service('wanted', { clusterIP });
  const taken = await refusal(services[1]!.create(ctx, 'default', structuredClone(wanted)));
  t.is(
    taken.message,
    `Service "wanted" is invalid: spec.clusterIPs: Invalid value: ["${clusterIP}"]: failed to allocate IP ${clusterIP}: provided IP is already allocated`,
  );
  await services[0]!.delete(ctx, { namespace: 'default', name: 's-0' }, {});
  t.is(objectOf('services', await services[1]!.create(ctx, 'default', wanted)).spec?.clusterIP, clusterIP);
  const port = ports[0]?.nodePort ?? 0;
  const withPort = service('with-port', { type: 'NodePort', ports: [{ port: 80, nodePort: port }] });
  await t.notThrowsAsync(services[1]!.create(ctx, 'default', withPort));
});

test('a Service that changes its type gives back what it no longer needs', async (t) => {
  const world = await startWorld({ nodePorts: '30000-30000' });
  t.teardown(world.stop);
  const services = resource(world.registries[0], 'services');
  await services.create(ctx, 'default', service('a', { type: 'NodePort' }));
  const patch = { type: 'merge' as const, patch: { spec: { type: 'ClusterIP' } } };
  const changed = objectOf('services', await services.patch(ctx, { namespace: 'default', name: 'a' }, patch));
  t.is(changed.spec?.ports?.[0]?.nodePort, undefined);
  t.is(changed.spec?.externalTrafficPolicy, undefined);
  const second = objectOf('services', await services.create(ctx, 'default', service('b', { type: 'NodePort' })));
  t.is(second.spec?.ports?.[0]?.nodePort, 30_000);
});

test('what one server acknowledged, the other one reads', async (t) => {
  const world = await startWorld({ servers: 2 });
  t.teardown(world.stop);
  const [first, second] = world.registries.map((registry) => resource(registry, 'configmaps'));
  for (let round = 0; round < 20; round++) {
    const name = { namespace: 'default', name: `c-${round}` };
    await first?.create(ctx, 'default', { metadata: { name: name.name } });
    await t.notThrowsAsync(second!.get(ctx, name, {}));
    await second?.delete(ctx, name, {});
    t.is((await refusal(first!.get(ctx, name, {}))).reason, 'NotFound');
  }
});
