import test from 'ava';
import { readMetrics } from '../../../master/etcd/disk-watch.ts';
import {
  type DiskWatch,
  type Fsyncs,
  judge,
  nextLookMs,
  nothingSeen,
  wantsOthers,
} from '../../../master/etcd/slow-disk.ts';

/**
 * A member `a` that leads, with others: what each of their disks takes for one fsync, in ms. Every 50 ms begins another one where the last
 * has ended.
 */
class World {
  watch: DiskWatch = nothingSeen;
  readonly moves: { readonly to: string; readonly atMs: number }[] = [];
  looks = 0;
  nowMs = 0;
  #lookAtMs = 0;
  readonly #fsyncs = new Map<string, Fsyncs>();
  readonly #endsAtMs = new Map<string, { readonly endsMs: number; readonly tookMs: number }>();

  /** `undefined` for one that does not answer. */
  pass(ms: number, disks: Readonly<Record<string, number | undefined>>, writes = true): void {
    for (const untilMs = this.nowMs + ms; this.nowMs < untilMs; this.nowMs += 50) {
      for (const [id, tookMs = 0] of Object.entries(disks)) this.#writeOn(id, tookMs, writes);
      if (this.nowMs >= this.#lookAtMs) this.#look(disks);
    }
  }

  #writeOn(id: string, tookMs: number, writes: boolean): void {
    const { count, seconds, slow } = this.#fsyncs.get(id) ?? { count: 0, seconds: 0, slow: 0 };
    this.#fsyncs.set(id, { count, seconds, slow });
    const under = this.#endsAtMs.get(id);
    if (under && under.endsMs > this.nowMs) return;
    if (under) {
      const more = under.tookMs > 128 ? 1 : 0;
      this.#fsyncs.set(id, { count: count + 1, seconds: seconds + under.tookMs / 1_000, slow: slow + more });
    }
    this.#endsAtMs.delete(id);
    if (writes) this.#endsAtMs.set(id, { endsMs: this.nowMs + tookMs, tookMs });
  }

  #look(disks: Readonly<Record<string, number | undefined>>): void {
    this.looks += 1;
    const own = this.#fsyncs.get('a') ?? { count: 0, seconds: 0, slow: 0 };
    const answering = [...this.#fsyncs].filter(([id]) => id !== 'a' && disks[id] !== undefined);
    const others = new Map(wantsOthers(this.watch, own) ? answering : []);
    const look = { nowMs: this.nowMs, own, others, voters: Object.keys(disks).length };
    const { watch, moveTo } = judge(this.watch, look);
    this.watch = watch;
    this.#lookAtMs = this.nowMs + nextLookMs(watch, this.nowMs);
    if (moveTo !== undefined) this.moves.push({ to: moveTo, atMs: this.nowMs });
  }

  get movedTo(): string[] {
    return this.moves.map(({ to }) => to);
  }
}

test('the lead goes to the fastest member within 1.3 seconds from when the disk under it turned slow', (t) => {
  for (let phaseMs = 0; phaseMs < 500; phaseMs += 50) {
    const world = new World();
    world.pass(60_000 + phaseMs, { a: 5, b: 4, c: 6 });
    t.deepEqual(world.moves, []);
    const fromMs = world.nowMs;
    world.pass(3_000, { a: 200, b: 7, c: 5 });
    t.deepEqual(world.movedTo, ['c']);
    t.true(
      (world.moves[0]?.atMs ?? Number.NaN) - fromMs <= 1_300,
      `moved after ${world.moves[0]?.atMs} - ${fromMs} ms`,
    );
  }
});

test('a single slow fsync is not enough, however long it takes', (t) => {
  for (const slowMs of [150, 300, 900, 4_000]) {
    const world = new World();
    for (let time = 0; time < 10; time += 1) {
      world.pass(3_000, { a: 5, b: 5, c: 5 });
      world.pass(50, { a: slowMs, b: 5, c: 5 });
      world.pass(slowMs, { a: 5, b: 5, c: 5 });
    }
    t.deepEqual(world.moves, [], `${slowMs} ms`);
  }
});

test('the lead stays where others are slow too, or a majority of fast ones cannot be seen, and few looks are spent on it', (t) => {
  for (const disks of [
    { a: 200, b: 200, c: 200 },
    { a: 200, b: 5, c: 100 },
    { a: 200, b: 5, c: undefined },
    { a: 200, b: 5 },
    { a: 200 },
    { a: 90, b: 1, c: 1 },
  ]) {
    const world = new World();
    world.pass(120_000, disks);
    t.deepEqual(world.moves, [], JSON.stringify(disks));
    t.true(world.looks <= 241, `${JSON.stringify(disks)}: ${world.looks}`);
  }
});

test('others that were slow for a moment as well are no obstacle for long', (t) => {
  const world = new World();
  world.pass(2_000, { a: 5, b: 5, c: 5 });
  world.pass(1_000, { a: 300, b: 300, c: 300 });
  t.deepEqual(world.moves, []);
  world.pass(5_000, { a: 300, b: 5, c: 5 });
  t.deepEqual(world.movedTo, ['b']);
});

test('of five, three fast ones are enough', (t) => {
  const world = new World();
  world.pass(1_000, { a: 5, b: 5, c: 5, d: 4, e: 6 });
  world.pass(3_000, { a: 200, b: 200, c: 5, d: 4, e: 6 });
  t.deepEqual(world.movedTo, ['d']);
});

test('a move that came to nothing is tried again after a minute, not sooner', (t) => {
  const world = new World();
  world.pass(58_000, { a: 200, b: 5, c: 6 });
  t.is(world.moves.length, 1);
  world.pass(10_000, { a: 200, b: 5, c: 6 });
  t.is(world.moves.length, 2);
});

test('a disk that ends nothing between two looks is judged by what it ends later, and a restart begins anew', (t) => {
  const world = new World();
  world.pass(2_000, { a: 5, b: 5, c: 5 });
  world.pass(400, { a: 300, b: 5, c: 5 });
  world.pass(5_000, { a: 300, b: 5, c: 5 }, false);
  t.deepEqual(world.moves, []);
  world.pass(3_000, { a: 300, b: 5, c: 5 });
  t.deepEqual(world.movedTo, ['b']);
  const before = { ...nothingSeen, own: { count: 1_000, seconds: 1, slow: 0 } };
  const own = { count: 10, seconds: 9, slow: 9 };
  t.is(judge(before, { nowMs: 1, own, others: new Map(), voters: 3 }).watch.suspicion, undefined);
});

test("etcd's figures are read from its metrics", (t) => {
  const text = [
    '# TYPE etcd_disk_wal_fsync_duration_seconds histogram',
    'etcd_disk_wal_fsync_duration_seconds_bucket{le="0.001"} 3',
    'etcd_disk_wal_fsync_duration_seconds_bucket{le="0.128"} 3',
    'etcd_disk_wal_fsync_duration_seconds_sum 0.0025',
    'etcd_disk_wal_fsync_duration_seconds_count 4',
    'etcd_server_is_leader 1',
    '',
  ].join('\n');
  t.deepEqual(readMetrics(text), { leads: true, fsyncs: { count: 4, seconds: 0.0025, slow: 1 } });
  t.deepEqual(readMetrics('\netcd_server_is_leader 0\n'), { leads: false, fsyncs: { count: 0, seconds: 0, slow: 0 } });
});
