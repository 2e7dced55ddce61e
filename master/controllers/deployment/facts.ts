/**
 * What is said of Deployments and their ReplicaSets in labels, annotations and few numbers. Pure. The names are Kubernetes'
 * ("Deployments", and kubectl's `rollout history`).
 */
import type { Deployment, ReplicaSet } from '../../api/types.ts';
import { amountOf } from '../int-or-percent.ts';
import { timeOf } from '../pod-facts.ts';

export const hashLabel = 'pod-template-hash';
export const revisionAnnotation = 'deployment.kubernetes.io/revision';
export const historyAnnotation = 'deployment.kubernetes.io/revision-history';
export const desiredAnnotation = 'deployment.kubernetes.io/desired-replicas';
export const maxAnnotation = 'deployment.kubernetes.io/max-replicas';

export const replicasOf = ({ spec }: Deployment | ReplicaSet): number => spec?.replicas ?? 1;

export const revisionOf = (object: Deployment | ReplicaSet): number =>
  Number.parseInt(object.metadata?.annotations?.[revisionAnnotation] ?? '', 10) || 0;

export const compare = (a = '', b = ''): number => (a < b ? -1 : a > b ? 1 : 0);

export const byAge = (a: ReplicaSet, b: ReplicaSet): number =>
  (timeOf(a.metadata?.creationTimestamp) ?? 0) - (timeOf(b.metadata?.creationTimestamp) ?? 0) ||
  compare(a.metadata?.name, b.metadata?.name);

/** How many pods a rolling update may have too many, and how many too few; both 0 would stand still. */
export function limitsOf(deployment: Deployment): { maxSurge: number; maxUnavailable: number } {
  const { type, rollingUpdate } = deployment.spec?.strategy ?? {};
  const replicas = replicasOf(deployment);
  if (type === 'Recreate') return { maxSurge: 0, maxUnavailable: 0 };
  const maxSurge = Math.ceil(amountOf(rollingUpdate?.maxSurge ?? '25%', replicas));
  const maxUnavailable = Math.floor(amountOf(rollingUpdate?.maxUnavailable ?? '25%', replicas));
  if (replicas === 0) return { maxSurge, maxUnavailable: 0 };
  return { maxSurge, maxUnavailable: Math.min(replicas, maxSurge + maxUnavailable === 0 ? 1 : maxUnavailable) };
}
