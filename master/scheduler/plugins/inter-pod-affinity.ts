/**
 * Pods that want to be near others or far from them (Kubernetes, "Inter-pod affinity and anti-affinity"). What one pod demands of its distance
 * holds for those that come later too; the first of a group that wants to be near its like may go anywhere.
 */
import type { SchedulerCache } from '../cache.ts';
import { Normalize, type Plugin, type Refusal } from '../framework.ts';
import type { PodInfo } from '../pod-info.ts';
import { matchesTerm, type PodTerm } from '../pod-terms.ts';
import { placeOf, TopologyCounts } from '../topology.ts';

const notNear: Refusal = { reasons: ["node(s) didn't match pod affinity rules"], unresolvable: true };
const notFar: Refusal = { reasons: ["node(s) didn't match pod anti-affinity rules"], unresolvable: false };
const kept: Refusal = { reasons: ["node(s) didn't satisfy existing pods anti-affinity rules"], unresolvable: false };

/** What a pod's demand to be near another adds to where that other one goes, as Kubernetes weighs it by default. */
const demandWeight = 1;

export const interPodAffinity: Plugin = {
  name: 'InterPodAffinity',
  looksAt: 'otherPods',
  filterFor(pod, cache) {
    const { near = [], far = [] } = pod.terms ?? {};
    if (near.length + far.length === 0 && !cache.hasTerms) return undefined;
    const { wanted, unwanted, keepingAway } = countDemands(pod, cache);
    const isAlone = wanted.isEmpty && near.every((term) => matches(term, pod, cache));
    return (node) => {
      const inPlace = near.every(({ topologyKey }) => placeOf(node, topologyKey) !== undefined);
      if (!inPlace) return notNear;
      if (!isAlone && !near.every(({ topologyKey }) => wanted.at(topologyKey, node) > 0)) return notNear;
      if (far.some(({ topologyKey }) => unwanted.at(topologyKey, node) > 0)) return notFar;
      return keepingAway.touches(node) ? kept : undefined;
    };
  },
  scoring: {
    weight: 2,
    normalize: Normalize.fullRange,
    scorer(pod, { cache }) {
      const preferred = pod.terms?.preferred ?? [];
      if (preferred.length === 0 && !cache.hasTerms) return undefined;
      const sums = new TopologyCounts();
      for (const node of cache.nodes()) {
        for (const { weight, term } of preferred) {
          for (const other of node.pods.values())
            if (matches(term, other, cache)) sums.add(term.topologyKey, node, weight);
        }
        for (const { terms } of node.withTerms.values()) {
          for (const term of terms?.near ?? [])
            if (matches(term, pod, cache)) sums.add(term.topologyKey, node, demandWeight);
          for (const { weight, term } of terms?.preferred ?? []) {
            if (matches(term, pod, cache)) sums.add(term.topologyKey, node, weight);
          }
        }
      }
      return sums.isEmpty ? undefined : (node) => sums.total(node);
    },
  },
};

/** Where the pods are that the pod wants near and far, and where those are that want it far. */
function countDemands(
  pod: PodInfo,
  cache: SchedulerCache,
): { wanted: TopologyCounts; unwanted: TopologyCounts; keepingAway: TopologyCounts } {
  const { near = [], far = [] } = pod.terms ?? {};
  const counts = { wanted: new TopologyCounts(), unwanted: new TopologyCounts(), keepingAway: new TopologyCounts() };
  for (const node of cache.nodes()) {
    for (const { terms } of node.withTerms.values()) {
      for (const term of terms?.far ?? [])
        if (matches(term, pod, cache)) counts.keepingAway.add(term.topologyKey, node, 1);
    }
    if (near.length + far.length === 0) continue;
    for (const other of node.pods.values()) {
      if (near.length > 0 && near.every((term) => matches(term, other, cache))) {
        for (const { topologyKey } of near) counts.wanted.add(topologyKey, node, 1);
      }
      for (const term of far) if (matches(term, other, cache)) counts.unwanted.add(term.topologyKey, node, 1);
    }
  }
  return counts;
}

const matches = (term: PodTerm, pod: PodInfo, cache: SchedulerCache): boolean =>
  matchesTerm(term, pod, (name) => cache.labelsOfNamespace(name));
