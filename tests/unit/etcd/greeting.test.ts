import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { createPki } from '../../../compose/pki.ts';
import { ask, etcdCredentials } from '../../../master/etcd/client.ts';
import { type Greeting, greet, startGreeter, stateOf } from '../../../master/etcd/greeting.ts';
import { inTheWayOfRestore } from '../../../master/etcd/start.ts';

test("etcd's own answer says that it is in a cluster, or that it cannot tell yet", (t) => {
  t.deepEqual(stateOf('{"etcdserver":"3.5.16","etcdcluster":"3.5.0"}'), { kind: 'member' });
  t.deepEqual(stateOf('{"etcdserver":"3.5.16","etcdcluster":"not_decided"}'), { kind: 'starting' });
  t.throws(() => stateOf('{}'));
  t.throws(() => stateOf('<html>'));
});

test('masters without data learn of each other when one of them has asked; strangers learn nothing', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'trimaster-greeting-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  await createPki({ dir: join(dir, 'a'), masters: ['master-1', 'master-2'], nodes: [] });
  await createPki({ dir: join(dir, 'b'), masters: ['master-1'], nodes: [] });
  const tls = etcdCredentials(join(dir, 'a/master-1'));
  const port = await freePort();
  const heard: Greeting[] = [];
  const close = await startGreeter({
    host: '127.0.0.1',
    port,
    tls,
    state: 'rejoining',
    asked: (greeting) => heard.push(greeting),
  });
  const url = `https://127.0.0.1:${port}`;
  const own: Greeting = { name: 'master-2', state: 'empty' };
  t.deepEqual(await greet(url, own, etcdCredentials(join(dir, 'a/master-2')), 2_000), { kind: 'rejoining' });
  t.is((await greet(url, own, etcdCredentials(join(dir, 'b/master-1')), 2_000)).kind, 'silent');
  t.deepEqual(heard, [own]);
  const response = await ask(new URL('/version', url), tls, { signal: AbortSignal.timeout(2_000) });
  t.is(response.statusCode, 503, "an etcd's question is not answered in etcd's place");
  response.resume();
  await close();
  t.is((await greet(url, own, tls, 2_000)).kind, 'silent');
});

test('a snapshot is not restored while another master goes on with other data, or restores one itself', (t) => {
  const others = (kind: 'empty' | 'rejoining' | 'restoring' | 'starting' | 'member') =>
    inTheWayOfRestore(
      new Map([
        ['b', { kind: 'silent', why: '' }],
        ['c', { kind }],
      ]),
    );
  t.is(others('empty'), undefined);
  t.is(others('rejoining'), undefined);
  t.regex(others('member') ?? '', /^c still has the data of a cluster/);
  t.regex(others('starting') ?? '', /^c still has/);
  t.regex(others('restoring') ?? '', /^c is told to restore a snapshot, too/);
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}
