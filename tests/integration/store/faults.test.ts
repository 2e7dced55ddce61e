/** The store's promises while etcd members die, fall silent, come back, forget and go back in time. */
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { isExpired } from '../../../master/api/errors.ts';
import { createLogger } from '../../../master/api/logging.ts';
import { compactOnce } from '../../../master/apiserver/store/compaction.ts';
import { RevisionMismatch } from '../../../master/apiserver/store/errors.ts';
import type { EtcdStore } from '../../../master/apiserver/store/etcd-store.ts';
import { listPrefix, objectKey } from '../../../master/apiserver/store/keys.ts';
import { EtcdError, Member } from '../../../master/apiserver/store/member.ts';
import { Members } from '../../../master/apiserver/store/members.ts';
import { anyRevision, consistent } from '../../../master/apiserver/store/types.ts';
import { startEtcd, type TestEtcd } from '../../support/etcd.ts';
import { configMap, Recorder, startStore } from '../../support/store.ts';

const prefix = listPrefix('configmaps');
const key = (name: string) => objectKey('configmaps', 'default', name);
const create = (store: EtcdStore, name: string) => store.create(key(name), configMap('default', name));

/** Creates objects one after the other until told to stop; answers the revisions that were acknowledged. */
function keepCreating(store: EtcdStore): { stop: () => Promise<Map<string, number>> } {
  const acknowledged = new Map<string, number>();
  let stopped = false;
  const done = (async () => {
    for (let n = 1; !stopped; n += 1) {
      const name = `n-${n}`;
      // An unknown outcome is no acknowledgement; the next name is tried.
      const stored = await create(store, name).catch(() => undefined);
      if (stored) acknowledged.set(key(name), stored.revision);
    }
  })();
  return {
    stop: async () => {
      stopped = true;
      await done;
      return acknowledged;
    },
  };
}

async function leaderOf(etcd: TestEtcd) {
  for (const member of etcd.members) if (await member.leads()) return member;
  throw new Error('etcd has no leader');
}

test('two stores over different members see each other’s acknowledged writes at once', async (t) => {
  const etcd = await startEtcd(3);
  t.teardown(etcd.stop);
  const [first, second] = etcd.endpoints;
  const a = await startStore([first ?? '']);
  t.teardown(a.stop);
  const b = await startStore([second ?? '']);
  t.teardown(b.stop);
  for (let n = 0; n < 100; n += 1) {
    const [writer, reader] = n % 2 === 0 ? [a.store, b.store] : [b.store, a.store];
    const { revision } = await create(writer, `seen-${n}`);
    t.is((await reader.get(key(`seen-${n}`), consistent))?.revision, revision);
  }
});

test('a watch has every acknowledged write once while members are killed, started, silenced and the leader dies', async (t) => {
  const etcd = await startEtcd(3);
  t.teardown(etcd.stop);
  const [first, second, third] = etcd.endpoints;
  const watching = await startStore([first ?? '', second ?? '', third ?? '']);
  t.teardown(watching.stop);
  const writing = await startStore([second ?? '', third ?? '', first ?? '']);
  t.teardown(writing.stop);
  const from = watching.store.cacheRevision;
  const recorder = new Recorder(watching.store, prefix, from);
  const writes = keepCreating(writing.store);

  const own = etcd.members[0]!;
  await own.kill();
  await delay(500);
  own.start();
  await own.healthy();
  own.pause();
  await delay(3500);
  own.resume();
  const leader = await leaderOf(etcd);
  await leader.kill();
  await delay(3000);
  leader.start();
  await leader.healthy();
  await delay(500);

  const acknowledged = await writes.stop();
  t.true(acknowledged.size > 100, `only ${acknowledged.size} writes were acknowledged`);
  await recorder.reached(Math.max(...acknowledged.values()));
  const told = recorder.events.map(({ revision }) => revision);
  t.deepEqual(
    told,
    [...new Set(told)].sort((x, y) => x - y),
    'events are in order and none comes twice',
  );
  const toldByKey = new Map(recorder.events.map((event) => [event.key, event.revision]));
  t.deepEqual(
    [...acknowledged].filter(([name, revision]) => toldByKey.get(name) !== revision),
    [],
  );

  const witness = await startStore(etcd.endpoints);
  t.teardown(witness.stop);
  const truth = await witness.store.list(prefix, consistent);
  const cached = await watching.store.list(prefix, consistent);
  t.deepEqual(
    cached.items.map(({ bytes }) => bytes.toString()),
    truth.items.map(({ bytes }) => bytes.toString()),
  );
  t.is(recorder.events.length, truth.items.length);
});

test('reads and writes go on through another member when the own one falls silent, and return to it', async (t) => {
  const etcd = await startEtcd(3);
  t.teardown(etcd.stop);
  const leader = await leaderOf(etcd);
  const own = etcd.members.find((member) => member !== leader)!;
  const others = etcd.members.filter((member) => member !== own).map(({ clientUrl }) => clientUrl);
  const { store, stop } = await startStore([own.clientUrl, ...others]);
  t.teardown(stop);
  const { revision } = await create(store, 'before');
  own.pause();
  t.teardown(() => own.resume());
  const started = Date.now();
  t.is((await store.get(key('before'), consistent))?.revision, revision);
  const after = await create(store, 'after');
  t.is((await store.get(key('after'), consistent))?.revision, after.revision);
  const gapMs = Date.now() - started;
  t.log(`a gap of ${gapMs} ms`);
  // Once it is known to be silent, nobody waits for it again: three reads together take less than the one that found out.
  const next = Date.now();
  for (let read = 0; read < 3; read += 1) await store.get(key('after'), consistent);
  t.true(Date.now() - next < gapMs);
});

test('a read over an etcd that answers slowly is answered with the first answer, however many attempts were late', async (t) => {
  const etcd = await startEtcd(1);
  t.teardown(etcd.stop);
  const members = new Members({ endpoints: etcd.endpoints, logger: createLogger('test', 'silent') });
  const end = new AbortController();
  const running = members.run(end.signal);
  t.teardown(async () => {
    end.abort();
    await running;
  });
  let asked = 0;
  const third = Promise.withResolvers<void>();
  const slow = async (): Promise<string> => {
    asked += 1;
    if (asked === 3) third.resolve();
    // The first is answered once two more have been made for its lateness, the others never.
    if (asked === 1) await third.promise;
    else await new Promise<never>(() => {});
    return 'the first answer';
  };
  t.is(await members.read(slow, true), 'the first answer');
  t.is(asked, 3);
});

test('a read that waits for another member comes back at once to the one that says that it has a new leader', async (t) => {
  const etcd = await startEtcd(3);
  t.teardown(etcd.stop);
  const suspected: unknown[] = [];
  const logger = createLogger('test', 'silent');
  logger.warn = (about: unknown) => suspected.push((about as { member: string }).member);
  const members = new Members({ endpoints: etcd.endpoints, logger });
  const end = new AbortController();
  const running = members.run(end.signal);
  t.teardown(async () => {
    end.abort();
    await running;
  });
  while (!members.health.every(({ healthy }) => healthy)) await delay(5);
  const asked: string[] = [];
  const second = Promise.withResolvers<void>();
  const call = async ({ url }: Member): Promise<string> => {
    asked.push(url);
    if (asked.length === 3) return 'answered';
    if (asked.length === 2) {
      second.resolve();
      return new Promise<never>(() => {});
    }
    await second.promise;
    throw new EtcdError(url, 14, 'etcdserver: leader changed');
  };
  t.is(await members.read(call, true), 'answered');
  const [first = ''] = etcd.endpoints;
  t.deepEqual([asked.length, asked[0], asked[2]], [3, first, first]);
  t.deepEqual(suspected, [first], 'the other one was given no time to be late');
});

test('a transaction that waits for a silent member can be given up, and its outcome is unknown', async (t) => {
  const etcd = await startEtcd(1);
  t.teardown(etcd.stop);
  const member = new Member(etcd.endpoints[0] ?? '', undefined);
  t.teardown(() => member.reset());
  const put = { compare: [], success: [{ type: 'put', key: '/a', value: 'b' } as const], failure: [] };
  await member.txn(put, 5_000);
  etcd.members[0]!.pause();
  t.teardown(() => etcd.members[0]!.resume());
  const lost = t.throwsAsync(member.txn(put, 60_000), { instanceOf: EtcdError });
  while (!member.waits) await delay(5);
  member.giveUpTxns(performance.now());
  const error = (await lost) as EtcdError;
  t.deepEqual([error.refused, error.givenUp, member.waits], [false, true, false]);
});

test('a create whose answer is lost happens once and is acknowledged when etcd answers again', async (t) => {
  const etcd = await startEtcd(1);
  t.teardown(etcd.stop);
  const { store, stop } = await startStore(etcd.endpoints);
  t.teardown(stop);
  const first = await create(store, 'first');
  const recorder = new Recorder(store, prefix, first.revision);
  const member = etcd.members[0]!;
  member.pause();
  const writes = ['a', 'b', 'c'].map((name) => create(store, name));
  const update = store.update(key('first'), configMap('default', 'first', { n: '2' }), first.revision);
  await delay(2500);
  member.resume();
  const stored = await Promise.all([...writes, update]);
  const list = await store.list(prefix, consistent);
  t.deepEqual(
    list.items.map((item) => [item.key, item.revision]),
    ['a', 'b', 'c', 'first'].map((name, index) => [key(name), stored[index]?.revision]),
  );
  await recorder.reached(list.revision);
  t.is(recorder.events.length, 4);
});

test('a delete whose answer is lost is not taken for a refusal', async (t) => {
  const etcd = await startEtcd(1);
  t.teardown(etcd.stop);
  const { store, stop } = await startStore(etcd.endpoints);
  t.teardown(stop);
  const stored = await create(store, 'a');
  const member = etcd.members[0]!;
  member.pause();
  const deletion = store.delete(key('a'), stored.revision).then(
    () => 'deleted',
    (error) => (error instanceof RevisionMismatch ? 'refused' : 'unknown'),
  );
  await delay(2500);
  member.resume();
  t.not(await deletion, 'refused');
  t.is(await store.get(key('a'), consistent), undefined);
});

test('a cache whose watch falls behind a compaction starts over, and its watchers are told to list again', async (t) => {
  const etcd = await startEtcd(3);
  t.teardown(etcd.stop);
  const [first, second, third] = etcd.endpoints;
  const lone = await startStore([first ?? '']);
  t.teardown(lone.stop);
  const other = await startStore([second ?? '', third ?? '']);
  t.teardown(other.stop);
  const kept = await create(other.store, 'kept');
  const dropped = await create(other.store, 'dropped');
  await lone.store.get(key('dropped'), consistent);
  const recorder = new Recorder(lone.store, prefix, lone.store.cacheRevision);
  const member = etcd.members[0]!;
  await member.kill();
  await other.store.delete(key('dropped'), dropped.revision);
  await create(other.store, 'new');
  const members = new Members({ endpoints: [second ?? ''], logger: createLogger('test', 'silent') });
  const seen = await compactOnce(members, await compactOnce(members, 0));
  t.true(seen > dropped.revision);
  member.start();
  await member.healthy();
  t.true(isExpired(await recorder.ended));
  const { items } = await lone.store.list(prefix, consistent);
  t.deepEqual(
    items.map((item) => item.key),
    [key('kept'), key('new')],
  );
  t.throws(() => lone.store.watch(prefix, kept.revision, { onEvents: () => {}, onEnd: () => {} }));
  const error = await t.throwsAsync(lone.store.listAt(prefix, kept.revision));
  t.true(isExpired(error));
  const members2 = new AbortController();
  members2.abort();
  await members.run(members2.signal);
});

test('a restored backup makes the cache start over with the old state', async (t) => {
  const etcd = await startEtcd(1);
  t.teardown(etcd.stop);
  const { store, stop } = await startStore(etcd.endpoints);
  t.teardown(stop);
  const member = etcd.members[0]!;
  await create(store, 'old');
  await member.kill();
  await member.backup();
  member.start();
  await member.healthy();
  for (let n = 0; n < 5; n += 1) await create(store, `lost-${n}`);
  const late = (await store.list(prefix, consistent)).revision;
  const recorder = new Recorder(store, prefix, late);
  await member.kill();
  await member.restore();
  member.start();
  await member.healthy();
  t.true(isExpired(await recorder.ended));
  const { items, revision } = await store.list(prefix, consistent);
  t.deepEqual(
    items.map((item) => item.key),
    [key('old')],
  );
  t.true(revision < late);
  t.is((await store.list(prefix, anyRevision)).revision, revision);
});
