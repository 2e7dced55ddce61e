/**
 * A way to make Services work on this node. `iptables` programs the kernel; `none` only watches, for nodes that are simulated.
 */
import type { ServicePortState } from './service-ports.ts';

export interface ProxyMode {
  readonly name: string;
  /**
   * Makes `states` true, and what is no longer in them untrue. It is called one call at a time. `verify` asks to look at what
   * is really there, because others may have changed it.
   */
  sync(states: readonly ServicePortState[], options: { verify: boolean }): Promise<void>;
}

export const noProxy: ProxyMode = { name: 'none', sync: async () => {} };
