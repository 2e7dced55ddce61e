/** The status of an owner of replicas, computed anew from its pods each time. Pure. */
import { setCondition } from '../../api/meta.ts';
import type { Pod } from '../../api/types.ts';
import { availability, isActive, isEnding, isReady } from '../pod-facts.ts';
import type { ReplicaOwner, ReplicaStatus } from './replica-kinds.ts';

/** Why replicas could not be made or removed; shown as the condition ReplicaFailure. */
export interface ReplicaFailure {
  readonly reason: 'FailedCreate' | 'FailedDelete';
  readonly message: string;
}

/** `availableInMs`: when the next ready pod becomes available by minReadySeconds, if one is on its way. */
export function computeStatus(
  owner: ReplicaOwner,
  owned: readonly Pod[],
  failure: ReplicaFailure | undefined,
  now: number,
  countsTerminating = false,
): { status: ReplicaStatus; availableInMs?: number } {
  const template = Object.entries(owner.spec?.template?.metadata?.labels ?? {});
  const minReadySeconds = owner.spec?.minReadySeconds ?? 0;
  const status: ReplicaStatus = {
    replicas: 0,
    fullyLabeledReplicas: 0,
    readyReplicas: 0,
    availableReplicas: 0,
    observedGeneration: owner.metadata?.generation ?? 0,
  };
  const counts = { replicas: 0, fullyLabeled: 0, ready: 0, available: 0 };
  let availableInMs: number | undefined;
  for (const pod of owned.filter(isActive)) {
    counts.replicas += 1;
    if (template.every(([name, value]) => pod.metadata?.labels?.[name] === value)) counts.fullyLabeled += 1;
    if (!isReady(pod)) continue;
    counts.ready += 1;
    const { available, availableInMs: wait } = availability(pod, minReadySeconds, now);
    if (available) counts.available += 1;
    else if (wait !== undefined) availableInMs = Math.min(wait, availableInMs ?? wait);
  }
  status.replicas = counts.replicas;
  // Kubernetes leaves out counts that are zero.
  status.fullyLabeledReplicas = counts.fullyLabeled || undefined;
  status.readyReplicas = counts.ready || undefined;
  status.availableReplicas = counts.available || undefined;
  if (countsTerminating) status.terminatingReplicas = owned.filter(isEnding).length;
  const conditions = conditionsWith(owner.status?.conditions ?? [], failure, now);
  if (conditions.length > 0) status.conditions = conditions;
  return availableInMs === undefined ? { status } : { status, availableInMs };
}

type Conditions = NonNullable<ReplicaStatus['conditions']>;

function conditionsWith(present: Conditions, failure: ReplicaFailure | undefined, now: number): Conditions {
  if (!failure) return present.filter(({ type }) => type !== 'ReplicaFailure');
  const at = `${new Date(now).toISOString().slice(0, 19)}Z`;
  return setCondition(present, { type: 'ReplicaFailure', status: 'True', ...failure }, at);
}
