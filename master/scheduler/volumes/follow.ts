/** Keeps the scheduler's picture of claims, volumes and classes by their watches, and says what each change could be good for. */
import type { Informer } from '../../api/informer.ts';
import { keyOf } from '../../api/meta.ts';
import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '../../api/types.ts';
import type { PodInfo } from '../pod-info.ts';
import type { VolumeCache } from './volume-cache.ts';

export interface VolumeInformers {
  readonly claims: Informer<'persistentvolumeclaims'>;
  readonly volumes: Informer<'persistentvolumes'>;
  readonly classes: Informer<'storageclasses'>;
}

/** `changed` is told of what may help pods that wait for a volume, and which of them it concerns. */
export function followVolumes(
  informers: VolumeInformers,
  cache: VolumeCache,
  changed: (event: string, concerns: (pod: PodInfo) => boolean) => void,
): void {
  const claim = (event: string, one: PersistentVolumeClaim): void => {
    cache.claims.set(one);
    const key = keyOf(one);
    changed(event, ({ claims }) => claims.some((named) => named.key === key));
    cache.told();
  };
  const volume = (event: string, one: PersistentVolume): void => {
    cache.volumes.set(one);
    changed(event, () => true);
    cache.told();
  };
  const storageClass = (event: string, one: StorageClass): void => {
    cache.setClass(one);
    changed(event, () => true);
  };
  informers.claims.addHandler({
    added: (one) => claim('PersistentVolumeClaimAdd', one),
    updated: (_, one) => claim('PersistentVolumeClaimUpdate', one),
    deleted: (one) => {
      cache.claims.remove(one);
      cache.told();
    },
  });
  informers.volumes.addHandler({
    added: (one) => volume('PersistentVolumeAdd', one),
    updated: (_, one) => volume('PersistentVolumeUpdate', one),
    deleted: (one) => cache.volumes.remove(one),
  });
  informers.classes.addHandler({
    added: (one) => storageClass('StorageClassAdd', one),
    updated: (_, one) => storageClass('StorageClassUpdate', one),
    deleted: (one) => cache.removeClass(one),
  });
}
