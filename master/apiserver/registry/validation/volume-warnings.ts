/** What Kubernetes 1.36 warns of in volumes and claims that it takes. */
import type { ObjectMeta, PersistentVolume, PersistentVolumeClaim } from '../../../api/types.ts';
import { classAnnotation } from '../../../api/volume-claims.ts';
import { termWarnings } from './pod/affinity-warnings.ts';
import { fractionWarnings, oldSourceWarnings } from './pod/warnings.ts';

export function volumeWarnings({ metadata, spec }: PersistentVolume): string[] {
  const { persistentVolumeReclaimPolicy, nodeAffinity } = spec ?? {};
  const recycles =
    'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.';
  return [
    ...classWarnings(metadata),
    ...(persistentVolumeReclaimPolicy === 'Recycle' ? [recycles] : []),
    ...(nodeAffinity?.required?.nodeSelectorTerms ?? []).flatMap((term, index) =>
      termWarnings(term, `spec.nodeAffinity.required.nodeSelectorTerms[${index}]`, false),
    ),
    ...oldSourceWarnings(spec, 'spec'),
  ];
}

export function claimWarnings({ metadata, spec }: PersistentVolumeClaim): string[] {
  const { requests, limits } = spec?.resources ?? {};
  return [
    ...classWarnings(metadata),
    ...fractionWarnings(requests, 'spec.resources.requests', ['storage']),
    ...fractionWarnings(limits, 'spec.resources.limits', ['storage']),
  ];
}

function classWarnings(metadata: ObjectMeta | undefined): string[] {
  if (metadata?.annotations?.[classAnnotation] === undefined) return [];
  return [`metadata.annotations[${classAnnotation}]: deprecated since v1.8; use "storageClassName" attribute instead`];
}
