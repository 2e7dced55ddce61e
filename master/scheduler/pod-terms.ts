/**
 * What a pod says of other pods: those that it wants near or far (inter-pod affinity), and how evenly it wants to be spread among its like
 * (topology spread constraints). Read from the object once, and matched against many pods.
 */
import { type LabelRequirement, labelSelectorFromObject, matchesLabels } from '../api/selectors.ts';
import type { LabelSelector, Pod } from '../api/types.ts';

export type Labels = Readonly<Record<string, string>>;

export const noLabels: Labels = {};

/** Pods of some namespaces that a selector matches, in one place: the nodes that have one value of the label `topologyKey`. */
export interface PodTerm {
  readonly topologyKey: string;
  /** Undefined matches no pod. */
  readonly selector: readonly LabelRequirement[] | undefined;
  readonly namespaces: readonly string[];
  /** Namespaces whose labels match count as well. */
  readonly namespaceSelector: readonly LabelRequirement[] | undefined;
}

export interface WeightedTerm {
  /** Below zero where the pods are to be far. */
  readonly weight: number;
  readonly term: PodTerm;
}

export interface PodTerms {
  readonly near: readonly PodTerm[];
  readonly far: readonly PodTerm[];
  readonly preferred: readonly WeightedTerm[];
}

export interface SpreadConstraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  /** Whether a node that would break it is refused, and not only worse. */
  readonly hard: boolean;
  readonly selector: readonly LabelRequirement[] | undefined;
  readonly honoursAffinity: boolean;
  readonly honoursTaints: boolean;
}

type PodAffinity = NonNullable<NonNullable<NonNullable<Pod['spec']>['affinity']>['podAffinity']>;
type Term = NonNullable<PodAffinity['requiredDuringSchedulingIgnoredDuringExecution']>[number];

/** Undefined where the pod says nothing of other pods. */
export function podTerms(pod: Pod): PodTerms | undefined {
  const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
  if (!podAffinity && !podAntiAffinity) return undefined;
  const read = (term: Term): PodTerm => readTerm(term, pod);
  const weighted = (affinity: PodAffinity | undefined, sign: 1 | -1): WeightedTerm[] =>
    (affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ weight, podAffinityTerm }) => ({
      weight: sign * weight,
      term: read(podAffinityTerm),
    }));
  const terms = {
    near: (podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(read),
    far: (podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(read),
    preferred: [...weighted(podAffinity, 1), ...weighted(podAntiAffinity, -1)],
  };
  return terms.near.length + terms.far.length + terms.preferred.length === 0 ? undefined : terms;
}

export function spreadConstraints({ spec }: Pod): readonly SpreadConstraint[] {
  if (!spec?.topologySpreadConstraints?.length) return none;
  return spec.topologySpreadConstraints.map((constraint) => ({
    topologyKey: constraint.topologyKey,
    maxSkew: constraint.maxSkew,
    minDomains: constraint.minDomains ?? 1,
    hard: constraint.whenUnsatisfiable === 'DoNotSchedule',
    selector: selectorOf(constraint.labelSelector),
    honoursAffinity: constraint.nodeAffinityPolicy !== 'Ignore',
    honoursTaints: constraint.nodeTaintsPolicy === 'Honor',
  }));
}

const none: readonly SpreadConstraint[] = [];

function readTerm(term: Term, { metadata }: Pod): PodTerm {
  const { topologyKey, labelSelector, namespaces = [], namespaceSelector } = term;
  const own = namespaces.length === 0 && !namespaceSelector;
  return {
    topologyKey,
    selector: selectorOf(labelSelector),
    namespaces: own ? [metadata?.namespace ?? ''] : namespaces,
    namespaceSelector: selectorOf(namespaceSelector),
  };
}

/** The API server has written into it what `matchLabelKeys` and `mismatchLabelKeys` say. */
const selectorOf = (selector: LabelSelector | undefined): readonly LabelRequirement[] | undefined =>
  selector && labelSelectorFromObject(selector);

/** Whether a term is about a pod of that namespace with those labels. */
export function matchesTerm(
  { selector, namespaces, namespaceSelector }: PodTerm,
  { namespace, labels }: { readonly namespace: string; readonly labels: Labels },
  labelsOfNamespace: (name: string) => Labels,
): boolean {
  if (!selector || !matchesLabels(selector, labels)) return false;
  if (namespaces.includes(namespace)) return true;
  return namespaceSelector !== undefined && matchesLabels(namespaceSelector, labelsOfNamespace(namespace));
}
