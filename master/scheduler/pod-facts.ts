/** Which pods concern the scheduler. */
import type { Pod } from '../api/types.ts';

/** It will not run again, so it takes no room. */
export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

/** Whether the pod waits for a node, from this scheduler, and may have one: it is not being deleted and has no gates. */
export function isForUs(pod: Pod): boolean {
  const { nodeName, schedulerName, schedulingGates = [] } = pod.spec ?? {};
  const ours = !schedulerName || schedulerName === 'default-scheduler';
  return ours && !nodeName && schedulingGates.length === 0 && !pod.metadata?.deletionTimestamp && !isFinished(pod);
}
