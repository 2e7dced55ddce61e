/**
 * Makes Services work by this process: the rules send what is for a Service to a port of kube-proxy's own (a portal), which
 * passes it on. Unlike the kernel it notices an endpoint that does not answer, and takes the next one. It costs a copy of all
 * bytes, and connections end with the process.
 *
 * Portals listen on the node's own address, and take only what the rules have sent.
 */
import type { Logger } from '../../../master/api/logging.ts';
import { IptablesMode } from '../iptables/iptables-mode.ts';
import type { Spread } from '../iptables/rules.ts';
import type { ProxyMode } from '../mode.ts';
import type { ServicePortState } from '../service-ports.ts';
import { Portals } from './portals.ts';

export interface UserspaceOptions {
  readonly clusterCidr: string;
  readonly podCidr: () => string | undefined;
  /** The node's address, once it is known. */
  readonly nodeIp: () => string | undefined;
  readonly logger: Logger;
}

export class UserspaceMode implements ProxyMode {
  readonly name = 'userspace';
  readonly #options: UserspaceOptions;
  readonly #portals: Portals;
  readonly #rules: IptablesMode;
  #nodeIp = '';

  constructor(options: UserspaceOptions) {
    this.#options = options;
    this.#portals = new Portals(options.logger);
    this.#rules = new IptablesMode({ ...options, spread: this.#toPortals });
  }

  async sync(states: readonly ServicePortState[], options: { verify: boolean }): Promise<void> {
    const nodeIp = this.#options.nodeIp();
    if (nodeIp === undefined) throw new Error('the node has no address yet');
    this.#nodeIp = nodeIp;
    await this.#portals.update(states, nodeIp);
    await this.#rules.sync(states, options);
    this.#portals.closeAllBut(states);
  }

  close(): void {
    this.#portals.closeAllBut([]);
  }

  readonly #toPortals: Spread = {
    fill: (chain, state, scope, nat) => {
      const port = this.#portals.portFor(state, scope);
      const protocol = state.protocol.toLowerCase();
      const to = `${this.#nodeIp}:${port}`;
      nat.set(chain, port ? [`-m ${protocol} -p ${protocol} -j DNAT --to-destination ${to}`] : []);
    },
    firewall: () =>
      this.#portals.list().map(([name, port]) => {
        const protocol = name.toLowerCase();
        const direct = '-m comment --comment "only by way of a service" -m conntrack ! --ctstate DNAT';
        return `${direct} -d ${this.#nodeIp} -m ${protocol} -p ${protocol} --dport ${port} -j REJECT`;
      }),
  };
}
