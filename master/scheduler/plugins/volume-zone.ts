/** A volume whose labels say in which zones or regions it is can be used only there; nodes that say nothing of theirs may be anywhere. */
import type { PersistentVolume } from '../../api/types.ts';
import { isFullyBound } from '../../api/volume-claims.ts';
import type { Plugin } from '../framework.ts';

const refusal = { reasons: ['node(s) had no available volume zone'], unresolvable: true };

/** The labels that name a place, by their old names too. */
const keys: readonly (readonly [key: string, current: string])[] = ['zone', 'region'].flatMap((place) => [
  [`topology.kubernetes.io/${place}`, `topology.kubernetes.io/${place}`],
  [`failure-domain.beta.kubernetes.io/${place}`, `topology.kubernetes.io/${place}`],
]);
/** Between the zones of a volume that is in several. */
const separator = '__';

export const volumeZone: Plugin = {
  name: 'VolumeZone',
  looksAt: 'volumes',
  filterFor(pod, { volumes }) {
    const places = pod.claims.flatMap(({ key }) => {
      const claim = volumes.claims.get(key);
      const volume = claim && isFullyBound(claim) ? volumes.volumes.get(claim.spec?.volumeName ?? '') : undefined;
      return volume ? placesOf(volume) : [];
    });
    if (places.length === 0) return undefined;
    return ({ node }) => {
      const labels = node?.metadata?.labels ?? {};
      if (keys.every(([key]) => labels[key] === undefined)) return undefined;
      const isThere = places.every(({ key, current, values }) => values.includes(labels[key] ?? labels[current] ?? ''));
      return isThere ? undefined : refusal;
    };
  },
};

function placesOf({ metadata }: PersistentVolume): { key: string; current: string; values: string[] }[] {
  return keys.flatMap(([key, current]) => {
    const value = metadata?.labels?.[key];
    return value === undefined ? [] : [{ key, current, values: value.split(separator) }];
  });
}
