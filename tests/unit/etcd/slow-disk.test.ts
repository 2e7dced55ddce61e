import test from 'ava';
import { readMetrics } from '../../../master/etcd/disk-watch.ts';
import { type DiskWatch, type Fsyncs, isSlow, judge, nothingSeen } from '../../../master/etcd/slow-disk.ts';

/** A member `a` that leads, with others, looked at each second: what each of their disks takes for one fsync, in ms. */
class World {
  watch: DiskWatch = nothingSeen;
  readonly moves: string[] = [];
  #nowMs = 0;
  readonly #fsyncs = new Map<string, Fsyncs>();

  /** `undefined` for one that does not answer. */
  seconds(count: number, disks: Readonly<Record<string, number | undefined>>, perSecond = 10): void {
    for (let second = 0; second < count; second += 1) {
      this.#nowMs += 1_000;
      for (const [id, ms] of Object.entries(disks)) {
        const { count: before, seconds } = this.#fsyncs.get(id) ?? { count: 0, seconds: 0 };
        const now = { count: before + perSecond, seconds: seconds + (perSecond * (ms ?? 0)) / 1_000 };
        this.#fsyncs.set(id, now);
      }
      const own = this.#fsyncs.get('a') ?? { count: 0, seconds: 0 };
      const answering = [...this.#fsyncs].filter(([id]) => id !== 'a' && disks[id] !== undefined);
      const others = new Map(isSlow(this.watch, own) ? answering : []);
      const { watch, moveTo } = judge(this.watch, {
        nowMs: this.#nowMs,
        own,
        others,
        voters: Object.keys(disks).length,
      });
      this.watch = watch;
      if (moveTo !== undefined) this.moves.push(moveTo);
    }
  }
}

test('the lead goes to the fastest member within three seconds from when the disk under it turned slow', (t) => {
  const world = new World();
  world.seconds(60, { a: 5, b: 4, c: 6 });
  t.deepEqual(world.moves, []);
  world.seconds(3, { a: 200, b: 7, c: 5 });
  t.deepEqual(world.moves, ['c']);
});

test('one slow second is not enough', (t) => {
  const world = new World();
  for (let time = 0; time < 10; time += 1) {
    world.seconds(3, { a: 5, b: 5, c: 5 });
    world.seconds(1, { a: 900, b: 5, c: 5 });
  }
  t.deepEqual(world.moves, []);
});

test('the lead stays where others are slow too, or a majority of fast ones cannot be seen', (t) => {
  for (const disks of [
    { a: 200, b: 200, c: 200 },
    { a: 200, b: 5, c: 100 },
    { a: 200, b: 5, c: undefined },
    { a: 200, b: 5 },
    { a: 200 },
    { a: 90, b: 1, c: 1 },
  ]) {
    const world = new World();
    world.seconds(120, disks);
    t.deepEqual(world.moves, [], JSON.stringify(disks));
  }
});

test('of five, three fast ones are enough', (t) => {
  const world = new World();
  world.seconds(3, { a: 200, b: 200, c: 5, d: 4, e: 6 });
  t.deepEqual(world.moves, ['d']);
});

test('a move that came to nothing is tried again after a minute, not sooner', (t) => {
  const world = new World();
  world.seconds(59, { a: 200, b: 5, c: 6 });
  t.is(world.moves.length, 1);
  world.seconds(10, { a: 200, b: 5, c: 6 });
  t.is(world.moves.length, 2);
});

test('a disk that ends nothing between two looks is judged by what it ends later, and a restart begins anew', (t) => {
  const world = new World();
  world.seconds(2, { a: 5, b: 5, c: 5 });
  world.seconds(1, { a: 300, b: 5, c: 5 });
  world.seconds(5, { a: 300, b: 5, c: 5 }, 0);
  t.deepEqual(world.moves, []);
  world.seconds(1, { a: 300, b: 5, c: 5 });
  t.deepEqual(world.moves, ['b']);
  const restarted = { ...nothingSeen, own: { count: 1_000, seconds: 1 } };
  t.false(isSlow(restarted, { count: 10, seconds: 9 }));
});

test("etcd's figures are read from its metrics", (t) => {
  const text = [
    '# TYPE etcd_disk_wal_fsync_duration_seconds histogram',
    'etcd_disk_wal_fsync_duration_seconds_bucket{le="0.001"} 3',
    'etcd_disk_wal_fsync_duration_seconds_sum 0.0025',
    'etcd_disk_wal_fsync_duration_seconds_count 4',
    'etcd_server_is_leader 1',
    '',
  ].join('\n');
  t.deepEqual(readMetrics(text), { leads: true, fsyncs: { count: 4, seconds: 0.0025 } });
  t.deepEqual(readMetrics('\netcd_server_is_leader 0\n'), { leads: false, fsyncs: { count: 0, seconds: 0 } });
});
