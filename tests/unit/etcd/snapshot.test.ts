import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { putAside } from '../../../master/etcd/data.ts';
import { readOrder, removeOrder, writeOrder } from '../../../master/etcd/order.ts';
import { checkSnapshot, keptSnapshots, pruneSnapshots, savedAt, snapshotName } from '../../../master/etcd/snapshot.ts';

function tempDir(t: ExecutionContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'trimaster-snapshot-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  return dir;
}

test('the name of a snapshot says when it was saved, and sorts by it', (t) => {
  const time = Date.UTC(2026, 0, 2, 3, 4, 5);
  t.is(snapshotName(new Date(time)), 'snapshot-2026-01-02T03-04-05Z.db');
  t.is(savedAt(snapshotName(new Date(time))), time);
  t.is(savedAt('mine.db'), undefined);
});

test('only the newest snapshots are kept; what people put beside them is theirs', (t) => {
  const dir = tempDir(t);
  const names = [1, 2, 3].map((day) => snapshotName(new Date(Date.UTC(2026, 0, day))));
  for (const name of [...names, 'mine.db', `${names[0]}.half`]) writeFileSync(join(dir, name), '');
  pruneSnapshots(dir, 2);
  t.deepEqual(readdirSync(dir).toSorted(), ['mine.db', ...names.slice(1)]);
  t.deepEqual(keptSnapshots(dir), names.slice(1).toReversed());
  t.deepEqual(keptSnapshots(join(dir, 'none')), []);
});

test('a file that was cut short or changed is no snapshot', async (t) => {
  const file = join(tempDir(t), 'a.db');
  writeFileSync(file, Buffer.alloc(100));
  await t.throwsAsync(checkSnapshot(file), { message: /is no whole snapshot/ });
  writeFileSync(file, Buffer.alloc(4096 + 32));
  await t.throwsAsync(checkSnapshot(file), { message: /is damaged/ });
});

test('data that is put aside is kept, the last two of it', (t) => {
  const dir = tempDir(t);
  for (const hour of [1, 2, 3]) {
    mkdirSync(join(dir, 'etcd'));
    writeFileSync(join(dir, 'etcd/hour'), String(hour));
    putAside(join(dir, 'etcd'), new Date(Date.UTC(2026, 0, 1, hour)));
  }
  putAside(join(dir, 'etcd'));
  t.deepEqual(readdirSync(dir), ['etcd.before-2026-01-01T02-00-00-000Z', 'etcd.before-2026-01-01T03-00-00-000Z']);
});

test('an order outlives its giver, until it is carried out', (t) => {
  const dir = tempDir(t);
  t.is(readOrder(dir), undefined);
  writeOrder(dir, { kind: 'rejoin', givenUp: '1' });
  t.deepEqual(readOrder(dir), { kind: 'rejoin', givenUp: '1' });
  removeOrder(dir);
  t.is(readOrder(dir), undefined);
});
