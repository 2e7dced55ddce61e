/** The nodes that a pod asks for by label or name: nodeSelector and node affinity, required and preferred. */

import { matchesRequired, matchesTerm } from '../../api/node-selector.ts';
import { Normalize, type Plugin } from '../framework.ts';

const refusal = { reasons: ["node(s) didn't match Pod's node affinity/selector"], unresolvable: true };

export const nodeAffinity: Plugin = {
  name: 'NodeAffinity',
  filter(pod, { node }) {
    if (!pod.required || (node && matchesRequired(pod.required, node))) return undefined;
    return refusal;
  },
  scoring: {
    weight: 2,
    normalize: Normalize.highestIsBest,
    scorer({ preferred }) {
      if (preferred.length === 0) return undefined;
      return ({ node }) => {
        let sum = 0;
        for (const { weight, term } of preferred) if (node && matchesTerm(term, node)) sum += weight;
        return sum;
      };
    },
  },
};
