/** The claims of a pod: bound ones keep it where their volumes can be used, others wait for it and are bound with it. */
import type { Plugin } from '../framework.ts';
import { planAt, volumeNeeds } from '../volumes/volume-needs.ts';

export const volumeBinding: Plugin = {
  name: 'VolumeBinding',
  looksAt: 'volumes',
  filterFor(pod, { volumes }) {
    if (pod.claims.length === 0) return undefined;
    const needs = volumeNeeds(pod, volumes);
    if (typeof needs === 'string') return { reasons: [needs], unresolvable: true, everywhere: true };
    return ({ node }) => {
      if (!node) return undefined;
      const plan = planAt(needs, node);
      return 'bindings' in plan ? undefined : { reasons: plan, unresolvable: true };
    };
  },
};
