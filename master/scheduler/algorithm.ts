/**
 * The choice of a node for one pod: filters leave the nodes that will do, scores pick the best of them. It is pure but for
 * the draw between equals, and takes nothing but the cache, so that it runs in one go and sees one state.
 */
import type { SchedulerCache } from './cache.ts';
import {
  type Cluster,
  maxScore,
  type NodeFilter,
  Normalize,
  type Plugin,
  type Refusal,
  type Score,
} from './framework.ts';
import type { NodeInfo } from './node-info.ts';
import type { PodInfo } from './pod-info.ts';

/** Why a node will not do, and which plugin says so. */
export interface Refused {
  readonly plugin: string;
  readonly refusal: Refusal;
}

export interface RefusedNode extends Refused {
  readonly node: NodeInfo;
}

/** The node, or why each of them will not do. */
export type Choice =
  | { readonly node: string; readonly feasible: number; readonly evaluated: number }
  | { readonly refused: readonly RefusedNode[] };

/** Below this number of nodes all are looked at; above, enough to choose well from. */
const alwaysEnough = 100;

export class Algorithm {
  readonly #filters: readonly Plugin[];
  readonly #clusterFilters: readonly Plugin[];
  readonly #scores: readonly Score[];
  readonly #random: () => number;
  /** Where the next search starts, so that in a large cluster all nodes get their turn. */
  #start = 0;

  constructor(plugins: readonly Plugin[], random: () => number = Math.random) {
    this.#filters = plugins.filter((plugin) => plugin.filter);
    this.#clusterFilters = plugins.filter((plugin) => plugin.filterFor);
    this.#scores = plugins.flatMap((plugin) => plugin.scoring ?? []);
    this.#random = random;
  }

  choose(pod: PodInfo, cache: SchedulerCache): Choice {
    const nodes = cache.nodes();
    const wanted = nodesWanted(nodes.length);
    const feasible: NodeInfo[] = [];
    const refused: RefusedNode[] = [];
    const filter = this.filterOf(pod, cache);
    let evaluated = 0;
    for (; evaluated < nodes.length && feasible.length < wanted; evaluated++) {
      const node = nodes[(this.#start + evaluated) % nodes.length]!;
      const no = filter(node);
      if (no) refused.push({ ...no, node });
      else feasible.push(node);
    }
    if (feasible.length === 0) return { refused };
    this.#start = (this.#start + evaluated) % nodes.length;
    const best = feasible.length === 1 ? feasible[0]! : this.#best(pod, feasible, cache);
    return { node: best.name, feasible: feasible.length, evaluated };
  }

  /** For a node the first filter that refuses it, and why; undefined if the pod can run there. It is true until the cache changes. */
  filterOf(pod: PodInfo, cache: SchedulerCache): (node: NodeInfo) => Refused | undefined {
    const further: { readonly name: string; readonly filter: NodeFilter }[] = [];
    for (const { name, filterFor } of this.#clusterFilters) {
      const filter = filterFor?.(pod, cache);
      if (typeof filter === 'function') further.push({ name, filter });
      else if (filter) return () => ({ plugin: name, refusal: filter });
    }
    const asItIs = (node: NodeInfo): Refused | undefined => {
      const refused = this.#refusal(pod, node);
      if (refused) return refused;
      for (const { name, filter } of further) {
        const refusal = filter(node);
        if (refusal) return { plugin: name, refusal };
      }
      return undefined;
    };
    return (node) => (node.nominated.size === 0 ? undefined : this.#asItWillBe(pod, node)) ?? asItIs(node);
  }

  /** Whether the pod could run on the node as it is now, as far as no pod of another node has a say. */
  mayFit(pod: PodInfo, node: NodeInfo): boolean {
    return node.node !== undefined && this.#refusal(pod, node) === undefined;
  }

  /** The same with the pods there that others made room for, unless the pod matters more than they. */
  #asItWillBe(pod: PodInfo, node: NodeInfo): Refused | undefined {
    const coming = [...node.nominated.values()].filter(
      ({ key, priority }) => key !== pod.key && priority >= pod.priority && !node.pods.has(key),
    );
    for (const each of coming) node.addPod(each);
    const refused = this.#refusal(pod, node);
    for (const { key } of coming) node.removePod(key);
    return refused;
  }

  #refusal(pod: PodInfo, node: NodeInfo): Refused | undefined {
    for (const plugin of this.#filters) {
      const refusal = plugin.filter?.(pod, node);
      if (refusal) return { plugin: plugin.name, refusal };
    }
    return undefined;
  }

  #best(pod: PodInfo, candidates: readonly NodeInfo[], cache: SchedulerCache): NodeInfo {
    const cluster: Cluster = { cache, candidates };
    const totals = new Float64Array(candidates.length);
    for (const scoring of this.#scores) {
      const score = scoring.scorer(pod, cluster);
      if (!score) continue;
      const scores = Float64Array.from(candidates, score);
      normalize(scores, scoring.normalize);
      for (let i = 0; i < totals.length; i++) totals[i]! += scoring.weight * scores[i]!;
    }
    return candidates[this.#highest(totals)]!;
  }

  /** The place of the highest total; among equals each is as likely as the others. */
  #highest(totals: Float64Array): number {
    let best = 0;
    let equals = 1;
    for (let i = 1; i < totals.length; i++) {
      if (totals[i]! > totals[best]!) {
        best = i;
        equals = 1;
      } else if (totals[i] === totals[best]) {
        equals += 1;
        if (this.#random() * equals < 1) best = i;
      }
    }
    return best;
  }
}

/**
 * How many feasible nodes are enough: all of 100, then a share that falls from 50 % to 5 % as the cluster grows
 * (Kubernetes' percentageOfNodesToScore, left at its default).
 */
export function nodesWanted(nodes: number): number {
  if (nodes <= alwaysEnough) return nodes;
  const percent = Math.max(5, 50 - Math.floor(nodes / 125));
  return Math.max(alwaysEnough, Math.floor((nodes * percent) / 100));
}

function normalize(scores: Float64Array, how: Normalize): void {
  if (how === Normalize.none) return;
  if (how === Normalize.fullRange) {
    const lowest = scores.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    const range = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY) - lowest;
    for (let i = 0; i < scores.length; i++) scores[i] = range === 0 ? 0 : ((scores[i]! - lowest) * maxScore) / range;
    return;
  }
  const highest = scores.reduce((a, b) => Math.max(a, b), 0);
  for (let i = 0; i < scores.length; i++) {
    const share = highest === 0 ? 0 : (scores[i]! * maxScore) / highest;
    scores[i] = how === Normalize.lowestIsBest ? maxScore - share : share;
  }
}
