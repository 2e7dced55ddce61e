/**
 * On which nodes a DaemonSet's pods should be, and what binds a pod to its node: a node affinity that names it, so that the scheduler
 * places it as any other. Pure; Kubernetes' "DaemonSet" (how daemon pods are scheduled, taints and tolerations).
 */
import { kinds } from '../../api/kinds.ts';
import { newControllerRef } from '../../api/meta.ts';
import { matchesRequired, requiredNodes } from '../../api/node-selector.ts';
import type { DaemonSet, Node, Pod, PodSpec, Taint, Toleration } from '../../api/types.ts';
import { tolerates } from '../node-lifecycle/tolerations.ts';

/** Names the state of the template that a pod was made of. */
export const hashLabel = 'controller-revision-hash';
const nodeField = 'metadata.name';

export interface Placement {
  /** A pod is to be made here. */
  readonly wanted: boolean;
  /** One that is here already may stay. */
  readonly mayStay: boolean;
}

/** Tells it of any node; what the template asks for is read once. */
export function placementOf({ spec }: DaemonSet): (node: Node) => Placement {
  const podSpec: PodSpec = spec?.template.spec ?? { containers: [] };
  const required = requiredNodes({ spec: podSpec });
  const tolerations = tolerationsOf(podSpec);
  const isTolerated = (taint: Taint): boolean => tolerations.some((toleration) => tolerates(toleration, taint));
  return (node) => {
    const isNamed = !podSpec.nodeName || podSpec.nodeName === node.metadata?.name;
    if (!isNamed || (required && !matchesRequired(required, node))) return { wanted: false, mayStay: false };
    const refused = (node.spec?.taints ?? []).filter((taint) => !isTolerated(taint));
    const mayStay = refused.every(({ effect }) => effect !== 'NoExecute');
    return { wanted: mayStay && refused.every(({ effect }) => effect !== 'NoSchedule'), mayStay };
  };
}

/** The node that the pod is on, or for. */
export function targetOf({ spec }: Pod): string | undefined {
  if (spec?.nodeName) return spec.nodeName;
  const terms = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const fields = terms.flatMap(({ matchFields = [] }) => matchFields);
  return fields.find(({ key, operator }) => key === nodeField && operator === 'In')?.values?.[0];
}

export function podFor(set: DaemonSet, node: string, hash: string): Pod {
  const { metadata = {}, spec = { containers: [] } } = set.spec?.template ?? {};
  const { annotations, finalizers } = metadata;
  const required = { nodeSelectorTerms: [{ matchFields: [{ key: nodeField, operator: 'In', values: [node] }] }] };
  const nodeAffinity = { ...spec.affinity?.nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: required };
  return {
    metadata: {
      namespace: set.metadata?.namespace,
      generateName: `${set.metadata?.name}-`,
      labels: { ...metadata.labels, [hashLabel]: hash },
      ...(annotations && { annotations }),
      ...(finalizers && { finalizers }),
      ownerReferences: [newControllerRef(set, kinds.daemonsets)],
    },
    spec: { ...spec, affinity: { ...spec.affinity, nodeAffinity }, tolerations: tolerationsOf(spec) },
  };
}

/** What every daemon pod tolerates besides: it is to be there before its node is ready, and when it no longer is. */
const automatic = (
  [
    ['not-ready', 'NoExecute'],
    ['unreachable', 'NoExecute'],
    ['disk-pressure', 'NoSchedule'],
    ['memory-pressure', 'NoSchedule'],
    ['pid-pressure', 'NoSchedule'],
    ['unschedulable', 'NoSchedule'],
  ] as const
).map(toleration);
const ofHostNetwork = toleration(['network-unavailable', 'NoSchedule']);

function toleration([name, effect]: readonly [string, string]): Toleration {
  return { key: `node.kubernetes.io/${name}`, operator: 'Exists', effect };
}

function tolerationsOf({ tolerations = [], hostNetwork }: PodSpec): Toleration[] {
  const added = hostNetwork ? [...automatic, ofHostNetwork] : automatic;
  const isSaid = ({ key, effect }: Toleration): boolean =>
    tolerations.some(
      (said) => said.key === key && said.effect === effect && said.operator === 'Exists' && !said.tolerationSeconds,
    );
  return [...tolerations, ...added.filter((one) => !isSaid(one))];
}
