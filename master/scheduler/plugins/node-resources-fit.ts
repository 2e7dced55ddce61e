/**
 * A node must have room for what the pod asks for: a place among its pods, processor time, memory, ephemeral storage and
 * whatever else it counts. Among the nodes with room, the one with the most left over is better (LeastAllocated).
 */
import { maxScore, Normalize, type Plugin, type Refusal } from '../framework.ts';
import type { NodeInfo } from '../node-info.ts';
import type { PodInfo } from '../pod-info.ts';

export const nodeResourcesFit: Plugin = {
  name: 'NodeResourcesFit',
  filter(pod, node) {
    return fits(pod, node) ? undefined : refusalOf(pod, node);
  },
  scoring: {
    weight: 1,
    normalize: Normalize.none,
    scorer:
      ({ scored }) =>
      (node) => {
        const cpu = share(node.allocatable.milliCpu, node.scored.milliCpu + scored.milliCpu);
        const memory = share(node.allocatable.memory, node.scored.memory + scored.memory);
        return Math.floor((cpu + memory) / 2);
      },
  },
};

/** How much of the capacity would be left, 0…100. */
function share(capacity: number, requested: number): number {
  if (capacity === 0 || requested > capacity) return 0;
  return Math.floor(((capacity - requested) * maxScore) / capacity);
}

/** The question asked of every node, so it makes nothing; the reasons are only worked out for a no. */
function fits({ requests }: PodInfo, { allocatable, requested, pods, allowedPods }: NodeInfo): boolean {
  if (pods.size + 1 > allowedPods) return false;
  if (requests.milliCpu > 0 && requests.milliCpu > allocatable.milliCpu - requested.milliCpu) return false;
  if (requests.memory > 0 && requests.memory > allocatable.memory - requested.memory) return false;
  const storage = requests.ephemeralStorage;
  if (storage > 0 && storage > allocatable.ephemeralStorage - requested.ephemeralStorage) return false;
  for (const [name, amount] of requests.extended) {
    if (amount > (allocatable.extended.get(name) ?? 0) - (requested.extended.get(name) ?? 0)) return false;
  }
  return true;
}

/** All that is missing, and whether the pod would not even fit on the empty node. */
function refusalOf({ requests }: PodInfo, { allocatable, requested, pods, allowedPods }: NodeInfo): Refusal {
  const reasons: string[] = [];
  let unresolvable = false;
  if (pods.size + 1 > allowedPods) reasons.push('Too many pods');
  const check = (name: string, wanted: number, capacity: number, taken: number): void => {
    if (wanted === 0 || wanted <= capacity - taken) return;
    reasons.push(`Insufficient ${name}`);
    if (wanted > capacity) unresolvable = true;
  };
  check('cpu', requests.milliCpu, allocatable.milliCpu, requested.milliCpu);
  check('memory', requests.memory, allocatable.memory, requested.memory);
  const { ephemeralStorage } = requests;
  check('ephemeral-storage', ephemeralStorage, allocatable.ephemeralStorage, requested.ephemeralStorage);
  for (const [name, amount] of requests.extended) {
    check(name, amount, allocatable.extended.get(name) ?? 0, requested.extended.get(name) ?? 0);
  }
  return { reasons, unresolvable };
}
