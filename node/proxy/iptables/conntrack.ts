/**
 * Connections that the kernel remembers and that have become wrong. For TCP the client notices; UDP has no end, so a flow would
 * go on to an address that is gone, or find no endpoint, for as long as the client keeps sending.
 */
import type { ServicePortState } from '../service-ports.ts';

/** Arguments of `conntrack` for each set of remembered flows to forget when `before` becomes `after`. */
export function staleFlows(before: readonly ServicePortState[], after: readonly ServicePortState[]): string[][] {
  const now = new Map(after.map((state) => [keyOf(state), state]));
  const then = new Map(before.map((state) => [keyOf(state), state]));
  const stale: string[][] = [];
  for (const state of before.filter(isUdp)) {
    const left = new Set(now.get(keyOf(state))?.endpoints.map(({ address }) => address));
    for (const { address } of state.endpoints) {
      if (!left.has(address)) stale.push(...flowsOf(state, ['--dst-nat', address]));
    }
  }
  for (const state of after.filter(isUdp)) {
    // Flows from the time without endpoints were not translated at all.
    if (state.endpoints.length > 0 && !then.get(keyOf(state))?.endpoints.length) stale.push(...flowsOf(state, []));
  }
  return stale;
}

function flowsOf(state: ServicePortState, more: readonly string[]): string[][] {
  const flows = [state.clusterIp, ...state.externalIps].map((ip) => ['-D', '-p', 'udp', '--orig-dst', ip, ...more]);
  if (state.nodePort) flows.push(['-D', '-p', 'udp', '--orig-port-dst', String(state.nodePort), ...more]);
  return flows;
}

function isUdp({ protocol }: ServicePortState): boolean {
  return protocol === 'UDP';
}

function keyOf({ name, protocol }: ServicePortState): string {
  return `${name}/${protocol}`;
}
