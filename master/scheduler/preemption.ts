/**
 * Room for a pod that fits nowhere, at the cost of pods of lower priority (Kubernetes, "Pod Priority and Preemption").
 *
 * What is decided here is pure: which node loses which pods. Nodes are tried as they would be without those pods, and are as they were when it
 * is over. Fewest go: a pod stays whose room is not needed, those first that a PodDisruptionBudget guards, then those that matter most.
 */

import { isGuarded } from '../api/disruption.ts';
import { getCondition } from '../api/meta.ts';
import type { Pod, PodDisruptionBudget } from '../api/types.ts';
import type { Algorithm, RefusedNode } from './algorithm.ts';
import type { SchedulerCache } from './cache.ts';
import type { NodeInfo } from './node-info.ts';
import type { PodInfo } from './pod-info.ts';

/** Nodes that are found to do are enough at this number, or at a tenth of all. */
const leastCandidates = 100;
const shareOfNodes = 0.1;

export const preemptionReason = 'PreemptionByScheduler';

export type Preemption =
  | { readonly kind: 'made'; readonly node: string; readonly victims: readonly PodInfo[] }
  /** The pod is to wait: what was done before stands. */
  | { readonly kind: 'waits'; readonly why: string }
  /** For each node that was looked at, why its pods would not help. */
  | { readonly kind: 'impossible'; readonly reasons: readonly (readonly string[])[] };

interface Candidate {
  readonly node: NodeInfo;
  readonly victims: readonly PodInfo[];
  /** How many of the victims a budget would have kept. */
  readonly violations: number;
}

/** What can be done for a pod that every node refused. */
export function preempt(
  pod: PodInfo,
  refused: readonly RefusedNode[],
  cache: SchedulerCache,
  algorithm: Algorithm,
  budgets: readonly PodDisruptionBudget[],
): Preemption {
  const why = whyNotEligible(pod, refused);
  if (why) return { kind: 'waits', why };
  const reasons: (readonly string[])[] = [];
  const candidates: Candidate[] = [];
  const enough = Math.max(leastCandidates, refused.length * shareOfNodes);
  for (const { node, refusal } of refused) {
    if (candidates.length >= enough) break;
    if (refusal.unresolvable) reasons.push(['Preemption is not helpful for scheduling']);
    else {
      const found = victimsOn(node, pod, cache, algorithm, budgets);
      if ('victims' in found) candidates.push(found);
      else reasons.push(found.reasons);
    }
  }
  const [first, ...others] = candidates;
  if (!first) return { kind: 'impossible', reasons };
  const best = others.reduce((least, candidate) => (isCheaper(candidate, least) ? candidate : least), first);
  return { kind: 'made', node: best.node.name, victims: best.victims };
}

/** A pod may not want it, and one that makes room already waits until that has come about. */
function whyNotEligible({ pod, priority }: PodInfo, refused: readonly RefusedNode[]): string | undefined {
  if (pod.spec?.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.';
  const nominated = refused.find(({ node }) => node.name === pod.status?.nominatedNodeName);
  if (!nominated || nominated.refusal.unresolvable) return undefined;
  const waits = [...nominated.node.pods.values()].some((other) => other.priority < priority && isBeingPreempted(other));
  return waits ? 'not eligible due to a terminating pod on the nominated node.' : undefined;
}

function isBeingPreempted({ pod, terminating }: PodInfo): boolean {
  const condition = getCondition(pod.status?.conditions, 'DisruptionTarget');
  return terminating && condition?.status === 'True' && condition.reason === preemptionReason;
}

function victimsOn(
  node: NodeInfo,
  pod: PodInfo,
  cache: SchedulerCache,
  algorithm: Algorithm,
  budgets: readonly PodDisruptionBudget[],
): Candidate | { reasons: readonly string[] } {
  const lower = [...node.pods.values()].filter(({ priority }) => priority < pod.priority).sort(byImportance);
  if (lower.length === 0) return { reasons: ['No preemption victims found for incoming pod'] };
  for (const { key } of lower) node.removePod(key);
  try {
    const refused = algorithm.filterOf(pod, cache)(node);
    if (refused) return { reasons: refused.refusal.reasons };
    const guarded = guardedOf(lower, budgets);
    const victims: PodInfo[] = [];
    for (const candidate of [...guarded, ...lower.filter((other) => !guarded.has(other))]) {
      node.addPod(candidate);
      if (!algorithm.filterOf(pod, cache)(node)) continue;
      node.removePod(candidate.key);
      victims.push(candidate);
    }
    return { node, victims: victims.sort(byImportance), violations: victims.filter((one) => guarded.has(one)).length };
  } finally {
    for (const other of lower) if (!node.pods.has(other.key)) node.addPod(other);
  }
}

/** Those of the pods whose end no budget has room for, if all of them went in this order. */
function guardedOf(pods: readonly PodInfo[], budgets: readonly PodDisruptionBudget[]): ReadonlySet<PodInfo> {
  const left = new Map(budgets.map((budget) => [budget, budget.status?.disruptionsAllowed ?? 0]));
  const guarded = new Set<PodInfo>();
  for (const info of pods) {
    for (const budget of budgets) {
      if (!isGuarded(info.pod, budget) || budget.status?.disruptedPods?.[info.pod.metadata?.name ?? '']) continue;
      const allowed = (left.get(budget) ?? 0) - 1;
      left.set(budget, allowed);
      if (allowed < 0) guarded.add(info);
    }
  }
  return guarded;
}

/** The pod that matters more first: by priority, and then the one that has run for longer. */
const byImportance = (a: PodInfo, b: PodInfo): number =>
  b.priority - a.priority || (startOf(a.pod) < startOf(b.pod) ? -1 : 1);

const startOf = ({ status, metadata }: Pod): string => String(status?.startTime ?? metadata?.creationTimestamp ?? '');

/** By Kubernetes' rules, each where those before it decide nothing. */
function isCheaper(a: Candidate, b: Candidate): boolean {
  const costs = (candidate: Candidate): number[] => [
    candidate.violations,
    candidate.victims[0]?.priority ?? Number.NEGATIVE_INFINITY,
    candidate.victims.reduce((sum, { priority }) => sum + priority + 2 ** 31, 0),
    candidate.victims.length,
  ];
  const other = costs(b);
  for (const [i, cost] of costs(a).entries()) if (cost !== other[i]) return cost < other[i]!;
  return earliestOfHighest(a) > earliestOfHighest(b);
}

/** When the first of the victims of the highest priority began. */
function earliestOfHighest({ victims }: Candidate): string {
  const highest = victims.filter(({ priority }) => priority === victims[0]?.priority);
  return highest.map(({ pod }) => startOf(pod)).sort()[0] ?? '';
}
