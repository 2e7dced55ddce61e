import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { mastersByName, writeMasters } from '../../master/api/masters-file.ts';
import { etcdNow, type MasterConfig, masterProcesses, mastersOf, parseInitialCluster } from '../../master/processes.ts';

const config: MasterConfig = {
  name: 'b',
  pkiDir: '/pki',
  dataDir: '/data',
  initialCluster: parseInitialCluster('a=https://a:2380,b=https://b:2380,c=https://c:2380'),
  etcdServers: ['https://a:2379', 'https://b:2379', 'https://c:2379'],
  apiservers: ['https://a:6443', 'https://b:6443', 'https://c:6443'],
  bindAddress: '0.0.0.0',
  securePort: 6443,
  etcdClientPort: 2379,
  etcdPeerPort: 2380,
  etcdMetricsPort: 2381,
  schedulerPort: 10251,
  schedulerSecurePort: 10259,
  controllerManagerPort: 10252,
  controllerManagerSecurePort: 10257,
  etcdArg: [],
  apiserverArg: [],
  schedulerArg: ['--leader-elect-retry-period', '1s'],
  controllerManagerArg: [],
  logLevel: 'info',
};

const processes = (of: MasterConfig) => masterProcesses(of, mastersOf(of));
const valueAfter = (args: readonly string[], flag: string): string | undefined => args[args.indexOf(flag) + 1];

test('a master asks its own servers first, and the others in turn', (t) => {
  const [, apiserver, scheduler, controllers] = processes(config);
  t.is(valueAfter(apiserver?.args ?? [], '--etcd-servers'), 'https://b:2379,https://c:2379,https://a:2379');
  t.is(valueAfter(scheduler?.args ?? [], '--master'), 'https://b:6443,https://c:6443,https://a:6443');
  t.is(valueAfter(controllers?.args ?? [], '--master'), 'https://b:6443,https://c:6443,https://a:6443');
});

test('an API server meets the etcd of its master at a socket, where its path is not too long for one', (t) => {
  const [, beside] = processes(config);
  t.is(valueAfter(beside?.args ?? [], '--etcd-socket'), '/data/etcd-socket/client');
  t.is(etcdNow(config, mastersOf(config))().member.socket, '/data/etcd-socket/client');
  const far = { ...config, dataDir: `/${'far/'.repeat(30)}` };
  t.false(processes(far)[1]?.args.includes('--etcd-socket'));
  t.is(etcdNow(far, mastersOf(far))().member.socket, undefined);
});

test('those that hold leases stop before the API server, and etcd stops last', (t) => {
  const levels = processes(config).map(({ name, stopLevel }) => ({ name, stopLevel }));
  t.deepEqual(levels, [
    { name: 'etcd', stopLevel: 0 },
    { name: 'apiserver', stopLevel: 1 },
    { name: 'scheduler', stopLevel: 2 },
    { name: 'controller-manager', stopLevel: 2 },
  ]);
});

test('etcd goes before the loops that take over, and those before what serves clients', (t) => {
  const niceness = new Map(processes(config).map(({ name, niceness = 0 }) => [name, niceness]));
  const [etcd = 0, scheduler = 0, controllers = 0] = ['etcd', 'scheduler', 'controller-manager'].map((name) =>
    niceness.get(name),
  );
  t.true(etcd < scheduler && etcd < controllers);
  t.true(Math.max(scheduler, controllers) < (niceness.get('apiserver') ?? 0));
});

test('arguments handed through come last, so that they win', (t) => {
  t.deepEqual(processes(config)[2]?.args.slice(-2), ['--leader-elect-retry-period', '1s']);
});

test('settings that do not fit one another are refused with the flag at fault', (t) => {
  t.throws(() => processes({ ...config, name: 'd' }), { message: '--initial-cluster does not name d' });
  t.throws(() => processes({ ...config, apiservers: [] }), { message: /^--apiservers needs as many/ });
  t.throws(() => parseInitialCluster('a=b'), { message: /name=https:\/\/host:port/ });
});

test('masters that come and go in the file beside the keys are followed at the next start of each process', async (t) => {
  const pkiDir = mkdtempSync(join(tmpdir(), 'masters-'));
  t.teardown(() => rmSync(pkiDir, { recursive: true, force: true }));
  const file = join(pkiDir, 'masters.json');
  const inFile = { ...config, pkiDir, initialCluster: [], etcdServers: [], apiservers: [] };
  t.throws(() => processes(inFile), { message: '--initial-cluster does not name b' });
  writeMasters(file, mastersByName(['a', 'b', 'c']));
  const masters = mastersOf(inFile);
  const [, apiserver] = masterProcesses(inFile, masters);
  writeMasters(file, mastersByName(['b', 'c', 'd']));
  const prepared = await apiserver?.prepare?.(new AbortController().signal);
  t.is(valueAfter(prepared?.args ?? [], '--etcd-servers'), 'https://b:2379,https://c:2379,https://d:2379');
  t.deepEqual(
    etcdNow(inFile, masters)().member.initialCluster.map(({ name }) => name),
    ['b', 'c', 'd'],
  );
  writeMasters(file, mastersByName(['c', 'd']));
  t.throws(masters, { message: /does not name b: it was removed/ });
});
