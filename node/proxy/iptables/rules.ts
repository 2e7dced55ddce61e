/**
 * The iptables rules that lead to Services: what a connection to a Service's address meets, chain by chain, up to the chain that
 * chooses an endpoint, which a `Spread` fills. Pure. Names of chains and marks are those of Kubernetes, so what an operator
 * knows of kube-proxy holds here.
 *
 *   KUBE-SERVICES    → by cluster IP and port → KUBE-SVC-…
 *   KUBE-NODEPORTS   → by node port           → KUBE-EXT-… → KUBE-SVC-…, or KUBE-SVL-… for local endpoints only
 *   KUBE-POSTROUTING → masquerades what was marked: hairpins, and connections from outside that the pod must answer through here
 */
import type { ServicePortState } from '../service-ports.ts';
import { chainName } from './chain-names.ts';
import type { Chains, Jump } from './chains.ts';

/** Which endpoints may take a connection: any, or those of this node. */
export type Scope = 'all' | 'local';

/** How connections come from a Service's chain to its endpoints. */
export interface Spread {
  /** Puts `chain` into `nat`, and what it needs beside it. */
  fill(chain: string, state: ServicePortState, scope: Scope, nat: Chains): void;
  /** Rules for KUBE-FIREWALL: what must not come in. */
  firewall(): readonly string[];
}

export interface RuleOptions {
  /** Addresses of all pods. */
  readonly clusterCidr: string;
  readonly spread: Spread;
  /** Addresses of this node's pods, once known: what they send out of the cluster leaves under the node's address. */
  readonly podCidr?: string;
}

export interface Rules {
  readonly nat: Chains;
  readonly filter: Chains;
}

export const natJumps: readonly Jump[] = [
  { from: 'PREROUTING', to: 'KUBE-SERVICES' },
  { from: 'OUTPUT', to: 'KUBE-SERVICES' },
  { from: 'POSTROUTING', to: 'TRIMASTER-POSTROUTING' },
  { from: 'POSTROUTING', to: 'KUBE-POSTROUTING' },
];

const newConnection = '-m conntrack --ctstate NEW';

export const filterJumps: readonly Jump[] = [
  { from: 'INPUT', to: 'KUBE-EXTERNAL-SERVICES', match: newConnection },
  { from: 'FORWARD', to: 'KUBE-EXTERNAL-SERVICES', match: newConnection },
  { from: 'FORWARD', to: 'KUBE-SERVICES', match: newConnection },
  { from: 'OUTPUT', to: 'KUBE-SERVICES', match: newConnection },
  { from: 'FORWARD', to: 'KUBE-FORWARD' },
  { from: 'INPUT', to: 'KUBE-FIREWALL' },
];

const masqueradeMark = '0x4000/0x4000';

export function buildRules(states: readonly ServicePortState[], options: RuleOptions): Rules {
  const { clusterCidr, podCidr, spread } = options;
  const services: string[] = [];
  const nodePorts: string[] = [];
  const refused: string[] = [];
  const refusedOutside: string[] = [];
  const nat: Chains = new Map([
    ['KUBE-SERVICES', services],
    ['KUBE-NODEPORTS', nodePorts],
    ['KUBE-MARK-MASQ', ['-j MARK --or-mark 0x4000']],
    [
      'KUBE-POSTROUTING',
      [
        `-m mark ! --mark ${masqueradeMark} -j RETURN`,
        // The mark must not be met again, should the packet come by a second time.
        '-j MARK --xor-mark 0x4000',
        `-m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully`,
      ],
    ],
    [
      'TRIMASTER-POSTROUTING',
      podCidr
        ? [
            `-s ${podCidr} ! -d ${clusterCidr} -m comment --comment "pods leave the cluster as their node" -j MASQUERADE`,
          ]
        : [],
    ],
  ]);
  for (const state of states) {
    addService(state, options, { nat, services, nodePorts, refused, refusedOutside });
  }
  services.push('-m comment --comment "kubernetes service nodeports" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS');
  const filter: Chains = new Map([
    ['KUBE-SERVICES', refused],
    ['KUBE-EXTERNAL-SERVICES', refusedOutside],
    [
      'KUBE-FORWARD',
      [
        // A packet that conntrack does not know would be sent on without address translation and reset the connection.
        '-m conntrack --ctstate INVALID -j DROP',
        `-m comment --comment "kubernetes forwarding rules" -m mark --mark ${masqueradeMark} -j ACCEPT`,
        '-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      ],
    ],
    [
      'KUBE-FIREWALL',
      // Node ports answer on 127.0.0.1 too, which takes route_localnet; nobody outside may use that (CVE-2020-8558).
      [
        '-m comment --comment "block incoming localnet connections" -d 127.0.0.0/8 ! -s 127.0.0.0/8 ' +
          '-m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP',
        ...spread.firewall(),
      ],
    ],
  ]);
  return { nat, filter };
}

interface Tables {
  readonly nat: Chains;
  readonly services: string[];
  readonly nodePorts: string[];
  readonly refused: string[];
  readonly refusedOutside: string[];
}

function addService(state: ServicePortState, options: RuleOptions, tables: Tables): void {
  const { name, clusterIp, port, externalIps, nodePort, endpoints } = state;
  const protocol = state.protocol.toLowerCase();
  const to = (address: string) => `-m ${protocol} -p ${protocol} -d ${address} --dport ${port}`;
  const toNodePort = `-m addrtype --dst-type LOCAL -m ${protocol} -p ${protocol} --dport ${nodePort}`;
  const comment = (text: string) => `-m comment --comment "${name} ${text}"`;

  if (endpoints.length === 0) {
    const reject = `${comment('has no endpoints')}`;
    tables.refused.push(`${reject} ${to(clusterIp)} -j REJECT`);
    for (const ip of externalIps) tables.refusedOutside.push(`${reject} ${to(ip)} -j REJECT`);
    if (nodePort) tables.refusedOutside.push(`${reject} ${toNodePort} -j REJECT`);
    return;
  }

  const hasLocal = endpoints.some((endpoint) => endpoint.local);
  const clusterChain = chainName('SVC', state);
  const localChain = chainName('SVL', state);
  const outsideChain = chainName('EXT', state);
  const hasOutside = externalIps.length > 0 || nodePort !== undefined;
  const outsideIsLocal = hasOutside && state.externalLocal;

  const { spread } = options;
  if (!state.internalLocal || hasOutside) spread.fill(clusterChain, state, 'all', tables.nat);
  if (state.internalLocal || outsideIsLocal) spread.fill(localChain, state, 'local', tables.nat);

  if (state.internalLocal && !hasLocal) {
    tables.refused.push(`${comment('has no local endpoints')} ${to(clusterIp)} -j DROP`);
  } else {
    const chain = state.internalLocal ? localChain : clusterChain;
    tables.services.push(`${comment('cluster IP')} ${to(clusterIp)} -j ${chain}`);
  }

  if (!hasOutside) return;
  for (const ip of externalIps) tables.services.push(`${comment('external IP')} ${to(ip)} -j ${outsideChain}`);
  if (nodePort) {
    tables.nodePorts.push(
      `${comment('node port')} -m ${protocol} -p ${protocol} --dport ${nodePort} -j ${outsideChain}`,
    );
  }
  tables.nat.set(outsideChain, outsideIsLocal ? onlyLocal(clusterChain, localChain, options) : anywhere(clusterChain));
  if (outsideIsLocal && !hasLocal) {
    const drop = comment('has no local endpoints');
    for (const ip of externalIps) tables.refusedOutside.push(`${drop} ${to(ip)} -j DROP`);
    if (nodePort) tables.refusedOutside.push(`${drop} ${toNodePort} -j DROP`);
  }
}

/** The pod may be on another node: its answer must come back through here, so the client's address is hidden. */
function anywhere(clusterChain: string): string[] {
  return ['-j KUBE-MARK-MASQ', `-j ${clusterChain}`];
}

/** Clients from outside keep their address and reach pods of this node alone; the cluster's own are served by all. */
function onlyLocal(clusterChain: string, localChain: string, { clusterCidr }: RuleOptions): string[] {
  return [
    `-s ${clusterCidr} -j ${clusterChain}`,
    '-m addrtype --src-type LOCAL -j KUBE-MARK-MASQ',
    `-m addrtype --src-type LOCAL -j ${clusterChain}`,
    `-j ${localChain}`,
  ];
}
