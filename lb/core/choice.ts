/**
 * Which backend to try first, and which after it: tiers by health, then the policy inside a tier. Pure.
 *
 * A backend that has just come back (its caches are cold) gets a growing share of the first tries: slow start.
 *
 * All usable backends are in the order, so that a hedge or a retry takes the next one. Backends that are down are in it
 * only when there is no other: a master that answers "not ready" would otherwise win a race and serve errors.
 */
import type { BackendState, PoolConfig, PoolState } from './pool-state.ts';

/**
 * How to order backends that are equally fit. `turn` grows by one with each choice.
 * Every policy gives each of the backends exactly once.
 */
export type Policy = (backends: readonly BackendState[], turn: number) => readonly BackendState[];

export const policies = {
  'round-robin': rotate,
  'least-connections': (backends, turn) => {
    // Rotated first: equals are taken in turn, since the sort is stable.
    return rotate(backends, turn).toSorted((a, b) => a.connections - b.connections);
  },
} as const satisfies Record<string, Policy>;

export type PolicyName = keyof typeof policies;

export const policyNames: readonly string[] = Object.keys(policies);

export function isPolicyName(text: string): text is PolicyName {
  return policyNames.includes(text);
}

/** The names of the backends to try, best first; empty only if there are none at all. */
export function choose(
  state: PoolState,
  policy: PolicyName,
  now: number,
): { readonly state: PoolState; readonly order: readonly string[] } {
  const usable = state.backends.some((backend) => tierOf(backend, now) < firstDownTier);
  const order: string[] = [];
  for (let tier = usable ? 0 : firstDownTier; tier < (usable ? firstDownTier : tierCount); tier++) {
    const equals = state.backends.filter((backend) => tierOf(backend, now) === tier);
    const ordered = policies[policy](equals, state.cursor);
    const held = ordered.filter((backend) => state.config.random() >= warmth(backend, state.config, now));
    for (const backend of ordered) if (!held.includes(backend)) order.push(backend.name);
    for (const backend of held) order.push(backend.name);
  }
  return { state: { ...state, cursor: state.cursor + 1 }, order };
}

/** The share of its turns that a backend takes: grows from a tenth to all in the time of the slow start. */
function warmth({ returnedAt }: BackendState, { slowStartMs }: PoolConfig, now: number): number {
  const sinceMs = now - returnedAt;
  return sinceMs >= slowStartMs ? 1 : Math.max(0.1, sinceMs / slowStartMs);
}

const firstDownTier = 4;
const tierCount = 6;

function tierOf(backend: BackendState, now: number): number {
  if (backend.health.kind === 'down') return backend.health.failure === 'unready' ? firstDownTier : firstDownTier + 1;
  if (backend.draining) return 3;
  if (backend.breakerOpenUntil > now) return 2;
  return backend.health.kind === 'up' ? 0 : 1;
}

function rotate(backends: readonly BackendState[], turn: number): readonly BackendState[] {
  if (backends.length === 0) return backends;
  const start = turn % backends.length;
  return [...backends.slice(start), ...backends.slice(0, start)];
}
