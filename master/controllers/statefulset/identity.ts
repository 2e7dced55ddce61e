/**
 * What makes a pod of a StatefulSet the one that it is: its ordinal, and the name, labels, host name and claims that follow from it.
 * Pure; Kubernetes' "StatefulSets" (pod identity, start ordinal).
 */
import { kinds } from '../../api/kinds.ts';
import { newControllerRef } from '../../api/meta.ts';
import type { PersistentVolumeClaim, Pod, PodSpec, PodTemplateSpec, StatefulSet } from '../../api/types.ts';

/** Names the ControllerRevision that a pod was made of. */
export const revisionLabel = 'controller-revision-hash';
/** A ControllerRevision's own hash. */
export const hashLabel = 'controller.kubernetes.io/hash';
const podNameLabel = 'statefulset.kubernetes.io/pod-name';
const podIndexLabel = 'apps.kubernetes.io/pod-index';

export const replicasOf = ({ spec }: StatefulSet): number => spec?.replicas ?? 1;
export const startOf = ({ spec }: StatefulSet): number => spec?.ordinals?.start ?? 0;

/** All ordinals that the set is to have, the lowest first. */
export const ordinalsOf = (set: StatefulSet): number[] =>
  Array.from({ length: replicasOf(set) }, (_, index) => startOf(set) + index);

export const podNameOf = ({ metadata }: StatefulSet, ordinal: number): string => `${metadata?.name}-${ordinal}`;

/** undefined for a pod whose name is not of this set. */
export function ordinalOf(set: StatefulSet, { metadata }: Pod): number | undefined {
  const [, parent, ordinal] = /^(.*)-(0|[1-9]\d{0,9})$/.exec(metadata?.name ?? '') ?? [];
  return parent === set.metadata?.name ? Number(ordinal) : undefined;
}

const labelsOf = (set: StatefulSet, ordinal: number): Record<string, string> => ({
  [podNameLabel]: podNameOf(set, ordinal),
  [podIndexLabel]: String(ordinal),
});

/** The labels that the pod lacks to be known as what it is, as one that was adopted may. */
export function missingLabels(
  set: StatefulSet,
  ordinal: number,
  { metadata }: Pod,
): Record<string, string> | undefined {
  const missing = Object.entries(labelsOf(set, ordinal)).filter(([name, value]) => metadata?.labels?.[name] !== value);
  return missing.length > 0 ? Object.fromEntries(missing) : undefined;
}

/** `template`: of the revision whose name is given. */
export function podFor(set: StatefulSet, template: PodTemplateSpec, revision: string, ordinal: number): Pod {
  const { metadata = {}, spec = { containers: [] } } = template;
  const { annotations, finalizers } = metadata;
  const name = podNameOf(set, ordinal);
  return {
    metadata: {
      namespace: set.metadata?.namespace,
      name,
      labels: { ...metadata.labels, ...labelsOf(set, ordinal), [revisionLabel]: revision },
      ...(annotations && { annotations }),
      ...(finalizers && { finalizers }),
      ownerReferences: [newControllerRef(set, kinds.statefulsets)],
    },
    spec: withClaims(set, ordinal, {
      ...spec,
      hostname: name,
      ...(set.spec?.serviceName && { subdomain: set.spec.serviceName }),
    }),
  };
}

/** A claim takes the place of a volume of its name. */
function withClaims(set: StatefulSet, ordinal: number, spec: PodSpec): PodSpec {
  const claims = (set.spec?.volumeClaimTemplates ?? []).map(({ metadata }) => ({
    name: metadata?.name ?? '',
    persistentVolumeClaim: { claimName: claimNameOf(set, ordinal, metadata?.name ?? ''), readOnly: false },
  }));
  if (claims.length === 0) return spec;
  const taken = new Set(claims.map(({ name }) => name));
  return { ...spec, volumes: [...(spec.volumes ?? []).filter(({ name }) => !taken.has(name)), ...claims] };
}

const claimNameOf = (set: StatefulSet, ordinal: number, template: string): string =>
  `${template}-${podNameOf(set, ordinal)}`;

/** The claims of a pod, as they are to be made. */
export function claimsFor(set: StatefulSet, ordinal: number): PersistentVolumeClaim[] {
  return (set.spec?.volumeClaimTemplates ?? []).map(({ metadata, spec }) => ({
    metadata: {
      namespace: set.metadata?.namespace,
      name: claimNameOf(set, ordinal, metadata?.name ?? ''),
      labels: { ...metadata?.labels, ...set.spec?.selector.matchLabels },
      ...(metadata?.annotations && { annotations: metadata.annotations }),
    },
    ...(spec && { spec }),
  }));
}
