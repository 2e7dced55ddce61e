/** Takes back the condition DisruptionTarget of pods that were to be disrupted and two minutes later are not being deleted. */
import { getCondition, keyOf, nowSeconds, setCondition } from '../../api/meta.ts';
import { unlessOvertaken } from '../../api/overtaken.ts';
import type { Pod } from '../../api/types.ts';
import { type ControllerContext, newQueue, work } from '../context.ts';
import { isTerminated, isTerminating, timeOf } from '../pod-facts.ts';

const staleMs = 120_000;
const disruptionTarget = 'DisruptionTarget';

export async function startStaleTargets(context: ControllerContext): Promise<void> {
  const { caches, client, clock, signal } = context;
  const queue = newQueue(context, 'stale_pod_disruption');
  const consider = (pod: Pod): void => {
    const wait = staleInMs(pod, clock.now());
    if (wait !== undefined) queue.addAfter(keyOf(pod), wait);
  };
  caches.pods.addHandler({ added: consider, updated: (_, pod) => consider(pod) }, signal);
  await work(context, queue, 1, async (key) => {
    const pod = caches.pods.get(key);
    const wait = pod && staleInMs(pod, clock.now());
    if (!pod || wait === undefined) return {};
    if (wait > 0) return { requeueAfterMs: wait };
    const taken = { type: disruptionTarget, status: 'False' };
    const conditions = setCondition(pod.status?.conditions, taken, nowSeconds(clock.now()));
    await unlessOvertaken(
      client.update('pods', { ...pod, status: { ...pod.status, conditions } }, { subresource: 'status' }),
    );
    return {};
  });
}

/** How long (ms) until the condition is stale; undefined where it is not there, or is no longer anybody's to take back. */
export function staleInMs(pod: Pod, nowMs: number): number | undefined {
  const condition = getCondition(pod.status?.conditions, disruptionTarget);
  if (condition?.status !== 'True' || isTerminating(pod) || isTerminated(pod)) return undefined;
  // A kubelet may take its time.
  if (condition.reason === 'TerminationByKubelet') return undefined;
  return Math.max(0, (timeOf(condition.lastTransitionTime) ?? nowMs) + staleMs - nowMs);
}
