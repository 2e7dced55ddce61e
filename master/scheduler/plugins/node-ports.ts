/** Two pods of one node cannot hold the same host port. */
import type { Plugin } from '../framework.ts';

const refusal = { reasons: ["node(s) didn't have free ports for the requested pod ports"], unresolvable: false };

export const nodePorts: Plugin = {
  name: 'NodePorts',
  filter: (pod, node) => (pod.hostPorts.length > 0 && node.portsTaken(pod.hostPorts) ? refusal : undefined),
};
