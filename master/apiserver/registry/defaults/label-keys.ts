/**
 * Pods that are told apart by a label whose value only the pod itself knows, such as the hash of its template: the value
 * is written into the selectors when the pod is made (KEP-3243, KEP-3633), so that whoever schedules it need not look.
 */
import type { LabelSelector, Pod } from '../../../api/types.ts';

interface Keyed {
  labelSelector?: LabelSelector;
  matchLabelKeys?: string[];
  mismatchLabelKeys?: string[];
}

/** Changes the pod in place. Keys of labels that it does not have say nothing. */
export function fillInLabelKeys({ metadata, spec }: Pod): void {
  const labels = metadata?.labels;
  if (!labels || !spec) return;
  for (const constraint of spec.topologySpreadConstraints ?? []) fillIn(constraint, labels);
  for (const affinity of [spec.affinity?.podAffinity, spec.affinity?.podAntiAffinity]) {
    for (const term of affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) fillIn(term, labels);
    for (const { podAffinityTerm } of affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []) {
      fillIn(podAffinityTerm, labels);
    }
  }
}

function fillIn(keyed: Keyed, labels: Readonly<Record<string, string>>): void {
  const { labelSelector, matchLabelKeys = [], mismatchLabelKeys = [] } = keyed;
  if (!labelSelector) return;
  for (const [operator, keys] of [
    ['In', matchLabelKeys],
    ['NotIn', mismatchLabelKeys],
  ] as const) {
    for (const key of keys) {
      const value = labels[key];
      if (value === undefined) continue;
      labelSelector.matchExpressions = [...(labelSelector.matchExpressions ?? []), { key, operator, values: [value] }];
    }
  }
}
