/** What the conditions of a silent node become, and what a node's readiness is. Pure. */
import { getCondition, nowSeconds } from '../../api/meta.ts';
import type { Node, NodeCondition, Pod } from '../../api/types.ts';

export type Readiness = 'True' | 'False' | 'Unknown';

/** The conditions that only the kubelet can know. */
const kubeletConditions = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'] as const;

export function readinessOf(node: Node): Readiness {
  const status = getCondition(node.status?.conditions, 'Ready')?.status;
  return status === 'True' || status === 'False' ? status : 'Unknown';
}

/** The conditions once nothing is known of the node any more; undefined when they say so already. */
export function silencedConditions(node: Node, now: number): NodeCondition[] | undefined {
  const at = nowSeconds(now);
  const present = node.status?.conditions ?? [];
  let changed = false;
  const silenced = present.map((condition): NodeCondition => {
    const known = kubeletConditions.some((type) => type === condition.type);
    if (!known || condition.status === 'Unknown') return condition;
    changed = true;
    return { ...condition, ...stoppedPosting, lastTransitionTime: at };
  });
  for (const type of kubeletConditions) {
    if (getCondition(present, type)) continue;
    changed = true;
    const lastHeartbeatTime = node.metadata?.creationTimestamp;
    silenced.push({ type, ...neverPosted, lastHeartbeatTime, lastTransitionTime: at });
  }
  return changed ? silenced : undefined;
}

const stoppedPosting = {
  status: 'Unknown',
  reason: 'NodeStatusUnknown',
  message: 'Kubelet stopped posting node status.',
};
const neverPosted = {
  status: 'Unknown',
  reason: 'NodeStatusNeverUpdated',
  message: 'Kubelet never posted node status.',
};

/** The pod's status with Ready turned to False, so that it leaves the endpoints; undefined when it is not ready anyway. */
export function unreadyStatus(pod: Pod, now: number): Pod['status'] | undefined {
  const conditions = pod.status?.conditions ?? [];
  if (getCondition(conditions, 'Ready')?.status !== 'True') return undefined;
  return {
    ...pod.status,
    conditions: conditions.map((condition) =>
      condition.type === 'Ready' ? { ...condition, status: 'False', lastTransitionTime: nowSeconds(now) } : condition,
    ),
  };
}
