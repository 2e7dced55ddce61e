/**
 * The status of a Deployment, worked out from its ReplicaSets. Pure. Conditions, reasons and messages are Kubernetes', because
 * `kubectl rollout status` and others read them.
 */
import { nowSeconds } from '../../api/meta.ts';
import type { Deployment, ReplicaSet } from '../../api/types.ts';
import { timeOf } from '../pod-facts.ts';
import { limitsOf, replicasOf } from './facts.ts';
import type { Sets } from './rollout.ts';

type Status = NonNullable<Deployment['status']>;
type Condition = NonNullable<Status['conditions']>[number];

/** What is to be said of the progress besides what the counts say. */
export interface Note {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

const progressing = 'Progressing';
const done = 'NewReplicaSetAvailable';
const timedOut = 'ProgressDeadlineExceeded';

/** `checkInMs`: when a rollout that does not go on will be overdue, if one is under way. */
export function statusOf(
  deployment: Deployment,
  { fresh, old }: Sets,
  nowMs: number,
  note?: Note,
): { status: Status; checkInMs?: number } {
  const now = nowSeconds(nowMs);
  const status = countsOf(deployment, fresh, old);
  let conditions = withCondition(deployment.status?.conditions ?? [], availability(deployment, status), now);
  const deadlineMs = deploymentDeadlineMs(deployment);
  if (deadlineMs === undefined) conditions = without(conditions, progressing);
  else if (note) conditions = withCondition(conditions, { type: progressing, ...note }, now);
  else conditions = withProgress(deployment, status, fresh, conditions, nowMs);
  const failure = [...old, ...(fresh ? [fresh] : [])]
    .flatMap((set) => set.status?.conditions ?? [])
    .find(({ type }) => type === 'ReplicaFailure');
  conditions = failure
    ? withCondition(
        conditions,
        { type: failure.type, status: failure.status, reason: failure.reason, message: failure.message },
        now,
      )
    : without(conditions, 'ReplicaFailure');
  if (conditions.length > 0) status.conditions = conditions;
  const current = conditions.find(({ type }) => type === progressing);
  const isWaiting = !deployment.spec?.paused && current?.reason !== done && current?.reason !== timedOut;
  if (!current || !isWaiting || deadlineMs === undefined) return { status };
  const since = timeOf(current.lastUpdateTime) ?? nowMs;
  // A second more, because times in conditions are whole ones.
  return { status, checkInMs: Math.max(1_000, since + deadlineMs + 1_000 - nowMs) };
}

/** Everything is as the Deployment says, and only that. */
export function isComplete(deployment: Deployment, status: Status | undefined): boolean {
  const wanted = replicasOf(deployment);
  return (
    (status?.updatedReplicas ?? 0) === wanted &&
    (status?.replicas ?? 0) === wanted &&
    (status?.availableReplicas ?? 0) === wanted &&
    (status?.observedGeneration ?? 0) >= (deployment.metadata?.generation ?? 0)
  );
}

/** What is to be said while a Deployment is paused, or when it goes on; undefined where nothing is. */
export function pauseNote({ spec, status }: Deployment): Note | undefined {
  const current = status?.conditions?.find(({ type }) => type === progressing);
  if (spec?.progressDeadlineSeconds === undefined || current?.reason === timedOut) return undefined;
  const isSaid = current?.reason === 'DeploymentPaused';
  if (spec.paused && !isSaid) {
    return { status: 'Unknown', reason: 'DeploymentPaused', message: 'Deployment is paused' };
  }
  if (!spec.paused && isSaid)
    return { status: 'Unknown', reason: 'DeploymentResumed', message: 'Deployment is resumed' };
  return undefined;
}

function countsOf(deployment: Deployment, fresh: ReplicaSet | undefined, old: readonly ReplicaSet[]): Status {
  const sets = fresh ? [...old, fresh] : old;
  const sum = (count: (set: ReplicaSet) => number | undefined) =>
    sets.reduce((total, set) => total + (count(set) ?? 0), 0);
  const available = sum((set) => set.status?.availableReplicas);
  const { collisionCount } = deployment.status ?? {};
  return {
    observedGeneration: deployment.metadata?.generation ?? 0,
    // Kubernetes leaves out counts that are zero.
    replicas: sum((set) => set.status?.replicas) || undefined,
    updatedReplicas: fresh?.status?.replicas || undefined,
    readyReplicas: sum((set) => set.status?.readyReplicas) || undefined,
    availableReplicas: available || undefined,
    unavailableReplicas: Math.max(0, sum(replicasOf) - available) || undefined,
    terminatingReplicas: sum((set) => set.status?.terminatingReplicas),
    ...(collisionCount === undefined ? {} : { collisionCount }),
  };
}

function availability(deployment: Deployment, { availableReplicas = 0 }: Status): NewCondition {
  const type = 'Available';
  return availableReplicas >= replicasOf(deployment) - limitsOf(deployment).maxUnavailable
    ? { type, status: 'True', reason: 'MinimumReplicasAvailable', message: 'Deployment has minimum availability.' }
    : {
        type,
        status: 'False',
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
      };
}

function withProgress(
  deployment: Deployment,
  status: Status,
  fresh: ReplicaSet | undefined,
  conditions: readonly Condition[],
  nowMs: number,
): Condition[] {
  const now = nowSeconds(nowMs);
  const current = conditions.find(({ type }) => type === progressing);
  const wasDone = (status.replicas ?? 0) === (status.updatedReplicas ?? 0) && current?.reason === done;
  if (wasDone) return [...conditions];
  const name = deployment.metadata?.name;
  const what = fresh ? `ReplicaSet "${fresh.metadata?.name}"` : `Deployment "${name}"`;
  const say = (state: 'True' | 'False', reason: string, message: string): NewCondition => ({
    type: progressing,
    status: state,
    reason,
    message,
  });
  if (isComplete(deployment, status)) {
    return withCondition(conditions, say('True', done, `${what} has successfully progressed.`), now);
  }
  if (hasProgressed(deployment.status, status)) {
    const next = say('True', 'ReplicaSetUpdated', `${what} is progressing.`);
    const lastTransitionTime = current?.status === 'True' ? current.lastTransitionTime : now;
    // The time of the last progress is what the deadline counts from.
    return replaced(conditions, { ...next, lastUpdateTime: now, lastTransitionTime });
  }
  if (isOverdue(deployment, current, nowMs)) {
    return withCondition(conditions, say('False', timedOut, `${what} has timed out progressing.`), now);
  }
  return [...conditions];
}

function hasProgressed(before: Status | undefined, after: Status): boolean {
  const old = (status: Status | undefined) => (status?.replicas ?? 0) - (status?.updatedReplicas ?? 0);
  const grows = (count: 'updatedReplicas' | 'readyReplicas' | 'availableReplicas') =>
    (after[count] ?? 0) > (before?.[count] ?? 0);
  return grows('updatedReplicas') || grows('readyReplicas') || grows('availableReplicas') || old(after) < old(before);
}

function isOverdue(deployment: Deployment, current: Condition | undefined, nowMs: number): boolean {
  const deadlineMs = deploymentDeadlineMs(deployment);
  if (!current || deadlineMs === undefined || deployment.spec?.paused || current.reason === done) return false;
  if (current.reason === timedOut) return true;
  return (timeOf(current.lastUpdateTime) ?? nowMs) + deadlineMs < nowMs;
}

/** Kubernetes takes the greatest number of 32 bits for no deadline. */
function deploymentDeadlineMs({ spec }: Deployment): number | undefined {
  const seconds = spec?.progressDeadlineSeconds;
  return seconds === undefined || seconds >= 2 ** 31 - 1 ? undefined : seconds * 1_000;
}

type NewCondition = Omit<Condition, 'lastUpdateTime' | 'lastTransitionTime'>;

/** A condition that says the same keeps its times. */
function withCondition(conditions: readonly Condition[], next: NewCondition, now: string): Condition[] {
  const present = conditions.find(({ type }) => type === next.type);
  if (present?.status === next.status && present.reason === next.reason) return [...conditions];
  const lastTransitionTime = present?.status === next.status ? present.lastTransitionTime : now;
  return replaced(conditions, { ...next, lastUpdateTime: now, lastTransitionTime });
}

const without = (conditions: readonly Condition[], type: string): Condition[] =>
  conditions.filter((condition) => condition.type !== type);

const replaced = (conditions: readonly Condition[], next: Condition): Condition[] => [
  ...without(conditions, next.type),
  next,
];
