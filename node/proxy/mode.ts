/**
 * A way to make Services work on this node. `iptables` has the kernel choose endpoints, `userspace` this process; `none`
 * only watches, for nodes that are simulated.
 */
import type { ServicePortState } from './service-ports.ts';

export const proxyModes = ['iptables', 'userspace', 'none'] as const;
export type ProxyModeName = (typeof proxyModes)[number];

export interface ProxyMode {
  readonly name: ProxyModeName;
  /**
   * Makes `states` true, and what is no longer in them untrue. It is called one call at a time. `verify` asks to look at what
   * is really there, because others may have changed it.
   */
  sync(states: readonly ServicePortState[], options: { verify: boolean }): Promise<void>;
  /** Gives back what this process holds. What is in the kernel stays. */
  close(): void;
}

export const noProxy: ProxyMode = { name: 'none', sync: async () => {}, close: () => {} };
