import test from 'ava';
import { createPool } from '../../../../lb/core/pool.ts';
import type { BackendState, PoolState } from '../../../../lb/core/pool-state.ts';
import { overfull } from '../../../../lb/core/rebalance.ts';

function pool(connections: readonly number[], change: Partial<BackendState> = {}): PoolState {
  const checks = { checkIntervalMs: 1, checkTimeoutMs: 1, suspectTimeoutMs: 1, recheckMs: 1, fall: 1, rise: 1 };
  const addresses = connections.map((_, i) => ({ name: 'abc'[i] ?? '', host: 'h', port: 1 }));
  const state = createPool({ ...checks, slowStartMs: 10_000, random: () => 0 }, addresses, 0);
  const backends = state.backends.map((backend, i): BackendState => {
    const full: BackendState = { ...backend, health: { kind: 'up' }, connections: connections[i] ?? 0 };
    return i === connections.length - 1 ? { ...full, ...change } : full;
  });
  return { ...state, backends };
}

test('the fullest backend gives one up when another has far fewer', (t) => {
  t.is(overfull(pool([30, 31, 0]), 0), 'b');
  t.is(overfull(pool([3, 3, 0]), 0), 'a');
});

test('differences as chance makes them are left alone, so that the moving ends', (t) => {
  for (const connections of [[], [7], [0, 0, 0], [1, 1, 0], [2, 1, 0], [3, 2, 1], [24, 20, 16], [100, 80, 60]]) {
    t.is(overfull(pool(connections), 0), undefined, connections.join());
  }
});

test('nothing moves to a backend that is not up, drains, has an open breaker or has just come back', (t) => {
  for (const change of [
    { health: { kind: 'down', failure: 'silent', passes: 0 } },
    { health: { kind: 'suspect', failures: 0 } },
    { draining: true },
    { breakerOpenUntil: 1_001 },
    { returnedAt: 0 },
  ] as const) {
    t.is(overfull(pool([9, 9, 0], change), 1_000), undefined, JSON.stringify(change));
  }
  t.is(overfull(pool([9, 9, 0], { returnedAt: 0 }), 10_000), 'a');
});
