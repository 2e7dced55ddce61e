/** A pod that names its node runs nowhere else. Such pods need no scheduler; the filter keeps the rule in one place. */
import type { Plugin } from '../framework.ts';

const refusal = { reasons: ["node(s) didn't match the requested node name"], unresolvable: true };

export const nodeName: Plugin = {
  name: 'NodeName',
  filter(pod, node) {
    const wanted = pod.pod.spec?.nodeName;
    return !wanted || wanted === node.name ? undefined : refusal;
  },
};
