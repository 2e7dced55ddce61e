/** Taints keep pods away that do not tolerate them: NoSchedule and NoExecute for certain, PreferNoSchedule if possible. */
import type { Taint, Toleration } from '../../api/types.ts';
import { Normalize, type Plugin } from '../framework.ts';

export const taintToleration: Plugin = {
  name: 'TaintToleration',
  filter(pod, node) {
    if (areTolerated(pod.tolerations, node.taints)) return undefined;
    return { reasons: ['node(s) had untolerated taint(s)'], unresolvable: true };
  },
  scoring: {
    weight: 3,
    normalize: Normalize.lowestIsBest,
    scorer:
      ({ tolerations }) =>
      (node) => {
        let untolerated = 0;
        for (const taint of node.taints) {
          if (taint.effect === 'PreferNoSchedule' && !tolerates(tolerations, taint)) untolerated += 1;
        }
        return untolerated;
      },
  },
};

/** Whether none of the taints keeps a pod with these tolerations away. */
export const areTolerated = (tolerations: readonly Toleration[], taints: readonly Taint[]): boolean =>
  taints.every((taint) => taint.effect === 'PreferNoSchedule' || tolerates(tolerations, taint));

/** Whether one of the tolerations lets the taint pass. An empty key with `Exists` tolerates everything. */
export function tolerates(tolerations: readonly Toleration[], taint: Taint): boolean {
  return tolerations.some((toleration) => {
    if (toleration.effect && toleration.effect !== taint.effect) return false;
    if (toleration.key && toleration.key !== taint.key) return false;
    if (toleration.operator === 'Exists') return true;
    return Boolean(toleration.key) && (toleration.value ?? '') === (taint.value ?? '');
  });
}
