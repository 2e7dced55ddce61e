/** What masters do before they start etcd, with real members on both sides. */
import { copyFileSync, existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { createLogger } from '../../../master/api/logging.ts';
import { etcdCredentials } from '../../../master/etcd/client.ts';
import { putAside } from '../../../master/etcd/data.ts';
import { greet, startGreeter } from '../../../master/etcd/greeting.ts';
import { keepMember } from '../../../master/etcd/keeper.ts';
import { neverHadLeader } from '../../../master/etcd/log.ts';
import { type EtcdCommand, etcdCommand, hasData } from '../../../master/etcd/member.ts';
import { readOrder, removeOrder, writeIdentity, writeOrder } from '../../../master/etcd/order.ts';
import { saveSnapshot } from '../../../master/etcd/snapshot.ts';
import { prepareEtcd } from '../../../master/etcd/start.ts';
import { MasterMember } from '../../support/master-member.ts';
import { within } from '../../support/within.ts';

const never = new AbortController().signal;

/** A logger whose reasons to wait can be read. */
function listening() {
  const reasons: string[] = [];
  const logger = createLogger('etcd-member', 'silent');
  logger.warn = (details: unknown) => {
    if (typeof details === 'object' && details && 'why' in details) reasons.push(String(details.why));
  };
  return { logger, reasons };
}

const both = (...members: MasterMember[]): string[] => members.map(({ config }) => config.clientUrl);

function prepare(member: MasterMember, others: readonly MasterMember[], logger = listening().logger) {
  return prepareEtcd({ now: () => ({ member: member.config, clientUrls: both(...others) }), logger }, never);
}

/** Still open after a look or two. */
async function isOpen(decision: Promise<EtcdCommand>): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<true>();
  const timer = setTimeout(resolve, 500, true);
  const open = await Promise.race([promise, decision.then(() => false)]);
  clearTimeout(timer);
  return open;
}

test('two masters without data make the cluster together, and not before both are there', async (t) => {
  const first = await MasterMember.start(t);
  await first.end('SIGKILL');
  putAside(first.config.dataDir);
  const second = await first.another(t);
  const { logger, reasons } = listening();
  const early = prepare(first, [first, second], logger);
  t.true(await isOpen(early));
  t.deepEqual(reasons, ["master-2 gave no answer and may have the cluster's data"]);
  const commands = await Promise.all([early, prepare(second, [first, second])]);
  await Promise.all([first, second].map((member, i) => member.run(undefined, commands[i])));
  t.is((await first.client.members(true, 2_000)).members.length, 2);
});

test('a member without a leader is not taken for a new one; if it is one, it meets the others again at its next start', async (t) => {
  const first = await MasterMember.start(t);
  await first.end('SIGKILL');
  putAside(first.config.dataDir);
  const second = await first.another(t);
  const { initialCluster, pkiDir, dataDir } = first.config;
  const asked = () =>
    greet(initialCluster[0]?.peerUrl ?? '', { name: 'master-2', state: 'empty' }, etcdCredentials(pkiDir), 1_000);
  const begins = async () => {
    if ((await asked()).kind !== 'starting') throw new Error('it does not answer yet');
  };
  await first.run(begins, etcdCommand(first.config, 'new'));
  const { logger, reasons } = listening();
  const waiting = prepare(second, [first, second], logger);
  t.true(await isOpen(waiting));
  t.deepEqual(reasons, ["master-1 cannot say yet whether it has the cluster's data"]);
  await first.end('SIGTERM');
  t.true(neverHadLeader(dataDir));
  const commands = await Promise.all([prepare(first, [first, second]), waiting]);
  await Promise.all([first, second].map((member, i) => member.run(undefined, commands[i])));
  for (const { config } of [first, second]) {
    t.false(neverHadLeader(config.dataDir));
    t.true(hasData(config.dataDir));
  }
});

test('the data of a member is compared with that of the others when they serve, and waits for nobody when they do not', async (t) => {
  const first = await MasterMember.start(t);
  const second = await first.another(t);
  const compares = async () =>
    (await prepare(first, [first, second])).args.includes('--experimental-initial-corrupt-check');
  t.false(await compares(), 'the other one does not run');
  const { initialCluster } = second.config;
  await second.run(
    () => second.client.status(1_000),
    etcdCommand({ ...second.config, initialCluster: initialCluster.slice(1) }, 'new'),
  );
  await first.end('SIGTERM');
  t.true(await compares());
});

test('a master without data joins the cluster that is there, and votes when it has the data', async (t) => {
  const first = await MasterMember.start(t);
  await first.put('a', 'kept');
  const second = await first.another(t);
  await second.run(() => second.client.status(1_000), await prepare(second, [first, second]));
  const end = new AbortController();
  const logger = createLogger('etcd-member', 'silent');
  const { config: member } = second;
  const keeping = keepMember(
    { now: () => ({ member, clientUrls: both(first, second) }), logger, report: async () => {} },
    end.signal,
  );
  await within(
    20,
    () => first.client.members(true, 2_000),
    ({ members }) => members.length === 2 && members.every(({ isLearner }) => !isLearner),
  );
  t.is(await second.get('a'), 'kept');
  end.abort();
  await keeping;
});

test('a member that is left alone takes its data into a new cluster, as it is told', async (t) => {
  const first = await MasterMember.start(t);
  const second = await first.another(t);
  for (let i = 0; i < 20; i += 1) await first.put(`key-${i}`, String(i));
  const dir = dirname(first.config.dataDir);
  await first.end('SIGKILL');
  writeOrder(dir, { kind: 'recover', token: 'test' });
  await first.run(undefined, await prepare(first, [first, second]));
  t.is(await first.get('key-19'), '19');
  t.is((await first.client.members(true, 2_000)).members.length, 1);
  t.is(readOrder(dir), undefined);
  t.deepEqual(
    readdirSync(dir).map((name) => name.replace(/before-.*/, 'before')),
    ['etcd', 'etcd.before'],
  );
});

test('a master that was away while the cluster began anew gives up its data, and joins as a new member', async (t) => {
  const first = await MasterMember.start(t);
  const second = await first.another(t);
  const third = await first.another(t, 'master-3');
  const all = [first, second, third];
  second.config = { ...second.config, initialCluster: third.config.initialCluster };
  const end = new AbortController();
  const keep = ({ config: member }: MasterMember) => {
    const { logger } = listening();
    return keepMember(
      { now: () => ({ member, clientUrls: both(...all) }), logger, report: async () => {} },
      end.signal,
    );
  };
  await first.put('a', 'kept');
  await second.run(() => second.client.status(1_000), await prepare(second, all));
  // Another cluster's data; its member does not answer.
  const dir = dirname(third.config.dataDir);
  const alone = third.config.initialCluster.filter(({ name }) => name === third.config.name);
  await third.run(undefined, etcdCommand({ ...third.config, initialCluster: alone }, 'new'));
  const { clusterId, memberId } = await third.client.status(2_000);
  await third.end('SIGKILL');
  writeIdentity(dir, { clusterId, memberId });
  const keeping = [keep(second), keep(third)];
  await within(
    30,
    () => readOrder(dir),
    (order) => order?.kind === 'rejoin',
  );
  await third.run(() => third.client.status(1_000), await prepare(third, all));
  await within(
    20,
    () => first.client.members(true, 2_000),
    ({ members }) => members.length === 3 && members.every(({ isLearner }) => !isLearner),
  );
  t.is(await third.get('a'), 'kept');
  t.true(readdirSync(dir).some((name) => name.startsWith('etcd.before-')));
  end.abort();
  await Promise.all(keeping);
});

test('a snapshot is not restored while another master restores one, and changes nothing when it is taken back', async (t) => {
  const first = await MasterMember.start(t);
  const second = await first.another(t);
  const dir = dirname(first.config.dataDir);
  await first.put('a', 'in the snapshot');
  const { sha256, file } = await saveSnapshot(first.client, join(dir, 'one.db'), never);
  await first.put('a', 'after it');
  await first.end('SIGTERM');
  const { peerPort, pkiDir } = second.config;
  const greeter = { host: '127.0.0.1', port: peerPort, tls: etcdCredentials(pkiDir), asked: () => {} };
  const close = await startGreeter({ ...greeter, state: 'restoring' });
  t.teardown(close);

  const order = () => {
    copyFileSync(file, join(dir, 'restore.db'));
    writeOrder(dir, { kind: 'restore', snapshot: 'restore.db', sha256, token: 'test' });
  };
  order();
  const { logger, reasons } = listening();
  const refused = prepare(first, [first, second], logger);
  t.true(await isOpen(refused));
  t.regex(reasons[0] ?? '', /^master-2 is told to restore a snapshot, too/);
  removeOrder(dir);
  await first.run(undefined, await refused);
  t.is(await first.get('a'), 'after it');

  await first.end('SIGTERM');
  await close();
  order();
  const command = await prepare(first, [first, second]);
  t.true(hasData(first.config.dataDir), 'also before it has had a leader');
  await first.run(undefined, command);
  t.is(await first.get('a'), 'in the snapshot');
  t.false(existsSync(join(dir, 'restore.db')));
});
