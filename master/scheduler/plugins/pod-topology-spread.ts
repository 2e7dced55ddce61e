/**
 * Pods are spread over places (Kubernetes, "Pod Topology Spread Constraints"): a hard constraint refuses the nodes where a pod would
 * make the difference between places too large, a soft one makes them worse. A pod without constraints is spread among its owner's pods
 * over nodes, and over zones where nodes have them; that stands for Kubernetes' default constraints.
 */
import { matchesRequired } from '../../api/node-selector.ts';
import { matchesLabels } from '../../api/selectors.ts';
import type { SchedulerCache } from '../cache.ts';
import { type Cluster, type NodeScore, Normalize, type Plugin, type Refusal } from '../framework.ts';
import type { NodeInfo } from '../node-info.ts';
import type { PodInfo } from '../pod-info.ts';
import type { SpreadConstraint } from '../pod-terms.ts';
import { placeOf, TopologyCounts } from '../topology.ts';
import { areTolerated } from './taint-toleration.ts';

const uneven: Refusal = { reasons: ["node(s) didn't match pod topology spread constraints"], unresolvable: false };
const nowhere: Refusal = {
  reasons: ["node(s) didn't match pod topology spread constraints (missing required label)"],
  unresolvable: true,
};

/** How many siblings in the zone weigh as much as one on the node itself. */
const zoneSiblings = 2;

export const podTopologySpread: Plugin = {
  name: 'PodTopologySpread',
  looksAt: 'otherPods',
  filterFor(pod, cache) {
    const constraints = pod.spread.filter(({ hard }) => hard);
    if (constraints.length === 0) return undefined;
    const counted = constraints.map((constraint) => {
      const counts = countPods(pod, constraint, constraints, cache.nodes());
      const places = counts.places(constraint.topologyKey);
      const least = places.size < constraint.minDomains ? 0 : Math.min(...places.values());
      return {
        ...constraint,
        counts,
        least: Number.isFinite(least) ? least : 0,
        self: isLike(constraint, pod) ? 1 : 0,
      };
    });
    return (node) => {
      for (const { topologyKey, counts, least, self, maxSkew } of counted) {
        if (placeOf(node, topologyKey) === undefined) return nowhere;
        if (counts.at(topologyKey, node) + self - least > maxSkew) return uneven;
      }
      return undefined;
    };
  },
  scoring: {
    weight: 2,
    normalize: Normalize.lowestIsBest,
    scorer(pod, cluster) {
      if (pod.spread.length === 0) return pod.owner === undefined ? undefined : amongSiblings(pod.owner, cluster.cache);
      const constraints = pod.spread.filter(({ hard }) => !hard);
      return constraints.length === 0 ? undefined : amongItsLike(pod, constraints, cluster);
    },
  },
};

function amongSiblings(owner: string, cache: SchedulerCache): NodeScore {
  const inZones = new Map<string, number>();
  for (const node of cache.nodes()) {
    if (node.zone !== undefined) inZones.set(node.zone, (inZones.get(node.zone) ?? 0) + node.podsOf(owner));
  }
  return (node) => {
    const onNode = node.podsOf(owner);
    return node.zone === undefined ? onNode : onNode + (inZones.get(node.zone) ?? 0) / zoneSiblings;
  };
}

/** The fewer places a label has, the less a pod more in one of them counts. A node that is in no place is the worst. */
function amongItsLike(
  pod: PodInfo,
  constraints: readonly SpreadConstraint[],
  { cache, candidates }: Cluster,
): NodeScore {
  const counted = constraints.map((constraint) => {
    const { topologyKey, maxSkew } = constraint;
    const places = new Set(candidates.map((node) => placeOf(node, topologyKey)));
    const counts = countPods(pod, constraint, constraints, cache.nodes());
    return { topologyKey, maxSkew, counts, weight: Math.log(places.size + 2) };
  });
  const score = (node: NodeInfo): number | undefined => {
    let sum = 0;
    for (const { topologyKey, maxSkew, counts, weight } of counted) {
      if (placeOf(node, topologyKey) === undefined) return undefined;
      sum += counts.at(topologyKey, node) * weight + maxSkew - 1;
    }
    return sum;
  };
  const worst = candidates.reduce((highest, node) => Math.max(highest, score(node) ?? 0), 0) + 1;
  return (node) => score(node) ?? worst;
}

/** The pods that are like the pod, by place, with 0 for a place that has none. Only nodes that are in a place of every constraint count. */
function countPods(
  pod: PodInfo,
  constraint: SpreadConstraint,
  all: readonly SpreadConstraint[],
  nodes: readonly NodeInfo[],
): TopologyCounts {
  const counts = new TopologyCounts();
  for (const info of nodes) {
    const { node } = info;
    if (!node || all.some(({ topologyKey }) => placeOf(info, topologyKey) === undefined)) continue;
    if (constraint.honoursAffinity && pod.required && !matchesRequired(pod.required, node)) continue;
    if (constraint.honoursTaints && !areTolerated(pod.tolerations, info.taints)) continue;
    let alike = 0;
    for (const other of info.pods.values()) {
      if (other.namespace === pod.namespace && !other.terminating && isLike(constraint, other)) alike += 1;
    }
    counts.add(constraint.topologyKey, info, alike);
  }
  return counts;
}

const isLike = ({ selector }: SpreadConstraint, { labels }: PodInfo): boolean =>
  selector !== undefined && matchesLabels(selector, labels);
