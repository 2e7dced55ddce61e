import { once } from 'node:events';
import { createServer } from 'node:https';
import test from 'ava';
import { type Addresses, joined, membersOf, membersPath } from '../../../lb/membership.ts';
import { Resolver } from '../../../lb/resolver.ts';
import { bench, makeCredentials, TestMaster, until } from './support.ts';

const endpoints = (addresses: readonly { host: string; port: number }[]) => ({
  kind: 'Endpoints',
  subsets: addresses.map(({ host, port }) => ({ addresses: [{ ip: host }], ports: [{ name: 'https', port }] })),
});

test('members are read from Endpoints, and anything else is refused', (t) => {
  t.deepEqual(
    membersOf({
      subsets: [
        { addresses: [{ ip: '10.0.0.1' }, { ip: '10.0.0.2' }], ports: [{ port: 6443 }] },
        { addresses: [{ ip: '::1' }], ports: [{ port: 7443 }] },
        { notReadyAddresses: [{ ip: '10.0.0.3' }], ports: [{ port: 6443 }] },
      ],
    }),
    [
      { name: '10.0.0.1:6443', host: '10.0.0.1', port: 6443 },
      { name: '10.0.0.2:6443', host: '10.0.0.2', port: 6443 },
      { name: '[::1]:7443', host: '::1', port: 7443 },
    ],
  );
  t.deepEqual(membersOf({ kind: 'Endpoints' }), []);
  for (const wrong of [undefined, 'x', { subsets: 'x' }, { subsets: [{ addresses: [{ ip: 'evil.example' }] }] }]) {
    t.throws(() => membersOf(wrong), { message: 'no such endpoints' });
  }
});

test('the given backends stay, and a member that is one of them by another name is not taken twice', async (t) => {
  let lives = true;
  const resolver = new Resolver(async (host) => {
    if (host !== 'master-1' || !lives) throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    return [{ address: '10.0.0.1', family: 4 }];
  });
  const addresses: Addresses = new Map();
  const given = ['master-1', 'master-2'].map((name) => ({ name, host: name, port: 6443 }));
  const members = membersOf(endpoints(['10.0.0.4', '10.0.0.1'].map((host) => ({ host, port: 6443 }))));
  const names = async () => (await joined(given, members, resolver, addresses)).map(({ name }) => name);
  t.deepEqual(await names(), ['master-1', 'master-2', '10.0.0.4:6443']);
  // Its machine has died: the name is gone before the list forgets the address.
  lives = false;
  t.deepEqual(await names(), ['master-1', 'master-2', '10.0.0.4:6443']);
});

test('a balancer that follows takes up a master that the cluster lists, and drops it when it is listed no more', async (t) => {
  const credentials = await makeCredentials();
  const listed: { host: string; port: number }[] = [];
  const serve = createServer(credentials, (request, response) => {
    response.statusCode = request.url === membersPath && !request.headers.authorization ? 200 : 404;
    response.end(JSON.stringify(endpoints(listed)));
  });
  const first = new TestMaster('a', (socket) => serve.emit('connection', socket));
  const { balancer, client } = await bench(t, [first], {
    dial: undefined,
    ca: credentials.ca,
    follow: true,
    followMs: 20,
  });
  const added = new TestMaster('d');
  t.teardown(() => added.kill());
  const { host, port } = await added.start();
  const names = () => balancer.snapshot().backends.map(({ name }) => name);
  listed.push(first.address, { host, port });
  await until(() => names().join() === `a,${host}:${port}`);
  await until(() => balancer.snapshot().backends[1]?.health === 'up');
  balancer.setDraining('a', true);
  const moved = await client();
  t.is(await moved.ask('x'), 'd:x');
  const ended = once(moved.socket, 'end');
  listed.length = 0;
  await ended;
  t.deepEqual(names(), ['a']);
});
