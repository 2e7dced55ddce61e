/**
 * The pod garbage collector: removes pods that no kubelet will ever finish.
 *
 * - finished pods above --terminated-pod-gc-threshold, the oldest first;
 * - pods of a node that is gone, after the node was missing for a while and a live read confirms it;
 * - pods that are being deleted and were never assigned to a node;
 * - pods that are being deleted on a node which an administrator declared out of service.
 *
 * A pod that is being deleted on a node that is merely silent stays: it may still run there. It is replaced all the same,
 * because a pod that is being deleted does not count as a replica.
 */
import { isNotFound } from '../api/errors.ts';
import { keyOf, nowSeconds, setCondition } from '../api/meta.ts';
import type { Node, Pod } from '../api/types.ts';
import { atOnce } from './at-once.ts';
import { type ControllerContext, everyPeriod } from './context.ts';
import { readinessOf } from './node-lifecycle/conditions.ts';
import { outOfServiceKey } from './node-lifecycle/taints.ts';
import { isTerminated, isTerminating, timeOf } from './pod-facts.ts';

const periodMs = 20_000;
/** A node must be missing for this long before its pods go: it may just be registering again. */
const quarantineMs = 40_000;

type Reason = 'terminated' | 'orphaned' | 'unscheduled' | 'out-of-service';

export async function startPodGc(context: ControllerContext): Promise<void> {
  const { caches, clock, options, signal } = context;
  const missingMs = new Map<string, number>();
  caches.nodes.addHandler({ added: (node) => missingMs.delete(keyOf(node)) }, signal);
  await everyPeriod(context, 'pod garbage collection', periodMs, async () => {
    const pods = caches.pods.list();
    const nodeOf = (name: string): Node | undefined => caches.nodes.get(name);
    for (const pod of excessTerminated(pods, options.terminatedPodGcThreshold))
      await remove(context, pod, 'terminated');
    for (const pod of unscheduledTerminating(pods)) await remove(context, pod, 'unscheduled');
    for (const pod of outOfService(pods, nodeOf)) await remove(context, pod, 'out-of-service');
    const gone = await confirmedGone(context, missingNodes(pods, nodeOf, missingMs, clock.elapsed()));
    const orphans = pods.filter((pod) => gone.has(pod.spec?.nodeName ?? ''));
    const errors = await atOnce(orphans, (pod) => remove(context, pod, 'orphaned'));
    if (errors.length > 0) throw errors[0];
  });
}

/** The finished pods that are too many, the oldest first. A threshold of 0 keeps all. */
export function excessTerminated(pods: readonly Pod[], threshold: number): Pod[] {
  if (threshold <= 0) return [];
  const terminated = pods.filter(isTerminated);
  const created = ({ metadata }: Pod): number => timeOf(metadata?.creationTimestamp) ?? 0;
  return terminated.sort((a, b) => created(a) - created(b)).slice(0, Math.max(0, terminated.length - threshold));
}

export function unscheduledTerminating(pods: readonly Pod[]): Pod[] {
  return pods.filter((pod) => isTerminating(pod) && !pod.spec?.nodeName);
}

export function outOfService(pods: readonly Pod[], nodeOf: (name: string) => Node | undefined): Pod[] {
  return pods.filter((pod) => {
    const node = nodeOf(pod.spec?.nodeName ?? '');
    if (!node || !isTerminating(pod) || readinessOf(node) === 'True') return false;
    return (node.spec?.taints ?? []).some(({ key }) => key === outOfServiceKey);
  });
}

/** Nodes that pods name and that have been missing for the quarantine. Keeps `missingMs` (node → since when) up to date. */
export function missingNodes(
  pods: readonly Pod[],
  nodeOf: (name: string) => Node | undefined,
  missingMs: Map<string, number>,
  now: number,
): string[] {
  const missing = new Set(pods.map(({ spec }) => spec?.nodeName ?? '').filter((name) => name && !nodeOf(name)));
  for (const name of [...missingMs.keys()]) if (!missing.has(name)) missingMs.delete(name);
  for (const name of missing) if (!missingMs.has(name)) missingMs.set(name, now);
  return [...missing].filter((name) => now - (missingMs.get(name) ?? now) >= quarantineMs);
}

async function confirmedGone({ client }: ControllerContext, names: readonly string[]): Promise<Set<string>> {
  const gone = new Set<string>();
  for (const name of names) {
    try {
      await client.get('nodes', { name });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      gone.add(name);
    }
  }
  return gone;
}

async function remove({ client, clock, metrics, logger }: ControllerContext, pod: Pod, reason: Reason): Promise<void> {
  const { namespace = '', name = '', uid } = pod.metadata ?? {};
  logger.info({ pod: keyOf(pod), reason }, 'pod removed');
  try {
    if (reason === 'orphaned' && !isTerminated(pod)) {
      const condition = {
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'DeletionByPodGC',
        message: 'PodGC: node no longer exists',
      };
      const conditions = setCondition(pod.status?.conditions, condition, nowSeconds(clock.now()));
      const patch = { metadata: { uid }, status: { phase: 'Failed', conditions } };
      await client.patch('pods', { namespace, name }, patch, { type: 'strategic', subresource: 'status' });
    }
    await client.delete('pods', { namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid } });
    metrics.podGcDeletions.inc({ namespace, reason });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
