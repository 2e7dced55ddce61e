/**
 * Which taints a node should carry (Kubernetes, "Taints and Tolerations": taint based evictions, taint nodes by condition).
 * Pure. Taints of other keys belong to the user and are left alone.
 */
import { nowSeconds } from '../../api/meta.ts';
import type { Node, Taint } from '../../api/types.ts';
import type { Readiness } from './conditions.ts';

export const notReadyKey = 'node.kubernetes.io/not-ready';
export const unreachableKey = 'node.kubernetes.io/unreachable';
export const outOfServiceKey = 'node.kubernetes.io/out-of-service';
const unschedulableKey = 'node.kubernetes.io/unschedulable';

/** Condition and status → the key of its NoSchedule taint. */
const conditionTaints = [
  { type: 'Ready', status: 'False', key: notReadyKey },
  { type: 'Ready', status: 'Unknown', key: unreachableKey },
  { type: 'MemoryPressure', status: 'True', key: 'node.kubernetes.io/memory-pressure' },
  { type: 'DiskPressure', status: 'True', key: 'node.kubernetes.io/disk-pressure' },
  { type: 'NetworkUnavailable', status: 'True', key: 'node.kubernetes.io/network-unavailable' },
  { type: 'PIDPressure', status: 'True', key: 'node.kubernetes.io/pid-pressure' },
] as const;

const managedNoSchedule = new Set<string>([unschedulableKey, ...conditionTaints.map(({ key }) => key)]);
const managedNoExecute = new Set<string>([notReadyKey, unreachableKey]);

/** The key of the NoExecute taint for a node that is not ready. */
export function evictionKey(readiness: Readiness): string | undefined {
  if (readiness === 'True') return undefined;
  return readiness === 'False' ? notReadyKey : unreachableKey;
}

/** Whether pods are being evicted from the node because it is not ready. */
export function isTaintedForEviction(node: Node): boolean {
  return (node.spec?.taints ?? []).some(isManagedEviction);
}

/**
 * The node's taints as they should be; undefined when they are so already. `evict` is the key of the NoExecute taint to
 * carry, if any.
 */
export function wantedTaints(node: Node, evict: string | undefined, now: number): Taint[] | undefined {
  const present = node.spec?.taints ?? [];
  const kept = present.filter((taint) => !isManaged(taint));
  const wanted = [
    ...noScheduleKeys(node).map((key) => ({ key, effect: 'NoSchedule' })),
    ...(evict ? [{ key: evict, effect: 'NoExecute' }] : []),
  ];
  const unchanged =
    kept.length + wanted.length === present.length &&
    wanted.every((taint) => present.some((other) => same(taint, other)));
  if (unchanged) return undefined;
  const timeAdded = nowSeconds(now);
  return [...kept, ...wanted.map((taint) => present.find((other) => same(taint, other)) ?? { ...taint, timeAdded })];
}

function noScheduleKeys(node: Node): string[] {
  const conditions = node.status?.conditions ?? [];
  const keys: string[] = conditionTaints
    .filter(({ type, status }) =>
      conditions.some((condition) => condition.type === type && condition.status === status),
    )
    .map(({ key }) => key);
  if (node.spec?.unschedulable) keys.push(unschedulableKey);
  return keys;
}

function isManaged(taint: Taint): boolean {
  return isManagedEviction(taint) || (taint.effect === 'NoSchedule' && managedNoSchedule.has(taint.key));
}

const isManagedEviction = ({ key, effect }: Taint): boolean => effect === 'NoExecute' && managedNoExecute.has(key);

const same = (a: Taint, b: Taint): boolean => a.key === b.key && a.effect === b.effect;
