/**
 * Lets the kernel choose: a Service's chain has a rule for each endpoint, which leads to a chain of that endpoint's own. Pure.
 *
 *   KUBE-SVC-… → one of KUBE-SEP-… → DNAT to a pod
 */
import type { Endpoint, ServicePortState } from '../service-ports.ts';
import { chainName } from './chain-names.ts';
import type { Chains } from './chains.ts';
import type { Spread } from './rules.ts';

export interface EndpointChainsOptions {
  /** Addresses of all pods: traffic from elsewhere to a cluster IP is masqueraded. */
  readonly clusterCidr: string;
  /** `nth` gives each new connection to the next endpoint; `random` chooses, as Kubernetes does. */
  readonly balance: 'nth' | 'random';
}

export const endpointChains = (options: EndpointChainsOptions): Spread => ({
  fill(chain, state, scope, nat) {
    const endpoints = scope === 'all' ? state.endpoints : state.endpoints.filter(({ local }) => local);
    for (const endpoint of endpoints) addEndpoint(state, endpoint, nat);
    addBalancer(chain, endpoints, state, options, nat);
  },
  firewall: () => [],
});

function addEndpoint(state: ServicePortState, endpoint: Endpoint, nat: Chains): void {
  const protocol = state.protocol.toLowerCase();
  const chain = endpointChain(state, endpoint);
  const remember = state.affinitySeconds === undefined ? '' : `-m recent --name ${chain} --set `;
  nat.set(chain, [
    // A pod that reaches itself through its Service would otherwise answer itself directly.
    `-s ${endpoint.address} -j KUBE-MARK-MASQ`,
    `${remember}-m ${protocol} -p ${protocol} -j DNAT --to-destination ${endpoint.address}:${endpoint.port}`,
  ]);
}

function addBalancer(
  chain: string,
  endpoints: readonly Endpoint[],
  state: ServicePortState,
  { clusterCidr, balance }: EndpointChainsOptions,
  nat: Chains,
): void {
  const protocol = state.protocol.toLowerCase();
  const masquerade = `! -s ${clusterCidr} -d ${state.clusterIp} -m ${protocol} -p ${protocol} --dport ${state.port} -j KUBE-MARK-MASQ`;
  const known = state.affinitySeconds === undefined ? [] : endpoints;
  nat.set(chain, [
    masquerade,
    ...known.map((endpoint) => {
      const target = endpointChain(state, endpoint);
      return `-m recent --name ${target} --rcheck --seconds ${state.affinitySeconds} --reap -j ${target}`;
    }),
    ...endpoints.map((endpoint, index) => {
      const left = endpoints.length - index;
      return `${left > 1 ? `${share(left, balance)} ` : ''}-j ${endpointChain(state, endpoint)}`;
    }),
  ]);
}

/** One in `left` of what comes by: the first of n takes a share of n, the next one of n − 1, the last what is left. */
function share(left: number, balance: EndpointChainsOptions['balance']): string {
  return balance === 'nth'
    ? `-m statistic --mode nth --every ${left} --packet 0`
    : `-m statistic --mode random --probability ${(1 / left).toFixed(10)}`;
}

function endpointChain(state: ServicePortState, { address, port }: Endpoint): string {
  return chainName('SEP', state, `${address}:${port}`);
}
