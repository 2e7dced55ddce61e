/**
 * Balancers that share the network of another container lose it when that one stops, and would then listen in a network
 * that nobody reaches any more. Whoever restarts them puts them into the present one.
 */
import { networkInterfaces } from 'node:os';

/** In a row: a network may be set up anew within a moment. */
const lossesNeeded = 2;

/** Calls back once when this process has only loopback left, after it had more; looks until the signal aborts. */
export function onNetworkLost(
  callback: () => void,
  signal: AbortSignal,
  { hasNetwork = hasOwnAddress, intervalMs = 1_000 } = {},
): void {
  let had = false;
  let losses = 0;
  const timer = setInterval(() => {
    const has = hasNetwork();
    had ||= has;
    losses = has ? 0 : losses + 1;
    if (!had || losses < lossesNeeded) return;
    clearInterval(timer);
    callback();
  }, intervalMs);
  timer.unref();
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}

function hasOwnAddress(): boolean {
  return Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ internal }) => !internal));
}
