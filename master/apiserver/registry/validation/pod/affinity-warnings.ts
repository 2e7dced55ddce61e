/** What Kubernetes 1.36 warns of in what says where a pod may run: old names of labels of nodes, and selectors that select nothing. */
import type { PodSpec } from '../../../../api/types.ts';
import { isLabelValue } from '../../../../api/validation-names.ts';

type Affinity = NonNullable<PodSpec['affinity']>;
type NodeTerm = NonNullable<
  NonNullable<Affinity['nodeAffinity']>['requiredDuringSchedulingIgnoredDuringExecution']
>['nodeSelectorTerms'][number];

const old: Readonly<Record<string, string>> = {
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region': 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone': 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type': 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
  'app.kubernetes.io/created-by': 'deprecated since v1.9',
  'scheduler.alpha.kubernetes.io/preferAvoidPods': 'deprecated since v1.22; use Taints and Tolerations instead',
  'node-role.kubernetes.io/master': 'use "node-role.kubernetes.io/control-plane" instead',
};

/** What is to be said of a label of nodes; undefined where nothing is. */
export const deprecatedLabel = (key: string): string | undefined => (Object.hasOwn(old, key) ? old[key] : undefined);

/** `field` is where the spec stands. */
export function affinityWarnings({ affinity, topologySpreadConstraints = [] }: PodSpec, field: string): string[] {
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity ?? {};
  const required = nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const preferred = nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const nodes = `${field}.affinity.nodeAffinity`;
  return [
    ...required.flatMap((term, index) =>
      termWarnings(term, `${nodes}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[${index}]`, false),
    ),
    ...preferred.flatMap(({ preference }, index) =>
      termWarnings(preference, `${nodes}.preferredDuringSchedulingIgnoredDuringExecution[${index}].preference`, true),
    ),
    ...topologySpreadConstraints.flatMap(({ topologyKey, labelSelector }, index) => {
      const at = `${field}.topologySpreadConstraints[${index}]`;
      const why = deprecatedLabel(topologyKey);
      return [
        ...(why === undefined ? [] : [`${at}.topologyKey: ${topologyKey} is ${why}`]),
        ...(labelSelector ? [] : [nothing(at)]),
      ];
    }),
    ...podTerms(podAffinity, `${field}.affinity.podAffinity`),
    ...podTerms(podAntiAffinity, `${field}.affinity.podAntiAffinity`),
  ];
}

const nothing = (at: string): string => `${at}.labelSelector: a null labelSelector results in matching no pod`;

function podTerms(affinity: Affinity['podAffinity'] | Affinity['podAntiAffinity'], at: string): string[] {
  const { requiredDuringSchedulingIgnoredDuringExecution: required = [] } = affinity ?? {};
  const { preferredDuringSchedulingIgnoredDuringExecution: preferred = [] } = affinity ?? {};
  return [
    ...required.flatMap(({ labelSelector }, index) =>
      labelSelector ? [] : [nothing(`${at}.requiredDuringSchedulingIgnoredDuringExecution[${index}]`)],
    ),
    ...preferred.flatMap(({ podAffinityTerm }, index) =>
      podAffinityTerm.labelSelector
        ? []
        : [nothing(`${at}.preferredDuringSchedulingIgnoredDuringExecution[${index}].podAffinityTerm`)],
    ),
  ];
}

/** What is preferred may name values that no label has; what is required may not, which validation says. */
export function termWarnings({ matchExpressions = [] }: NodeTerm, at: string, checksValues: boolean): string[] {
  return matchExpressions.flatMap(({ key, values = [] }, index) => {
    const where = `${at}.matchExpressions[${index}]`;
    const why = deprecatedLabel(key);
    const wrong = checksValues
      ? values.flatMap((value, i) =>
          isLabelValue(value).map((message) => `${where}.values[${i}]: ${value} is invalid, ${message}`),
        )
      : [];
    return [...(why === undefined ? [] : [`${where}.key: ${key} is ${why}`]), ...wrong];
  });
}
