/**
 * Three stores, each with a member of its own, under writers that never rest, while members are killed and silenced at random.
 * What is checked is the world: what was acknowledged, what three watches told, what etcd holds in the end.
 */
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import type { ConfigMap } from '../../../master/api/types.ts';
import { RevisionMismatch } from '../../../master/apiserver/store/errors.ts';
import type { EtcdStore } from '../../../master/apiserver/store/etcd-store.ts';
import { listPrefix, objectKey } from '../../../master/apiserver/store/keys.ts';
import { consistent, type Stored, type StoreEvent } from '../../../master/apiserver/store/types.ts';
import { startEtcd, type TestEtcd } from '../../support/etcd.ts';
import { Random } from '../../support/random.ts';
import { configMap, Recorder, startStore } from '../../support/store.ts';

const faultyMs = 12_000;
const prefix = listPrefix('configmaps');
const key = (name: string) => objectKey('configmaps', 'default', name);
const counterKey = key('counter');
const counted = (stored: Stored | undefined) => Number((stored?.object as ConfigMap | undefined)?.data?.count);

/** What the writers were told, and what they saw that must not be. */
class Book {
  readonly created = new Map<string, number>();
  readonly deleted = new Map<string, number>();
  readonly wrong: string[] = [];
  increments = 0;
  unknownIncrements = 0;
}

/** Creates objects, reads each back, deletes every second. An error leaves the outcome open, so nothing is noted. */
async function churn(store: EtcdStore, name: string, book: Book, stopped: () => boolean): Promise<void> {
  for (let n = 0; !stopped(); n += 1) {
    const mine = `${name}-${n}`;
    try {
      const { revision } = await store.create(key(mine), configMap('default', mine));
      book.created.set(key(mine), revision);
      const read = await store.get(key(mine), consistent);
      if (read?.revision !== revision) book.wrong.push(`${mine} was created at ${revision}, read at ${read?.revision}`);
      if (n % 2 === 0) continue;
      book.deleted.set(key(mine), (await store.delete(key(mine), revision)).revision);
      if (await store.get(key(mine), consistent)) book.wrong.push(`${mine} was deleted and then read`);
    } catch (error) {
      // Nobody else writes these keys, so a refusal would be a lie.
      if (error instanceof RevisionMismatch) book.wrong.push(error.message);
    }
  }
}

/** Raises the one counter by read and compare, against everybody else. */
async function count(store: EtcdStore, book: Book, stopped: () => boolean): Promise<void> {
  while (!stopped()) {
    try {
      const stored = await store.get(counterKey, consistent);
      const next = configMap('default', 'counter', { count: String(counted(stored) + 1) });
      await store.update(counterKey, next, stored?.revision ?? 0);
      book.increments += 1;
    } catch (error) {
      if (!(error instanceof RevisionMismatch)) book.unknownIncrements += 1;
    }
  }
}

async function breakThings(etcd: TestEtcd, random: Random): Promise<void> {
  const end = Date.now() + faultyMs;
  while (Date.now() < end) {
    const member = etcd.members[Math.floor(random.between(0, 3))]!;
    if (random.chance(0.5)) {
      await member.kill();
      await delay(random.between(0, 1000));
      member.start();
    } else {
      const silent = random.chance(0.3) ? etcd.members : [member];
      for (const victim of silent) victim.pause();
      await delay(random.between(0, 3500));
      for (const victim of silent) victim.resume();
    }
    await member.healthy();
    await delay(random.between(300, 1500));
  }
}

test('no acknowledged write is lost, doubled or unseen while members die and fall silent at random', async (t) => {
  const seed = Number(process.env.TEST_SEED ?? Date.now() % 1_000_000);
  t.log(`TEST_SEED=${seed}`);
  const etcd = await startEtcd(3);
  t.teardown(etcd.stop);
  const [a = '', b = '', c = ''] = etcd.endpoints;
  const orders = [
    [a, b, c],
    [b, c, a],
    [c, a, b],
  ];
  const started = await Promise.all(orders.map((endpoints) => startStore(endpoints)));
  for (const { stop } of started) t.teardown(stop);
  const stores = started.map(({ store }) => store);
  const [first] = stores;
  if (!first) return t.fail();
  await first.create(counterKey, configMap('default', 'counter', { count: '0' }));
  const recorders = stores.map((store) => new Recorder(store, prefix, 1));

  const book = new Book();
  let healed = false;
  const stopped = () => healed;
  const writers = stores.flatMap((store, index) => [
    churn(store, `x-${index}`, book, stopped),
    churn(store, `y-${index}`, book, stopped),
    count(store, book, stopped),
  ]);
  await breakThings(etcd, new Random(seed));
  healed = true;
  await Promise.all(writers);

  const revision = await first.currentRevision();
  await Promise.all(recorders.map((recorder) => recorder.reached(revision)));
  const [log = [], ...otherLogs] = recorders.map(({ events }) =>
    events.map(({ type, key, revision }) => `${revision} ${type} ${key}`),
  );
  for (const other of otherLogs) t.deepEqual(other, log, 'every watch told the same');
  t.deepEqual(book.wrong, []);
  t.true(book.created.size > 100, `only ${book.created.size} creates were acknowledged`);
  const events = recorders[0]?.events ?? [];
  t.deepEqual(unlike(book.created, events, 'put'), []);
  t.deepEqual(unlike(book.deleted, events, 'delete'), []);
  const total = counted(await first.get(counterKey, consistent));
  t.true(total >= book.increments, `${book.increments} increments were acknowledged, the counter is ${total}`);
  t.true(total <= book.increments + book.unknownIncrements, 'no increment happened twice');
});

/** The acknowledged writes of a kind that did not happen exactly once, at the acknowledged revision. */
function unlike(acknowledged: Map<string, number>, events: readonly StoreEvent[], type: StoreEvent['type']): string[] {
  const told = Map.groupBy(
    events.filter((event) => event.type === type),
    (event) => event.key,
  );
  return [...acknowledged]
    .filter(([name, revision]) => {
      const happened = told.get(name) ?? [];
      return happened.length !== 1 || happened[0]?.revision !== revision;
    })
    .map(([name]) => name);
}
