import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type EtcdMemberConfig, etcdCommand, etcdMember, startMode } from '../../../master/etcd/member.ts';

const config: EtcdMemberConfig = {
  name: 'master-2',
  dataDir: '/data/etcd',
  pkiDir: '/pki',
  initialCluster: ['master-1', 'master-2', 'master-3'].map((name) => ({ name, peerUrl: `https://${name}:2380` })),
  clientUrl: 'https://master-2:2379',
  bindAddress: '0.0.0.0',
  clientPort: 2379,
  peerPort: 2380,
  metricsPort: 2381,
};

const flagValue = (args: readonly string[], flag: string) => args[args.indexOf(flag) + 1];

test('a member without data makes the cluster new, one with data goes on with it', async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'trimaster-member-'));
  t.teardown(() => rm(dataDir, { recursive: true }));
  const stateFlag = () => flagValue(etcdMember({ ...config, dataDir }).args, '--initial-cluster-state');
  t.is(stateFlag(), 'new');
  await mkdir(join(dataDir, 'member', 'wal'), { recursive: true });
  t.is(stateFlag(), 'new', 'a start that was interrupted before the first log is no member');
  await writeFile(join(dataDir, 'member', 'wal', '0000000000000000-0000000000000000.wal'), '');
  t.is(stateFlag(), 'existing');
});

test('a log that is only being prepared is no data', (t) => {
  t.is(startMode(['0.tmp']), 'new');
  t.is(startMode(['0000000000000000-0000000000000000.wal', '0.tmp']), 'existing');
});

test('a member listens on an address and is known by its name', (t) => {
  const { args } = etcdCommand(config, 'new');
  t.is(flagValue(args, '--listen-client-urls'), 'https://0.0.0.0:2379');
  const beside = etcdCommand({ ...config, socket: '/data/a,b' }, 'new');
  t.is(flagValue(beside.args, '--listen-client-urls'), 'https://0.0.0.0:2379,unix:///data/a%2Cb');
  t.is(flagValue(args, '--advertise-client-urls'), 'https://master-2:2379');
  t.is(flagValue(args, '--initial-advertise-peer-urls'), 'https://master-2:2380');
  t.is(
    flagValue(args, '--initial-cluster'),
    'master-1=https://master-1:2380,master-2=https://master-2:2380,master-3=https://master-3:2380',
  );
});

test('a member takes nobody without a certificate, neither client nor peer', (t) => {
  const { args } = etcdCommand(config, 'new');
  t.true(args.includes('--client-cert-auth'));
  t.true(args.includes('--peer-client-cert-auth'));
});

test('a member that the cluster does not name is refused', (t) => {
  t.throws(() => etcdCommand({ ...config, name: 'master-9' }, 'new'), {
    message: 'the initial cluster does not name master-9',
  });
});
