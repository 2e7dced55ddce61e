/** Counts by place: a place is the nodes that have one value of a label. */
import type { NodeInfo } from './node-info.ts';

export class TopologyCounts {
  readonly #counts = new Map<string, Map<string, number>>();

  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  /** Counts for the place that the node is in; nowhere if it does not have the label. */
  add(topologyKey: string, node: NodeInfo, amount: number): void {
    const value = placeOf(node, topologyKey);
    if (value === undefined) return;
    const counts = this.#counts.get(topologyKey) ?? new Map<string, number>();
    this.#counts.set(topologyKey, counts);
    counts.set(value, (counts.get(value) ?? 0) + amount);
  }

  /** The count of the place that the node is in; 0 if it is in none. */
  at(topologyKey: string, node: NodeInfo): number {
    const value = placeOf(node, topologyKey);
    return value === undefined ? 0 : (this.#counts.get(topologyKey)?.get(value) ?? 0);
  }

  /** The sum over the places that the node is in. */
  total(node: NodeInfo): number {
    let sum = 0;
    for (const key of this.#counts.keys()) sum += this.at(key, node);
    return sum;
  }

  /** Whether the node is in any place that something was counted for. */
  touches(node: NodeInfo): boolean {
    for (const key of this.#counts.keys()) if (this.at(key, node) > 0) return true;
    return false;
  }

  places(topologyKey: string): ReadonlyMap<string, number> {
    return this.#counts.get(topologyKey) ?? new Map();
  }
}

/** The value of the label that the node has. */
export const placeOf = ({ node }: NodeInfo, topologyKey: string): string | undefined =>
  node?.metadata?.labels?.[topologyKey];
