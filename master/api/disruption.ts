/**
 * PodDisruptionBudgets, as the API server that asks them and the controller that counts for them both know them (Kubernetes,
 * "Disruptions" and "Specifying a Disruption Budget").
 */
import { getCondition, setCondition } from './meta.ts';
import { labelSelectorFromObject, matchesLabels } from './selectors.ts';
import type { Pod, PodDisruptionBudget } from './types.ts';

type Conditions = NonNullable<NonNullable<PodDisruptionBudget['status']>['conditions']>;

/** How long (ms) a pod that was let go is taken for one that is about to be deleted. */
export const deletionTimeoutMs = 120_000;

export const syncFailed = 'SyncFailed';

/** Whether the pod is one that the budget is about. An empty selector is about all pods, none about none. */
export function isGuarded(pod: Pod, { metadata, spec }: PodDisruptionBudget): boolean {
  if (!spec?.selector || metadata?.namespace !== pod.metadata?.namespace) return false;
  return matchesLabels(labelSelectorFromObject(spec.selector), pod.metadata?.labels);
}

/** A healthy pod, as budgets count: one that is ready. */
export const isHealthy = (pod: Pod): boolean => getCondition(pod.status?.conditions, 'Ready')?.status === 'True';

/** The conditions with the one that says whether a pod may be disrupted. `now` is an RFC 3339 time. */
export function withDisruptionAllowed(
  { conditions, disruptionsAllowed = 0, observedGeneration }: NonNullable<PodDisruptionBudget['status']>,
  now: string,
): Conditions {
  const allowed = disruptionsAllowed > 0;
  return withCondition(
    conditions,
    allowed,
    allowed ? 'SufficientPods' : 'InsufficientPods',
    '',
    observedGeneration,
    now,
  );
}

/** The same where nobody could tell, and why. */
export function withSyncFailed(
  {
    conditions,
    observedGeneration,
  }: Pick<NonNullable<PodDisruptionBudget['status']>, 'conditions' | 'observedGeneration'>,
  why: string,
  now: string,
): Conditions {
  return withCondition(conditions, false, syncFailed, why, observedGeneration, now);
}

export const disruptionAllowed = 'DisruptionAllowed';

function withCondition(
  conditions: Conditions | undefined,
  allowed: boolean,
  reason: string,
  message: string,
  observedGeneration: number | undefined,
  now: string,
): Conditions {
  const condition = {
    type: disruptionAllowed,
    status: allowed ? 'True' : 'False',
    reason,
    message,
    ...(observedGeneration !== undefined && { observedGeneration }),
    lastTransitionTime: now,
  };
  return setCondition(conditions, condition, now);
}
