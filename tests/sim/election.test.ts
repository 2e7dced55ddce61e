/**
 * Leader election under faults, thousands of seeds: clocks that drift, messages lost and delayed, partitions, pauses,
 * crashes and clean stops. A failure names its seed; run it alone with SEED=<n>.
 */
import test from 'ava';
import { handOverMs } from '../../master/api/election.ts';
import { ElectionWorld, timings } from './election-world.ts';

const only = process.env.SEED;
const seeds = only ? [Number(only)] : Array.from({ length: 2_000 }, (_, i) => i + 1);

/** Breaks things for a while. */
function disturb(world: ElectionWorld): void {
  world.faults.loss = world.random.between(0, 0.4);
  world.faults.maxDelayMs = world.random.between(5, 1_500);
  for (let i = 0; i < 12; i += 1) {
    const elector = world.electors[Math.floor(world.random.between(0, world.electors.length))];
    if (!elector) continue;
    const fault = world.random.next();
    if (fault < 0.25) elector.partitioned = !elector.partitioned;
    else if (fault < 0.5) elector.pausedUntilMs = world.nowMs + world.random.between(100, 8_000);
    else if (fault < 0.6) world.crash(elector);
    else if (fault < 0.7) world.crashUnderSupervisor(elector);
    else if (fault < 0.9) world.restart(elector);
    else world.stop(elector);
    world.run(world.random.between(50, 2_500));
  }
}

test('no write of an older generation is accepted once a newer one was, whatever happens', (t) => {
  for (const seed of seeds) {
    const world = new ElectionWorld(seed);
    world.run(2_000);
    disturb(world);
    const writerOf = new Map<number, string>();
    let newest = 0;
    for (const write of world.writes.filter(({ accepted }) => accepted)) {
      if (write.generation < newest) t.fail(`seed ${seed}: generation ${write.generation} wrote after ${newest}`);
      newest = write.generation;
      const writer = writerOf.get(write.generation) ?? write.by;
      if (writer !== write.by) t.fail(`seed ${seed}: ${writer} and ${write.by} both wrote in generation ${newest}`);
      writerOf.set(write.generation, writer);
    }
  }
  t.pass();
});

test('after healing exactly one leads, soon, and its writes are accepted', (t) => {
  for (const seed of seeds) {
    const world = new ElectionWorld(seed);
    disturb(world);
    for (const elector of world.electors) if (elector.state.stopping) world.crash(elector);
    world.heal();
    // One lease that runs out on the slowest clock, the longest wait for a write, and a try after it.
    world.run(timings.leaseDurationMs * 1.1 + timings.retryPeriodMs * 5 + 1_500);
    const from = world.writes.length;
    world.run(1_000);
    const leaders = world.electors.filter(({ state }) => state.role.name === 'leading');
    if (leaders.length !== 1) t.fail(`seed ${seed}: ${leaders.length} leaders after healing`);
    const late = world.writes.slice(from);
    if (late.length < 5 || late.some(({ accepted }) => !accepted)) t.fail(`seed ${seed}: the leader cannot write`);
  }
  t.pass();
});

test('without faults the first leader keeps the lead', (t) => {
  for (const seed of seeds.slice(0, 200)) {
    const world = new ElectionWorld(seed);
    world.run(60_000);
    t.is(world.lease?.generation, 1, `seed ${seed}`);
  }
});

test('a clean stop hands the lead over at once, whatever is under way and however slow its work is to end', (t) => {
  for (const seed of seeds.slice(0, 1_000)) {
    const world = new ElectionWorld(seed);
    world.run(2_000 + world.random.between(0, timings.retryPeriodMs));
    const leader = world.electors.find(({ state }) => state.role.name === 'leading');
    if (!leader) return t.fail(`seed ${seed}: nobody leads after 2 s`);
    world.stop(leader);
    world.run(handOverMs + 50);
    const next = world.electors.find(({ state }) => state.role.name === 'leading');
    t.truthy(next && next !== leader, `seed ${seed}`);
  }
});

test('a leader that crashes alone is followed at once, because its supervisor releases the lease', (t) => {
  for (const seed of seeds.slice(0, 1_000)) {
    const world = new ElectionWorld(seed);
    world.run(2_000 + world.random.between(0, timings.retryPeriodMs));
    const leader = world.electors.find(({ state }) => state.role.name === 'leading');
    if (!leader) return t.fail(`seed ${seed}: nobody leads after 2 s`);
    world.crashUnderSupervisor(leader);
    world.run(100);
    const next = world.electors.find(({ state, crashed }) => !crashed && state.role.name === 'leading');
    t.truthy(next, `seed ${seed}`);
  }
});

test('no two believe that they lead at once, however late and lossy messages are, unless one is paused', (t) => {
  for (const seed of seeds) {
    const world = new ElectionWorld(seed);
    world.faults.loss = world.random.between(0, 0.4);
    world.faults.maxDelayMs = world.random.between(5, 1_500);
    for (let i = 0; i < 500; i += 1) {
      const elector = world.electors[Math.floor(world.random.between(0, 30))];
      if (elector) elector.partitioned = !elector.partitioned;
      world.run(20);
      const leaders = world.electors.filter(({ state }) => state.role.name === 'leading');
      if (leaders.length > 1) return t.fail(`seed ${seed}: ${leaders.map(({ name }) => name)} at ${world.nowMs} ms`);
    }
  }
  t.pass();
});
