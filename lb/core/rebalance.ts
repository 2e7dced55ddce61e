/**
 * Which backend has too many of the open connections. Clients keep theirs for hours, so a master that returns would stay
 * idle while the others carry its load; moving a connection means closing it, so this is done seldom and one at a time. Pure.
 */
import type { BackendState, PoolState } from './pool-state.ts';

/** A difference of so many is chance. */
const leastDifference = 2;
/** A difference of less than this share of the mean is not worth anybody's reconnect. */
const leastShare = 0.5;

/** The backend that one connection should leave, if another one that is fit has far fewer. */
export function overfull(state: PoolState, now: number): string | undefined {
  const fit = state.backends.filter((backend) => isFit(backend, state.config.slowStartMs, now));
  const [first] = fit;
  if (first === undefined) return undefined;
  const fullest = fit.reduce((a, b) => (b.connections > a.connections ? b : a), first);
  const emptiest = fit.reduce((a, b) => (b.connections < a.connections ? b : a), first);
  const mean = fit.reduce((sum, { connections }) => sum + connections, 0) / fit.length;
  const difference = fullest.connections - emptiest.connections;
  return difference > Math.max(leastDifference, leastShare * mean) ? fullest.name : undefined;
}

/** Takes its full share of new connections. */
function isFit(backend: BackendState, slowStartMs: number, now: number): boolean {
  return (
    backend.health.kind === 'up' &&
    !backend.draining &&
    backend.breakerOpenUntil <= now &&
    now - backend.returnedAt >= slowStartMs
  );
}
