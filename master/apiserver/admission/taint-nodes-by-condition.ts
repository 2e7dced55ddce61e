/** TaintNodesByCondition: a new Node takes no pods before its conditions were looked at. */
import type { Node } from '../../api/types.ts';
import type { AdmissionPlugin } from './types.ts';

const taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };

export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  resources: ['nodes'],
  admit({ operation, subresource, object }) {
    if (operation !== 'CREATE' || subresource !== undefined || !object) return;
    const node: Node = object;
    const taints = node.spec?.taints ?? [];
    if (taints.some(({ key, effect }) => key === taint.key && effect === taint.effect)) return;
    node.spec = { ...node.spec, taints: [...taints, taint] };
  },
};
