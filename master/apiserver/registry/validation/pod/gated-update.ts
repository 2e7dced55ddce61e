/** What may change of a pod that waits to be scheduled: it may become choosier about its node (KEP-3838). */
import { deepEqual } from '../../../../api/meta.ts';
import type { NodeSelectorTerm, PodSpec } from '../../../../api/types.ts';
import type { FieldErrors } from '../field-errors.ts';

type NodeAffinity = NonNullable<NonNullable<PodSpec['affinity']>['nodeAffinity']>;

/** Says what is wrong with such changes, and makes them none in `spec`, which is the caller's own. */
export function validateGatedPod(spec: PodSpec, before: PodSpec, errors: FieldErrors): void {
  const selector = spec.nodeSelector ?? {};
  if (Object.entries(before.nodeSelector ?? {}).some(([key, value]) => selector[key] !== value)) {
    const why = 'only additions to spec.nodeSelector are allowed (no mutations or deletions)';
    errors.invalid('spec.nodeSelector', selector, why);
  }
  if (before.nodeSelector) spec.nodeSelector = before.nodeSelector;
  else delete spec.nodeSelector;

  const { nodeAffinity, ...others } = spec.affinity ?? {};
  const old = before.affinity?.nodeAffinity;
  if (deepEqual(nodeAffinity, old)) return;
  validateTerms(nodeAffinity, old, errors);
  if (old) spec.affinity = { ...others, nodeAffinity: old };
  else if (before.affinity || Object.keys(others).length > 0) spec.affinity = others;
  else delete spec.affinity;
}

function validateTerms(now: NodeAffinity | undefined, old: NodeAffinity | undefined, errors: FieldErrors): void {
  const field = 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms';
  const before = old?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const terms = now?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  if (before.length === 0) return;
  if (before.length !== terms.length) {
    errors.invalid(field, terms, 'no additions/deletions to non-empty NodeSelectorTerms list are allowed');
    return;
  }
  terms.forEach((term, index) => {
    if (onlyAdds(term, before[index] ?? {})) return;
    errors.invalid(`${field}[${index}]`, term, 'only additions are allowed (no mutations or deletions)');
  });
}

/** An empty term selects nothing, so whatever is added to it selects more. */
function onlyAdds(now: NodeSelectorTerm, before: NodeSelectorTerm): boolean {
  const lists = ['matchExpressions', 'matchFields'] as const;
  if (lists.every((list) => !before[list]?.length)) return lists.every((list) => !now[list]?.length);
  return lists.every((list) => {
    const old = before[list] ?? [];
    return deepEqual((now[list] ?? []).slice(0, old.length), old);
  });
}
