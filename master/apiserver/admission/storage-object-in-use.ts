/**
 * StorageObjectInUseProtection: a claim or volume does not go while it is used. The finalizer that it begins with is taken away by the
 * controllers that know (`master/controllers/volume-protection.ts`).
 */
import type { AdmissionPlugin } from './types.ts';

const finalizers: Readonly<Record<string, string>> = {
  persistentvolumeclaims: 'kubernetes.io/pvc-protection',
  persistentvolumes: 'kubernetes.io/pv-protection',
};

export const storageObjectInUse: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  resources: Object.keys(finalizers),
  admit({ operation, subresource, kind, object }) {
    const finalizer = finalizers[kind.resource];
    if (operation !== 'CREATE' || subresource !== undefined || !object || finalizer === undefined) return;
    const present = object.metadata?.finalizers ?? [];
    if (!present.includes(finalizer)) object.metadata = { ...object.metadata, finalizers: [...present, finalizer] };
  },
};
