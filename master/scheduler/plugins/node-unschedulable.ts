/** A cordoned node (`spec.unschedulable`) takes only pods that tolerate the taint which stands for it. */
import type { Plugin } from '../framework.ts';
import { tolerates } from './taint-toleration.ts';

const refusal = { reasons: ['node(s) were unschedulable'], unresolvable: true };
const taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

export const nodeUnschedulable: Plugin = {
  name: 'NodeUnschedulable',
  filter(pod, { node }) {
    if (!node?.spec?.unschedulable || tolerates(pod.tolerations, taint)) return undefined;
    return refusal;
  },
};
