import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { backendsReader } from '../../../lb/masters-file.ts';
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

test('a master that is taken out of the file is gone at once, though the cluster lists it for a while', async (t) => {
  const credentials = await makeCredentials();
  const dir = mkdtempSync(join(tmpdir(), 'balanced-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, 'masters.json');
  const listed: { host: string; port: number }[] = [];
  const serve = createServer(credentials, (_, response) => response.end(JSON.stringify(endpoints(listed))));
  const first = new TestMaster('a', (socket) => serve.emit('connection', socket));
  const second = new TestMaster('b');
  t.teardown(() => second.kill());
  await second.start();
  const { balancer } = await bench(t, [first], {
    dial: undefined,
    ca: credentials.ca,
    follow: true,
    followMs: 20,
    listed: backendsReader(path),
  });
  const names = () => balancer.snapshot().backends.map(({ name }) => name);
  const write = (masters: readonly TestMaster[]) => {
    const entries = masters.map(({ name, address: { host, port } }) => ({
      name,
      apiserver: `https://${host}:${port}`,
    }));
    writeFileSync(path, JSON.stringify({ masters: entries }));
  };
  // Without a file, those that were given.
  t.deepEqual(names(), ['a']);
  write([first, second]);
  await until(() => names().join() === 'a,b');
  // Each keeps its place while the file is not whole.
  listed.push(first.address, second.address);
  writeFileSync(path, '{');
  t.deepEqual(names(), ['a', 'b']);
  write([first]);
  await until(() => names().join() === 'a');
});

test('a file that names no masters, or one without its address, is refused with its path', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'balanced-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, 'masters.json');
  const read = backendsReader(path);
  t.is(read(), undefined);
  writeFileSync(
    path,
    '{"masters":[{"name":"a","apiserver":"https://[::1]:7443"},{"name":"b","apiserver":"https://b"}]}',
  );
  t.deepEqual(read(), [
    { name: 'a', host: '::1', port: 7443 },
    { name: 'b', host: 'b', port: 443 },
  ]);
  for (const wrong of ['{"masters":[]}', '{"masters":[{"name":"a"}]}', '[]']) {
    writeFileSync(path, wrong);
    t.throws(read, { message: /masters\.json (names|does not name)/ }, wrong);
  }
});
