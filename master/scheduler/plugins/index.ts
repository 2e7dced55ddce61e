/**
 * The table of plugins. Filters are asked in this order, and the first that refuses a node says why; so cheap ones that
 * no removal of pods could change come first, as in Kubernetes.
 */
import type { Plugin } from '../framework.ts';
import { imageLocality } from './image-locality.ts';
import { interPodAffinity } from './inter-pod-affinity.ts';
import { nodeAffinity } from './node-affinity.ts';
import { nodeName } from './node-name.ts';
import { nodePorts } from './node-ports.ts';
import { nodeResourcesBalancedAllocation } from './node-resources-balanced-allocation.ts';
import { nodeResourcesFit } from './node-resources-fit.ts';
import { nodeUnschedulable } from './node-unschedulable.ts';
import { podTopologySpread } from './pod-topology-spread.ts';
import { taintToleration } from './taint-toleration.ts';
import { volumeBinding } from './volume-binding.ts';
import { volumeRestrictions } from './volume-restrictions.ts';
import { volumeZone } from './volume-zone.ts';

/** Checks a table: every name once, every plugin with something to do. Throws an Error otherwise. */
export function pluginTable(plugins: readonly Plugin[]): readonly Plugin[] {
  const names = new Set<string>();
  for (const { name, filter, filterFor, scoring } of plugins) {
    if (names.has(name)) throw new Error(`the table of scheduler plugins has ${name} twice`);
    if (!filter && !filterFor && !scoring) throw new Error(`the scheduler plugin ${name} neither filters nor scores`);
    names.add(name);
  }
  return plugins;
}

export const plugins: readonly Plugin[] = pluginTable([
  nodeUnschedulable,
  nodeName,
  taintToleration,
  nodeAffinity,
  nodePorts,
  nodeResourcesFit,
  volumeRestrictions,
  volumeBinding,
  volumeZone,
  podTopologySpread,
  interPodAffinity,
  nodeResourcesBalancedAllocation,
  imageLocality,
]);
