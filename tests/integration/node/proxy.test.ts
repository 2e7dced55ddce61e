/** What both modes of kube-proxy that handle packets promise, with real rules in a network namespace of their own. */
import anyTest, { type TestFn } from 'ava';
import type { ServicePortState } from '../../../node/proxy/service-ports.ts';
import { startProxyNamespace } from '../../support/proxy-namespace.ts';
import { servicePort } from '../../support/service-port.ts';

// Namespaces and rules are the superuser's, and Linux's.
const possible = process.platform === 'linux' && process.getuid?.() === 0;
const test = (possible ? anyTest : anyTest.skip) as TestFn;

const pods = ['10.244.1.2', '10.244.1.3', '10.244.1.4'];
const elsewhere = '10.244.2.9';

const state = (changes: Partial<ServicePortState> = {}) =>
  servicePort({ endpoints: pods.map((address) => ({ address, port: 8080, local: true })), ...changes });

for (const mode of ['iptables', 'userspace'] as const) {
  const open = async (t: { teardown: (end: () => Promise<void>) => void }) => {
    const world = await startProxyNamespace(mode);
    t.teardown(world.stop);
    await Promise.all(pods.map((address) => world.pod(address, 8080)));
    const several = async (protocol: 'tcp' | 'udp', count: number, address = '10.96.0.5', port = 80) => {
      const answers: string[] = [];
      for (let asked = 0; asked < count; asked += 1) answers.push(await world.ask(protocol, address, port));
      return answers;
    };
    return { ...world, several };
  };
  const everyPodTwice = pods.flatMap((pod) => [`hello from ${pod}`, `hello from ${pod}`]);

  test(`${mode}: each pod gets its turn, over TCP and UDP, by cluster IP, node port and external IP`, async (t) => {
    const world = await open(t);
    const udp = state({ name: 'default/echo-udp', protocol: 'UDP' });
    await world.sync([state({ nodePort: 30_080, externalIps: ['198.51.100.7'] }), udp]);
    t.deepEqual((await world.several('tcp', 6)).sort(), everyPodTwice);
    t.deepEqual((await world.several('udp', 6)).sort(), everyPodTwice);
    t.deepEqual((await world.several('tcp', 3, '192.0.2.1', 30_080)).length, 3);
    t.deepEqual((await world.several('tcp', 3, '198.51.100.7')).length, 3);
  });

  test(`${mode}: a client with affinity stays with its pod while that is there`, async (t) => {
    const world = await open(t);
    await world.sync([state({ affinitySeconds: 600 })]);
    const [first] = await world.several('tcp', 1);
    t.deepEqual(new Set(await world.several('tcp', 5)), new Set([first]));
    const others = state().endpoints.filter(({ address }) => !first?.endsWith(address));
    await world.sync([state({ affinitySeconds: 600, endpoints: others })]);
    const after = await world.several('tcp', 3);
    t.is(new Set(after).size, 1);
    t.not(after[0], first);
  });

  test(`${mode}: a local policy keeps to the pods of this node, and what has no endpoint is refused`, async (t) => {
    const world = await open(t);
    const [local] = state().endpoints;
    if (!local) throw new Error('no endpoint');
    const endpoints = [local, { address: elsewhere, port: 8080, local: false }];
    await world.sync([state({ internalLocal: true, endpoints })]);
    t.deepEqual(new Set(await world.several('tcp', 4)), new Set([`hello from ${local.address}`]));
    await world.sync([state({ endpoints: [] })]);
    await t.throwsAsync(world.ask('tcp', '10.96.0.5', 80), { message: 'ECONNREFUSED' });
    await world.sync([]);
    t.notRegex(await world.rules(), /10\.96\.0\.5/);
  });
}

test('userspace: an endpoint that does not answer costs a client nothing but time', async (t) => {
  const world = await startProxyNamespace('userspace');
  t.teardown(world.stop);
  await world.pod('10.244.1.2', 8080);
  const dead = { address: '10.244.1.9', port: 8080, local: true };
  await world.sync([
    state({ endpoints: [dead, { ...dead, address: '10.244.1.2' }, { ...dead, address: '10.244.1.10' }] }),
  ]);
  for (let asked = 0; asked < 4; asked += 1) t.is(await world.ask('tcp', '10.96.0.5', 80), 'hello from 10.244.1.2');
});

test('userspace: a portal takes only what was sent to a Service', async (t) => {
  const world = await startProxyNamespace('userspace');
  t.teardown(world.stop);
  await world.pod('10.244.1.2', 8080);
  await world.sync([state({ endpoints: [{ address: '10.244.1.2', port: 8080, local: true }] })]);
  const portal = Number(/--to-destination 192\.0\.2\.1:(\d+)/.exec(await world.rules())?.[1]);
  t.is(await world.ask('tcp', '10.96.0.5', 80), 'hello from 10.244.1.2');
  await t.throwsAsync(world.ask('tcp', '192.0.2.1', portal), { message: 'ECONNREFUSED' });
});
