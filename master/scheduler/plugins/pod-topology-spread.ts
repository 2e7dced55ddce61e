/**
 * Pods of one owner are spread over nodes, and over zones where nodes have them: the fewer siblings a place has, the
 * better. It stands for Kubernetes' default topology spreading; constraints that a pod names itself are not read yet.
 */
import { Normalize, type Plugin } from '../framework.ts';

/** How many siblings in the zone weigh as much as one on the node itself. */
const zoneSiblings = 2;

export const podTopologySpread: Plugin = {
  name: 'PodTopologySpread',
  scoring: {
    weight: 2,
    normalize: Normalize.lowestIsBest,
    applies: (pod) => pod.owner !== undefined,
    score({ owner = '' }, node, cluster) {
      const onNode = node.podsOf(owner);
      return node.zone === undefined ? onNode : onNode + cluster.siblingsIn(node.zone) / zoneSiblings;
    },
  },
};
