/**
 * What a plugin is. A filter says whether a pod can run on a node, and if not, why, in Kubernetes' words. A score says how
 * good a node is for a pod; the framework brings every plugin's scores to 0…100 and adds them with the plugins' weights.
 *
 * Plugins are pure: they look at the pod and the node and keep nothing.
 */
import type { SchedulerCache } from './cache.ts';
import type { NodeInfo } from './node-info.ts';
import type { PodInfo } from './pod-info.ts';

/** Why a node will not do. */
export interface Refusal {
  readonly reasons: readonly string[];
  /** Whether removing pods from the node could not change it. */
  readonly unresolvable: boolean;
}

export const maxScore = 100;

/** How a plugin's raw scores become 0…100 over the nodes that are left. */
export const Normalize = {
  /** They are already. */
  none: 'none',
  /** The highest becomes 100. */
  highestIsBest: 'highestIsBest',
  /** The highest becomes 0, and nothing at all 100. */
  lowestIsBest: 'lowestIsBest',
} as const;
export type Normalize = (typeof Normalize)[keyof typeof Normalize];

export interface Score {
  readonly weight: number;
  readonly normalize: Normalize;
  /** Whether this plugin has anything to say on the pod; a score that is the same everywhere is not worth computing. */
  applies?(pod: PodInfo): boolean;
  score(pod: PodInfo, node: NodeInfo, cluster: Cluster): number;
}

/** What a score may know of the cluster as a whole; the numbers by zone are counted once a pod, and only if asked for. */
export interface Cluster {
  readonly cache: SchedulerCache;
  readonly candidates: readonly NodeInfo[];
  /** How many pods of the pod's owner run in this zone. */
  siblingsIn(zone: string): number;
}

export interface Plugin {
  /** As Kubernetes names it; it appears in metrics. */
  readonly name: string;
  filter?(pod: PodInfo, node: NodeInfo): Refusal | undefined;
  readonly scoring?: Score;
}
