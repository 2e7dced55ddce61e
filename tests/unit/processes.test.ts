import test from 'ava';
import { type MasterConfig, masterProcesses, parseInitialCluster } from '../../master/processes.ts';

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

const valueAfter = (args: readonly string[], flag: string): string | undefined => args[args.indexOf(flag) + 1];

test('a master asks its own servers first, and the others in turn', (t) => {
  const [, apiserver, scheduler, controllers] = masterProcesses(config);
  t.is(valueAfter(apiserver?.args ?? [], '--etcd-servers'), 'https://b:2379,https://c:2379,https://a:2379');
  t.is(valueAfter(scheduler?.args ?? [], '--master'), 'https://b:6443,https://c:6443,https://a:6443');
  t.is(valueAfter(controllers?.args ?? [], '--master'), 'https://b:6443,https://c:6443,https://a:6443');
});

test('those that hold leases stop before the API server, and etcd stops last', (t) => {
  const levels = masterProcesses(config).map(({ name, stopLevel }) => ({ name, stopLevel }));
  t.deepEqual(levels, [
    { name: 'etcd', stopLevel: 0 },
    { name: 'apiserver', stopLevel: 1 },
    { name: 'scheduler', stopLevel: 2 },
    { name: 'controller-manager', stopLevel: 2 },
  ]);
});

test('arguments handed through come last, so that they win', (t) => {
  t.deepEqual(masterProcesses(config)[2]?.args.slice(-2), ['--leader-elect-retry-period', '1s']);
});

test('settings that do not fit one another are refused with the flag at fault', (t) => {
  t.throws(() => masterProcesses({ ...config, name: 'd' }), { message: '--initial-cluster does not name d' });
  t.throws(() => masterProcesses({ ...config, apiservers: [] }), { message: /^--apiservers needs as many/ });
  t.throws(() => parseInitialCluster('a=b'), { message: /name=https:\/\/host:port/ });
});
