/** Pods, their claims and the volumes for them: which belong together, and which could (Kubernetes, "Persistent Volumes", "Binding"). Pure. */
import { controllerOf } from './meta.ts';
import { type CompiledTerm, compileTerm, matchesTerm } from './node-selector.ts';
import { isQuantity, milliValue } from './quantity.ts';
import { labelSelectorFromObject, matchesLabels } from './selectors.ts';
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod, StorageClass, Volume } from './types.ts';

type Pv = PersistentVolume;
type Pvc = PersistentVolumeClaim;

/** The older way to name a class. */
export const classAnnotation = 'volume.beta.kubernetes.io/storage-class';
/** On a claim whose volume and status say the same of it. */
export const bindCompleted = 'pv.kubernetes.io/bind-completed';
/** On a volume or claim whose partner was chosen for it. */
export const boundByController = 'pv.kubernetes.io/bound-by-controller';
/** On a claim: the node where the volume that is to be made for it is needed. */
export const selectedNode = 'volume.kubernetes.io/selected-node';

/** The name of the claim that a volume of a pod stands for, which may be made for the pod; undefined for a volume that is none. */
export function claimNameOf(pod: Pod, { name, persistentVolumeClaim, ephemeral }: Volume): string | undefined {
  return persistentVolumeClaim?.claimName ?? (ephemeral ? `${pod.metadata?.name}-${name}` : undefined);
}

/** Why a claim with the name of a pod's own is not the one that was made for it; undefined if it is. */
export function whyNotMadeFor(pod: Pod, claim: Pvc): string | undefined {
  if (controllerOf(claim)?.uid === pod.metadata?.uid) return undefined;
  const names = [claim, pod].map(({ metadata }) => `${metadata?.namespace}/${metadata?.name}`);
  return `PVC ${names[0]} was not created for pod ${names[1]} (pod is not owner)`;
}

/** '' for none: claims without a class take only volumes without one. */
export function classOf({ metadata, spec }: Pv | Pvc): string {
  return metadata?.annotations?.[classAnnotation] ?? spec?.storageClassName ?? '';
}

/** Whether claims of the class are bound only when a pod that needs them has a node. */
export const waitsForConsumer = (storageClass: StorageClass | undefined): boolean =>
  storageClass?.volumeBindingMode === 'WaitForFirstConsumer';

/** Whether the claim has its volume, and both know. */
export const isFullyBound = ({ metadata, spec }: Pvc): boolean =>
  Boolean(spec?.volumeName) && metadata?.annotations?.[bindCompleted] !== undefined;

/** Whether the volume is bound to the claim, or kept for one of its name. */
export function isFor({ spec }: Pv, { metadata }: Pvc): boolean {
  const { name, namespace, uid } = spec?.claimRef ?? {};
  return name === metadata?.name && namespace === metadata?.namespace && (!uid || uid === metadata?.uid);
}

/** The volume as it is when it was chosen for the claim; the same object if it is that already. */
export function boundTo(volume: Pv, { metadata = {} }: Pvc): Pv {
  if (volume.spec?.claimRef?.uid === metadata.uid) return volume;
  const { namespace, name, uid, resourceVersion } = metadata;
  const claimRef = { kind: 'PersistentVolumeClaim', apiVersion: 'v1', namespace, name, uid, resourceVersion };
  const kept = volume.spec?.claimRef !== undefined;
  const own = kept ? volume.metadata : annotated(volume, { [boundByController]: 'yes' });
  return { ...volume, metadata: own, spec: { ...volume.spec, claimRef } };
}

/** The metadata of an object with these annotations beside its own. */
export function annotated({ metadata = {} }: Pv | Pvc, more: Record<string, string>): NonNullable<Pv['metadata']> {
  return { ...metadata, annotations: { ...metadata.annotations, ...more } };
}

const termsOf = new WeakMap<Pv, readonly CompiledTerm[]>();

/** Whether the volume can be used on the node, by its node affinity. */
export function reaches(volume: Pv, node: Node): boolean {
  const terms = volume.spec?.nodeAffinity?.required?.nodeSelectorTerms;
  if (!terms) return true;
  const compiled = termsOf.get(volume) ?? terms.map(compileTerm);
  termsOf.set(volume, compiled);
  return compiled.some((term) => matchesTerm(term, node));
}

export interface Candidates {
  /** The volume that is kept for the claim; then it gets no other. */
  readonly kept: Pv | undefined;
  /** The free ones that do, the best first: the smallest of those that can least. */
  readonly free: readonly Pv[];
}

/** The volumes that the claim could have. */
export function candidatesFor(claim: Pvc, volumes: readonly Pv[]): Candidates {
  const possible = volumes.filter(
    (volume) => !volume.metadata?.deletionTimestamp && whyNot(volume, claim) === undefined,
  );
  const requirements = labelSelectorFromObject(claim.spec?.selector ?? {});
  const free = possible.filter(
    (volume) =>
      !volume.spec?.claimRef &&
      volume.status?.phase === 'Available' &&
      classOf(volume) === classOf(claim) &&
      matchesLabels(requirements, volume.metadata?.labels),
  );
  return { kept: possible.find((volume) => isFor(volume, claim)), free: free.sort(bySize) };
}

/** Why the volume cannot be the claim's, even if the claim names it; undefined where it can. */
export function whyNot(volume: Pv, claim: Pvc): string | undefined {
  if (sizeOf(volume) < askedBy(claim)) return 'requested PV is too small';
  if (modeOf(volume) !== modeOf(claim)) return 'incompatible volumeMode';
  const offered = volume.spec?.accessModes ?? [];
  if (!(claim.spec?.accessModes ?? []).every((mode) => offered.includes(mode))) return 'incompatible accessMode';
  const attributes = ({ spec }: Pv | Pvc): string => spec?.volumeAttributesClassName ?? '';
  return attributes(volume) === attributes(claim) ? undefined : 'incompatible volumeAttributesClassName';
}

/** How much the claim asks for, in thousandths of bytes. */
export const askedBy = ({ spec }: Pvc): number => amountOf(spec?.resources?.requests?.storage);

const modeOf = ({ spec }: Pv | Pvc): string => spec?.volumeMode || 'Filesystem';

const amountOf = (amount: string | undefined): number => (isQuantity(amount) ? milliValue(amount) : 0);

const sizeOf = ({ spec }: Pv): number => amountOf(spec?.capacity?.storage);

/** What can do the least comes first. */
function bySize(a: Pv, b: Pv): number {
  const modes = ({ spec }: Pv): number => spec?.accessModes?.length ?? 0;
  return modes(a) - modes(b) || sizeOf(a) - sizeOf(b) || ((a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1);
}
