/** The etcd members as masters start them, with mutual TLS, and a store that reaches them as an API server does. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'ava';
import { createPki } from '../../../compose/pki.ts';
import { objectKey } from '../../../master/apiserver/store/keys.ts';
import { Member } from '../../../master/apiserver/store/member.ts';
import { consistent } from '../../../master/apiserver/store/types.ts';
import { etcdMember } from '../../../master/etcd/member.ts';
import { prepareSocket, socketPath } from '../../../master/etcd/socket.ts';
import { atExit } from '../../support/at-exit.ts';
import { freePorts } from '../../support/ports.ts';
import { configMap, startStore } from '../../support/store.ts';

const names = ['master-1', 'master-2', 'master-3'];

test('members form a cluster over mutual TLS, serve their own API server at a socket, keep their data, and refuse strangers', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'trimaster-members-'));
  const ports = await freePorts(names.length * 3);
  await createPki({ dir: join(dir, 'pki'), masters: names, nodes: [] });
  const initialCluster = names.map((name, index) => ({ name, peerUrl: `https://127.0.0.1:${ports[index * 3 + 1]}` }));
  const endpoints = names.map((_, index) => `https://127.0.0.1:${ports[index * 3]}`);
  const socketOf = (name: string): string => socketPath(join(dir, `data-${name}`)) ?? '';
  const start = (name: string, index: number): ChildProcess => {
    prepareSocket(socketOf(name));
    const [clientPort = 0, peerPort = 0, metricsPort = 0] = ports.slice(index * 3);
    const { command, args } = etcdMember({
      name,
      dataDir: join(dir, name),
      pkiDir: join(dir, 'pki', name),
      initialCluster,
      clientUrl: endpoints[index] ?? '',
      bindAddress: '127.0.0.1',
      clientPort,
      peerPort,
      metricsPort,
      socket: socketOf(name),
    });
    return spawn(command, args, { stdio: 'ignore' });
  };
  let running: ChildProcess[] = [];
  const killAll = async (): Promise<void> => {
    const alive = running.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
    running = [];
    await Promise.all(
      alive.map((child) => {
        child.kill('SIGKILL');
        return once(child, 'exit');
      }),
    );
  };
  const killNow = (): void => {
    for (const child of running) child.kill('SIGKILL');
  };
  atExit.add(killNow);
  t.teardown(async () => {
    await killAll();
    atExit.delete(killNow);
    await rm(dir, { recursive: true });
  });
  const pki = (file: string) => readFile(join(dir, 'pki', 'master-1', file));
  const tls = {
    ca: await pki('etcd/ca.crt'),
    cert: await pki('apiserver-etcd-client.crt'),
    key: await pki('apiserver-etcd-client.key'),
  };

  running = names.map(start);
  const socket = socketOf('master-1');
  const first = await startStore(endpoints, { tls, socket });
  t.teardown(first.stop);
  t.is((await stat(dirname(socket))).mode & 0o777, 0o700, "nobody but the masters' user gets at the socket");
  const neighbour = new Member('https://localhost:1', undefined, { socket });
  t.teardown(() => neighbour.reset());
  t.true((await neighbour.revision(2000)).revision > 0);
  const stored = await first.store.create(objectKey('configmaps', 'default', 'a'), configMap('default', 'a'));
  running[0]?.kill('SIGKILL');
  t.deepEqual((await first.store.get(stored.key, consistent))?.bytes, stored.bytes, 'the others serve it over TLS');
  await killAll();
  running = names.map(start);
  const second = await startStore(endpoints, { tls, socket });
  t.teardown(second.stop);
  for (const { store } of [first, second]) {
    t.deepEqual((await store.get(stored.key, consistent))?.bytes, stored.bytes);
  }
  const stranger = new Member(endpoints[0] ?? '', { ca: tls.ca });
  t.teardown(() => stranger.reset());
  await t.throwsAsync(stranger.revision(2000));
});
