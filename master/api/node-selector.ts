/** Node selectors: `spec.nodeSelector` and the terms of node affinity, read once a pod and matched against many nodes. */
import { type LabelRequirement, labelSelectorFromMap, matchesLabels } from './selectors.ts';
import type { Node, Pod } from './types.ts';

type NodeAffinity = NonNullable<NonNullable<NonNullable<Pod['spec']>['affinity']>['nodeAffinity']>;
type Term = NonNullable<NodeAffinity['preferredDuringSchedulingIgnoredDuringExecution']>[number]['preference'];
type Expression = NonNullable<Term['matchExpressions']>[number];

/** One term: all its requirements must hold. A term without any matches nothing. */
export interface CompiledTerm {
  readonly labels: readonly LabelRequirement[];
  readonly fields: readonly LabelRequirement[];
  readonly empty: boolean;
}

/** What a pod says about where it must run: its nodeSelector, and one of the terms of its required affinity. */
export interface RequiredNodes {
  readonly selector: readonly LabelRequirement[];
  readonly terms: readonly CompiledTerm[] | undefined;
}

export interface PreferredNodes {
  readonly weight: number;
  readonly term: CompiledTerm;
}

export function requiredNodes(pod: Pod): RequiredNodes | undefined {
  const { nodeSelector, affinity } = pod.spec ?? {};
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (Object.keys(nodeSelector ?? {}).length === 0 && !required) return undefined;
  return {
    selector: labelSelectorFromMap(nodeSelector ?? {}),
    terms: required?.nodeSelectorTerms.map(compileTerm),
  };
}

export function preferredNodes(pod: Pod): PreferredNodes[] {
  const preferred = pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return preferred.map(({ weight, preference }) => ({ weight, term: compileTerm(preference) }));
}

export function matchesRequired(required: RequiredNodes, node: Node): boolean {
  if (!matchesLabels(required.selector, node.metadata?.labels)) return false;
  return required.terms === undefined || required.terms.some((term) => matchesTerm(term, node));
}

export function matchesTerm(term: CompiledTerm, node: Node): boolean {
  if (term.empty) return false;
  if (!matchesLabels(term.labels, node.metadata?.labels)) return false;
  return term.fields.length === 0 || matchesLabels(term.fields, { 'metadata.name': node.metadata?.name ?? '' });
}

export function compileTerm(term: Term): CompiledTerm {
  const labels = (term.matchExpressions ?? []).map(compileExpression);
  const fields = (term.matchFields ?? []).map(compileExpression);
  return { labels, fields, empty: labels.length + fields.length === 0 };
}

function compileExpression({ key, operator, values = [] }: Expression): LabelRequirement {
  switch (operator) {
    case 'In':
    case 'NotIn':
      return { key, operator, values };
    case 'Exists':
    case 'DoesNotExist':
      return { key, operator };
    case 'Gt':
    case 'Lt':
      return { key, operator, value: Number(values[0]) };
    default:
      // The API server lets no other operator in; one that came anyway must match nothing.
      return { key, operator: 'In', values: [] };
  }
}
