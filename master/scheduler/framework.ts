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
  /** Whether it is not for the node: every other one refuses the pod for the same. */
  readonly everywhere?: boolean;
}

/** What a filter may look at beside the node and the pods there. */
export type Surroundings = 'otherPods' | 'volumes';

export const maxScore = 100;

/** How a plugin's raw scores become 0…100 over the nodes that are left. */
export const Normalize = {
  /** They are already. */
  none: 'none',
  /** The highest becomes 100. */
  highestIsBest: 'highestIsBest',
  /** The highest becomes 0, and nothing at all 100. */
  lowestIsBest: 'lowestIsBest',
  /** The lowest, which may be below zero, becomes 0 and the highest 100. */
  fullRange: 'fullRange',
} as const;
export type Normalize = (typeof Normalize)[keyof typeof Normalize];

/** How good a node is for the one pod that it was made for. */
export type NodeScore = (node: NodeInfo) => number;

export interface Score {
  readonly weight: number;
  readonly normalize: Normalize;
  /** What is the same for all nodes is worked out here, once a pod. Undefined where nothing is to be said on the pod. */
  scorer(pod: PodInfo, cluster: Cluster): NodeScore | undefined;
}

/** What a score may know of the cluster as a whole. */
export interface Cluster {
  readonly cache: SchedulerCache;
  readonly candidates: readonly NodeInfo[];
}

/** Why a node will not do for the one pod that it was made for; undefined if it will. */
export type NodeFilter = (node: NodeInfo) => Refusal | undefined;

export interface Plugin {
  /** As Kubernetes names it; it appears in metrics. */
  readonly name: string;
  filter?(pod: PodInfo, node: NodeInfo): Refusal | undefined;
  /**
   * The filter of a pod for whom more matters than the node: it is looked up here, once a pod, and true until the cache
   * changes. Undefined where nothing is to be said on the pod; a refusal where no node will do.
   */
  filterFor?(pod: PodInfo, cache: SchedulerCache): NodeFilter | Refusal | undefined;
  /** What `filterFor` looks at: a change of it may help those whom it refused. */
  readonly looksAt?: Surroundings;
  readonly scoring?: Score;
}
