import test from 'ava';
import { choose, type PolicyName, policies, policyNames } from '../../../../lb/core/choice.ts';
import { createPool } from '../../../../lb/core/pool.ts';
import type { BackendState, Health, PoolState } from '../../../../lb/core/pool-state.ts';

const up: Health = { kind: 'up' };
const down = (failure: 'unready' | 'silent'): Health => ({ kind: 'down', failure, passes: 0 });

function pool(backends: Record<string, Partial<BackendState>>, random = () => 0): PoolState {
  const checks = { checkIntervalMs: 1, checkTimeoutMs: 1, suspectTimeoutMs: 1, recheckMs: 1, fall: 1, rise: 1 };
  const config = { ...checks, slowStartMs: 10_000, random };
  const names = Object.keys(backends);
  const state = createPool(
    config,
    names.map((name) => ({ name, host: name, port: 1 })),
    0,
  );
  return {
    ...state,
    backends: state.backends.map((backend) => ({ ...backend, health: up, ...backends[backend.name] })),
  };
}

// One suite for every policy.
for (const name of policyNames as PolicyName[]) {
  test(`${name}: each backend is given exactly once, whatever the turn`, (t) => {
    const { backends } = pool({ a: {}, b: { connections: 4 }, c: { connections: 2 }, d: {} });
    for (let turn = 0; turn < 9; turn++) {
      const order = policies[name](backends, turn).map((backend) => backend.name);
      t.deepEqual(order.toSorted(), ['a', 'b', 'c', 'd']);
    }
  });

  test(`${name}: no backends give none`, (t) => {
    t.deepEqual(policies[name]([], 3), []);
  });

  test(`${name}: the backends are not changed`, (t) => {
    const { backends } = pool({ a: { connections: 3 }, b: {} });
    const before = structuredClone(backends);
    policies[name](backends, 1);
    t.deepEqual(backends, before);
  });

  test(`${name}: equals are first in turn equally often`, (t) => {
    let state = pool({ a: {}, b: {}, c: {} });
    const firsts = new Map<string, number>();
    for (let i = 0; i < 9; i++) {
      const choice = choose(state, name, 0);
      state = choice.state;
      const first = choice.order[0] ?? '';
      firsts.set(first, (firsts.get(first) ?? 0) + 1);
    }
    t.deepEqual([...firsts.values()], [3, 3, 3]);
  });

  test(`${name}: up comes before suspect, an open breaker and draining, and down is left out`, (t) => {
    const state = pool({
      silent: { health: down('silent') },
      draining: { draining: true },
      open: { breakerOpenUntil: 10 },
      suspect: { health: { kind: 'suspect', failures: 1 } },
      up: { connections: 9 },
    });
    t.deepEqual(choose(state, name, 5).order, ['up', 'suspect', 'open', 'draining']);
  });

  test(`${name}: a breaker whose time is over counts no more`, (t) => {
    const state = pool({ a: { breakerOpenUntil: 10 }, b: { health: { kind: 'unknown' } } });
    t.deepEqual(choose(state, name, 10).order, ['a', 'b']);
  });

  test(`${name}: with all down, those that answer are tried first`, (t) => {
    const state = pool({ silent: { health: down('silent') }, unready: { health: down('unready') } });
    t.deepEqual(choose(state, name, 0).order, ['unready', 'silent']);
  });
}

test('least-connections takes the backend with the fewest connections', (t) => {
  const state = pool({ a: { connections: 2 }, b: { connections: 1 }, c: { connections: 3 } });
  for (let turn = 0; turn < 3; turn++) {
    t.deepEqual(choose({ ...state, cursor: turn }, 'least-connections', 0).order, ['b', 'a', 'c']);
  }
});

test('round-robin takes one after the other, whatever their connections', (t) => {
  const state = pool({ a: { connections: 2 }, b: { connections: 1 }, c: { connections: 3 } });
  const orders = [0, 1, 2].map((cursor) => choose({ ...state, cursor }, 'round-robin', 0).order.join(''));
  t.deepEqual(orders, ['abc', 'bca', 'cab']);
});

test('a backend that has just come back is first seldom, then as often as the others', (t) => {
  // A seeded generator: the shares are those of chance, the same each time.
  let seed = 1;
  const random = () => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const shareAt = (now: number) => {
    let state = pool({ a: {}, b: {}, c: { returnedAt: 0 } }, random);
    let firsts = 0;
    for (let i = 0; i < 3_000; i++) {
      const { state: next, order } = choose(state, 'round-robin', now);
      state = next;
      if (order[0] === 'c') firsts++;
      if (order.length !== 3) t.fail('a backend is missing');
    }
    return firsts / 3_000;
  };
  t.true(shareAt(0) < 0.06);
  t.true(Math.abs(shareAt(5_000) - 1 / 6) < 0.04);
  t.true(Math.abs(shareAt(10_000) - 1 / 3) < 0.01);
});

test('a backend that has just come back is first when the others are no better', (t) => {
  const state = pool({ a: { health: { kind: 'suspect', failures: 1 } }, b: { returnedAt: 0 } }, () => 0.99);
  t.deepEqual(choose(state, 'round-robin', 1).order, ['b', 'a']);
});
