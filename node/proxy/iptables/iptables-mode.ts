/**
 * Makes Services work by iptables. Each sync puts each table from its old to its new state in one step; what is left of an
 * earlier run, or was lost since, is found and put right by a verifying sync.
 */
import type { Logger } from '../../../master/api/logging.ts';
import { execute } from '../../network/execute.ts';
import type { ProxyMode } from '../mode.ts';
import type { ServicePortState } from '../service-ports.ts';
import { type Chains, type Jump, parseSave, restoreText } from './chains.ts';
import { staleFlows } from './conntrack.ts';
import { buildRules, filterJumps, natJumps, type RuleOptions } from './rules.ts';

export interface IptablesOptions extends Omit<RuleOptions, 'podCidr'> {
  /** Asked at each sync: the node gets its pods' addresses some time after it has joined. */
  readonly podCidr: () => string | undefined;
  readonly logger: Logger;
}

export class IptablesMode implements ProxyMode {
  readonly name = 'iptables';
  readonly #options: IptablesOptions;
  readonly #written = new Map<string, Chains>();
  #states: readonly ServicePortState[] = [];

  constructor(options: IptablesOptions) {
    this.#options = options;
  }

  async sync(states: readonly ServicePortState[], { verify }: { verify: boolean }): Promise<void> {
    const { clusterCidr, spread, podCidr } = this.#options;
    const { nat, filter } = buildRules(states, { clusterCidr, spread, podCidr: podCidr() });
    // Refusals last: a Service that just got its first endpoint must have its way before it stops being refused.
    await this.#apply('nat', nat, natJumps, verify);
    await this.#apply('filter', filter, filterJumps, verify);
    const flows = staleFlows(this.#states, states);
    this.#states = states;
    await this.#forget(flows);
  }

  close(): void {}

  async #apply(table: string, wanted: Chains, jumps: readonly Jump[], verify: boolean): Promise<void> {
    const written = this.#written.get(table);
    const present = verify || !written ? parseSave(await execute('iptables-save', ['-t', table])) : undefined;
    const text = restoreText({ table, wanted, written, jumps, present });
    if (text === '') return;
    this.#options.logger.debug({ table, text }, 'writing rules');
    try {
      await execute('iptables-restore', ['--wait', '5', '--noflush'], text);
      this.#written.set(table, wanted);
    } catch (error) {
      // What is there now is not known: the next sync looks, and writes everything.
      this.#written.delete(table);
      throw error;
    }
  }

  async #forget(flows: readonly string[][]): Promise<void> {
    for (const flow of flows) {
      try {
        await execute('conntrack', flow);
      } catch (error) {
        const text = String(error);
        // It fails when there was nothing to forget.
        if (!text.includes('0 flow entries')) this.#options.logger.warn({ flow, error: text }, 'cannot forget flows');
      }
    }
  }
}
