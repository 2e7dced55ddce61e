/** PersistentVolumeClaimResize: a claim grows only where its class lets volumes grow. */
import { forbidden } from '../../api/errors.ts';
import { milliValue } from '../../api/quantity.ts';
import type { PersistentVolumeClaim } from '../../api/types.ts';
import type { Objects } from './objects.ts';
import type { AdmissionPlugin } from './types.ts';

export function volumeClaimResize(objects: Objects): AdmissionPlugin {
  return {
    name: 'PersistentVolumeClaimResize',
    resources: ['persistentvolumeclaims'],
    async validate({ operation, subresource, kind, name, object, old }) {
      if (operation !== 'UPDATE' || subresource !== undefined) return;
      const claim: PersistentVolumeClaim = object ?? {};
      const before: PersistentVolumeClaim = old ?? {};
      if (sizeOf(claim) <= sizeOf(before)) return;
      if (before.status?.phase !== 'Bound') {
        throw forbidden(kind, name, 'Only bound persistent volume claims can be expanded');
      }
      const className = claim.spec?.storageClassName ?? '';
      const storageClass = className === '' ? undefined : await objects.get('storageclasses', className);
      if (storageClass?.allowVolumeExpansion) return;
      const why =
        'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize';
      throw forbidden(kind, name, why);
    },
  };
}

const sizeOf = ({ spec }: PersistentVolumeClaim): number => milliValue(spec?.resources?.requests?.storage ?? 0);
