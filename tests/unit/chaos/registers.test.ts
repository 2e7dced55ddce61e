import test from 'ava';
import type { RegisterRead, RegisterSwap } from '../../chaos/load/history.ts';
import { chainOf, checkRegister } from '../../chaos/oracles/registers.ts';
import { Random } from '../../support/random.ts';

const read = (fromMs: number, toMs: number, value?: string): RegisterRead => ({
  ...{ kind: 'read', object: 'r', client: 'c', fromMs, toMs, value },
});
const swap = (
  [fromMs, toMs]: readonly [number, number],
  expected: string | undefined,
  value: string,
  outcome: RegisterSwap['outcome'] = 'done',
): RegisterSwap => ({ kind: 'swap', object: 'r', client: 'c', fromMs, toMs, expected, value, outcome });

const first = swap([0, 10], undefined, 'a');

test('a history without faults passes', (t) => {
  const history = [
    first,
    read(11, 12, 'a'),
    swap([13, 20], 'a', 'b'),
    read(15, 16, 'a'),
    read(17, 18, 'b'),
    read(30, 31, 'b'),
  ];
  t.deepEqual(checkRegister(history), []);
});

test('a read may show either side of a write that is under way', (t) => {
  t.deepEqual(checkRegister([first, swap([20, 40], 'a', 'b'), read(21, 39, 'a'), read(22, 38, 'b')]), []);
});

test('a stale read is found', (t) => {
  t.is(checkRegister([first, swap([20, 30], 'a', 'b'), read(31, 40, 'a')]).length, 1);
  t.is(checkRegister([first, read(11, 12, undefined)]).length, 1);
});

test('two reads that go back are found, also while the write is under way', (t) => {
  const write = swap([20, 100], 'a', 'b');
  t.is(checkRegister([first, write, read(30, 40, 'b'), read(50, 60, 'a')]).length, 1);
  t.deepEqual(checkRegister([first, write, read(30, 40, 'a'), read(50, 60, 'b')]), []);
});

test('a value that is read before it was sent is found', (t) => {
  t.is(checkRegister([first, swap([50, 60], 'a', 'b'), read(20, 30, 'b')]).length, 1);
});

test('a lost acknowledged write is found', (t) => {
  // b was acknowledged, and c replaced a as if b had never been.
  t.regex(checkRegister([first, swap([20, 30], 'a', 'b'), swap([40, 50], 'a', 'c')])[0] ?? '', /replaced twice/);
  // b was acknowledged, and afterwards a is there again.
  t.is(checkRegister([first, swap([20, 30], 'a', 'b'), read(90, 91, 'a')]).length, 1);
});

test('a write without an answer may be applied at once, late or never', (t) => {
  const lost = swap([20, 30], 'a', 'b', 'unknown');
  t.deepEqual(checkRegister([first, lost, read(90, 91, 'a')]), []);
  t.deepEqual(checkRegister([first, lost, read(40, 41, 'a'), read(90, 91, 'b')]), []);
  t.is(checkRegister([first, lost, read(40, 41, 'b'), read(90, 91, 'a')]).length, 1);
});

test('a refused write that took effect is found', (t) => {
  const history = [first, swap([20, 30], 'a', 'b', 'conflict'), swap([20, 30], 'a', 'x'), read(90, 91, 'b')];
  t.regex(checkRegister(history)[0] ?? '', /had been refused/);
});

test('a write that was refused although nothing had changed is found', (t) => {
  t.regex(checkRegister([first, swap([20, 30], 'a', 'b', 'conflict')])[0] ?? '', /nothing replaced it/);
  t.is(checkRegister([first, swap([20, 30], 'a', 'b', 'conflict'), swap([40, 50], 'a', 'c')]).length, 1);
  t.deepEqual(checkRegister([first, swap([20, 30], 'a', 'b', 'conflict'), swap([25, 50], 'a', 'c')]), []);
});

test('values that nobody wrote, and writes over values that were never there, are found', (t) => {
  t.regex(checkRegister([first, read(20, 21, 'ghost')])[0] ?? '', /nobody wrote it/);
  t.true(checkRegister([swap([0, 1], 'ghost', 'b')]).length > 0);
});

test('the order of the writes comes from the values', (t) => {
  const history = [swap([5, 99], 'b', 'c'), first, swap([2, 98], 'a', 'b', 'unknown')];
  t.deepEqual(chainOf(history).values, ['a', 'b', 'c']);
});

/** A register that does each operation at one moment, as it should be, under clients that overlap. */
function simulated(random: Random): (RegisterRead | RegisterSwap)[] {
  const operations: (RegisterRead | RegisterSwap)[] = [];
  let current: string | undefined;
  const known = new Map<number, { value: string | undefined; freeMs: number }>();
  for (let atMs = 0, serial = 0; serial < 60; serial += 1) {
    atMs += random.between(1, 10);
    const client = Math.floor(random.between(0, 4));
    const { value: expected, freeMs } = known.get(client) ?? { value: undefined, freeMs: 0 };
    const [fromMs, toMs] = [Math.max(freeMs, atMs - random.between(0, 30)), atMs + random.between(0, 30)];
    // A client does one thing after another; its own answer must be there before it begins again.
    if (fromMs > atMs) continue;
    if (random.chance(0.5)) {
      operations.push(read(fromMs, toMs, current));
      known.set(client, { value: current, freeMs: toMs });
      continue;
    }
    const applied = current === expected;
    const outcome = random.chance(0.2) ? 'unknown' : applied ? 'done' : 'conflict';
    operations.push(swap([fromMs, toMs], expected, `v${serial}`, outcome));
    if (applied) current = `v${serial}`;
    known.set(client, { value: outcome === 'done' ? `v${serial}` : expected, freeMs: toMs });
  }
  return operations;
}

test('no history of a register that works is refused, and most with one late answer moved are', (t) => {
  let found = 0;
  let tried = 0;
  for (let seed = 0; seed < 300; seed += 1) {
    const operations = simulated(new Random(seed));
    t.deepEqual(checkRegister(operations), [], `seed ${seed}`);
    const written = operations.filter((operation) => operation.kind === 'swap' && operation.outcome === 'done');
    const old = written[0];
    if (written.length < 3 || old?.kind !== 'swap') continue;
    tried += 1;
    if (checkRegister([...operations, read(9_000, 9_001, old.value)]).length > 0) found += 1;
  }
  t.true(tried > 100);
  t.is(found, tried);
});
