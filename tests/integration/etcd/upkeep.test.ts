/** What a keeper does about a database that has reached its bound, what a member's data becomes, and a member that is behind. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { Registry } from 'prom-client';
import { createLogger } from '../../../master/api/logging.ts';
import { objectKey } from '../../../master/apiserver/store/keys.ts';
import { registerStoreMetrics } from '../../../master/apiserver/store/metrics.ts';
import { consistent } from '../../../master/apiserver/store/types.ts';
import { etcdCredentials } from '../../../master/etcd/client.ts';
import { makeData, salvageData } from '../../../master/etcd/data.ts';
import { handOver } from '../../../master/etcd/hand-over.ts';
import { keepMember } from '../../../master/etcd/keeper.ts';
import { writeSettings } from '../../../master/etcd/settings.ts';
import { checkSnapshot, keptSnapshots, saveSnapshot, snapshotDir } from '../../../master/etcd/snapshot.ts';
import { MasterMember } from '../../support/master-member.ts';
import { configMap, startStore } from '../../support/store.ts';
import { within } from '../../support/within.ts';

const never = new AbortController().signal;

test('when the space runs out it is made, the alarm is cleared, writes go on, and the cluster is told', async (t) => {
  const member = await MasterMember.start(t, '--quota-backend-bytes', String(16 * 1024 ** 2));
  const big = Buffer.alloc(1024 ** 2, 'x');
  let answer = await member.put('big', big);
  for (let i = 0; i < 40 && answer.status === 200; i += 1) answer = await member.put('big', big);
  t.regex(answer.text, /database space exceeded/);
  t.like(await member.client.status(2_000), { alarms: [{ type: 'NOSPACE' }] });

  const reports: string[] = [];
  const end = new AbortController();
  const keeping = keepMember(
    {
      now: () => ({ member: member.config, clientUrls: [member.config.clientUrl] }),
      logger: createLogger('etcd-member', 'silent'),
      report: async (reason, message) => {
        reports.push(`${reason}: ${message}`);
      },
    },
    end.signal,
  );
  await within(
    15,
    () => reports,
    ({ length }) => length > 0,
  );
  end.abort();
  await keeping;
  t.regex(reports[0] ?? '', /^EtcdSpaceExhausted: .* refused writes; it was compacted and defragmented to \d+ MiB/);
  const status = await member.client.status(2_000);
  t.deepEqual(status.alarms, []);
  t.true(status.dbSize < 8 * 1024 ** 2, `${status.dbSize}`);
  t.is((await member.put('after', 'yes')).status, 200);
});

test('a snapshot is whole, and a member that is made from it has its data, under later revisions, in another cluster', async (t) => {
  const member = await MasterMember.start(t);
  await member.put('a', 'in the snapshot');
  const before = await member.client.members(true, 2_000);
  const file = join(member.config.dataDir, '../one.db');
  const saved = await saveSnapshot(member.client, file, never);
  t.deepEqual(await checkSnapshot(file), saved);
  await member.put('a', 'after it');
  const { revision } = await member.client.status(2_000);
  await member.end('SIGTERM');
  await makeData(member.config, { file, hashed: true, token: 'test-1' });
  await member.run();
  t.is(await member.get('a'), 'in the snapshot');
  t.true((await member.client.status(2_000)).revision > revision + 1_000_000);
  t.not((await member.client.members(true, 2_000)).clusterId, before.clusterId);
});

test("what only a member's log has is kept when its data begins a new cluster", async (t) => {
  const member = await MasterMember.start(t);
  for (let i = 0; i < 50; i += 1) await member.put(`key-${i}`, String(i));
  // Killed right after the last answer, its database may lack what its log has.
  await member.end('SIGKILL');
  await salvageData(member.config, 'test-2', never);
  await member.run();
  t.is(await member.get('key-49'), '49');
});

test('what is salvaged is served to nobody: another master could join a cluster that ends a moment later', async (t) => {
  const member = await MasterMember.start(t);
  await member.put('key', 'kept');
  await member.end('SIGKILL');
  const { bindAddress, clientPort, peerPort } = member.config;
  const taken = await Promise.all(
    [clientPort, peerPort].map(async (port) => {
      const server = createServer().listen(port, bindAddress);
      await once(server, 'listening');
      return server;
    }),
  );
  await salvageData(member.config, 'test-3', never);
  for (const server of taken) server.close();
  await member.run();
  t.is(await member.get('key'), 'kept');
});

test("an API server's metrics and conditions show the sizes of the members, and the alarm while it is raised", async (t) => {
  const member = await MasterMember.start(t, '--quota-backend-bytes', String(8 * 1024 ** 2));
  const { pkiDir, clientUrl } = member.config;
  const { store, stop } = await startStore([clientUrl], { tls: etcdCredentials(pkiDir) });
  t.teardown(stop);
  const registry = new Registry();
  registerStoreMetrics(store, registry);
  t.regex(await registry.metrics(), /trimaster_etcd_alarm\{alarm="NOSPACE"\} 0/);
  t.deepEqual(await store.memberProblems(), [{ url: clientUrl, problem: undefined }]);
  let answer = await member.put('big', Buffer.alloc(1024 ** 2));
  for (let i = 0; i < 20 && answer.status === 200; i += 1) answer = await member.put('big', Buffer.alloc(1024 ** 2));
  const metrics = await registry.metrics();
  t.regex(metrics, /trimaster_etcd_alarm\{alarm="NOSPACE"\} 1/);
  const problem = 'alarm NOSPACE: no space is left, writes are refused';
  t.deepEqual(await store.memberProblems(), [{ url: clientUrl, problem }]);
  t.regex(metrics, /trimaster_etcd_db_size_bytes\{member="https:\/\/localhost:\d+"\} [1-9]\d{6}/);
});

test('an API server whose own member has not caught up uses another, and its own when it votes', async (t) => {
  const first = await MasterMember.start(t);
  const learner = await first.addLearner(t);
  const endpoints = [learner.config.clientUrl, first.config.clientUrl];
  const { store, stop } = await startStore(endpoints, { tls: etcdCredentials(first.config.pkiDir) });
  t.teardown(stop);
  const key = objectKey('configmaps', 'default', 'a');
  const stored = await store.create(key, configMap('default', 'a'));
  t.deepEqual((await store.get(key, consistent))?.bytes, stored.bytes);
  t.like(store.members, [{ healthy: false }, { healthy: true }]);

  const end = new AbortController();
  const keeping = keepMember(
    {
      now: () => ({ member: learner.config, clientUrls: endpoints }),
      logger: createLogger('etcd-member', 'silent'),
      report: async () => {},
    },
    end.signal,
  );
  await within(
    20,
    () => store.members,
    ([own]) => own?.healthy === true,
  );
  end.abort();
  await keeping;
  t.false((await learner.client.status(2_000)).isLearner);
  const again = await store.create(objectKey('configmaps', 'default', 'b'), configMap('default', 'b'));
  t.true(again.revision > stored.revision);
});

test('the command saves a snapshot among those that are kept; without a member it says so and leaves them', async (t) => {
  const member = await MasterMember.start(t);
  const dir = join(member.config.dataDir, '..');
  writeSettings(dir, { member: member.config, clientUrls: [member.config.clientUrl], pid: process.pid });
  const main = join(import.meta.dirname, '../../../master/etcd/main.ts');
  const save = (...more: string[]) => promisify(execFile)(process.execPath, [main, '--data-dir', dir, 'save', ...more]);
  await save('--keep', '1');
  const [kept] = keptSnapshots(snapshotDir(dir));
  t.truthy(kept);
  t.regex((await checkSnapshot(join(snapshotDir(dir), kept ?? ''))).sha256, /^[0-9a-f]{64}$/);
  await member.end('SIGTERM');
  await t.throwsAsync(save(), { message: /no member of etcd answers: localhost:\d+: ECONNREFUSED/ });
  t.deepEqual(keptSnapshots(snapshotDir(dir)), [kept]);
});

test('a leader that is to end hands the lead to a member that answers; others have nothing to hand over', async (t) => {
  const leader = await MasterMember.start(t);
  t.is(await handOver(leader.client, 2_000), undefined, 'there is nobody else');
  const other = await leader.addLearner(t);
  const { memberId } = await other.client.status(2_000);
  await within(
    20,
    () => leader.client.promote(memberId, 2_000),
    () => true,
  );
  t.is(await handOver(other.client, 2_000), undefined, 'it does not lead');
  t.is(await handOver(leader.client, 2_000), 'master-2');
  t.is((await leader.client.status(2_000)).leaderId, memberId);
});
