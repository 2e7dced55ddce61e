/** Which volume a claim should have (Kubernetes, "Persistent Volumes", "Binding"). Pure. */
import { isQuantity, milliValue } from '../../api/quantity.ts';
import { labelSelectorFromObject, matchesLabels } from '../../api/selectors.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/types.ts';

type Pv = PersistentVolume;
type Pvc = PersistentVolumeClaim;

/** The older way to name a class. */
const classAnnotation = 'volume.beta.kubernetes.io/storage-class';

/** '' for none: claims without a class take only volumes without one. */
export function classOf({ metadata, spec }: Pv | Pvc): string {
  return metadata?.annotations?.[classAnnotation] ?? spec?.storageClassName ?? '';
}

/** Whether the volume is bound to the claim, or kept for one of its name. */
export function isFor({ spec }: Pv, { metadata }: Pvc): boolean {
  const { name, namespace, uid } = spec?.claimRef ?? {};
  return name === metadata?.name && namespace === metadata?.namespace && (!uid || uid === metadata?.uid);
}

/** The volume that is kept for the claim, or else the smallest of the free ones that do; undefined where there is none. */
export function findVolume(claim: Pvc, volumes: readonly Pv[]): Pv | undefined {
  const possible = volumes.filter(
    (volume) => !volume.metadata?.deletionTimestamp && whyNot(volume, claim) === undefined,
  );
  const kept = possible.find((volume) => isFor(volume, claim));
  if (kept) return kept;
  const requirements = labelSelectorFromObject(claim.spec?.selector ?? {});
  const free = possible.filter(
    (volume) =>
      !volume.spec?.claimRef &&
      volume.status?.phase === 'Available' &&
      classOf(volume) === classOf(claim) &&
      matchesLabels(requirements, volume.metadata?.labels),
  );
  return free.sort(bySize)[0];
}

/** Why the volume cannot be the claim's, even if the claim names it; undefined where it can. */
export function whyNot(volume: Pv, claim: Pvc): string | undefined {
  const asked = amountOf(claim.spec?.resources?.requests?.storage);
  if (amountOf(volume.spec?.capacity?.storage) < asked) return 'requested PV is too small';
  if (modeOf(volume) !== modeOf(claim)) return 'incompatible volumeMode';
  const offered = volume.spec?.accessModes ?? [];
  if (!(claim.spec?.accessModes ?? []).every((mode) => offered.includes(mode))) return 'incompatible accessMode';
  const attributes = ({ spec }: Pv | Pvc): string => spec?.volumeAttributesClassName ?? '';
  return attributes(volume) === attributes(claim) ? undefined : 'incompatible volumeAttributesClassName';
}

const modeOf = ({ spec }: Pv | Pvc): string => spec?.volumeMode || 'Filesystem';

const amountOf = (amount: string | undefined): number => (isQuantity(amount) ? milliValue(amount) : 0);

/** What can do the least comes first. */
function bySize(a: Pv, b: Pv): number {
  const modes = ({ spec }: Pv): number => spec?.accessModes?.length ?? 0;
  const size = ({ spec }: Pv): number => amountOf(spec?.capacity?.storage);
  return modes(a) - modes(b) || size(a) - size(b) || ((a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1);
}
