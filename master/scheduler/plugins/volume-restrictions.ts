/** A claim that one pod alone may use (ReadWriteOncePod) keeps others waiting while a pod on any node has it. */
import type { Plugin, Refusal } from '../framework.ts';

const refusal: Refusal = {
  reasons: ['node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode'],
  unresolvable: false,
};

export const volumeRestrictions: Plugin = {
  name: 'VolumeRestrictions',
  looksAt: 'otherPods',
  filterFor({ claims }, cache) {
    const alone = claims.flatMap(({ key }) =>
      cache.volumes.claims.get(key)?.spec?.accessModes?.includes('ReadWriteOncePod') ? [key] : [],
    );
    if (alone.length === 0) return undefined;
    for (const { pods } of cache.nodes()) {
      for (const other of pods.values()) if (other.claims.some(({ key }) => alone.includes(key))) return () => refusal;
    }
    return undefined;
  },
};
