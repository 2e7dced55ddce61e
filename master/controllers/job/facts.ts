/** What is said of a Job's pods in labels, annotations and finalizers, and small questions to both. Pure. The names are Kubernetes'. */
import { getCondition } from '../../api/meta.ts';
import type { Job, Pod } from '../../api/types.ts';
import { isTerminating, timeOf } from '../pod-facts.ts';

/** Keeps a pod until its end has been counted (KEP-2307). */
export const trackingFinalizer = 'batch.kubernetes.io/job-tracking';
/** Annotation and label of an indexed Job's pod. */
export const indexKey = 'batch.kubernetes.io/job-completion-index';

export const isTracked = ({ metadata }: Pod): boolean => metadata?.finalizers?.includes(trackingFinalizer) ?? false;
export const isIndexed = ({ spec }: Job): boolean => spec?.completionMode === 'Indexed';

/** The pod's index; undefined where it has none that the Job knows. */
export function indexOf(job: Job, { metadata }: Pod): number | undefined {
  const text = metadata?.annotations?.[indexKey] ?? '';
  const index = /^\d+$/.test(text) ? Number(text) : -1;
  return index >= 0 && index < (job.spec?.completions ?? 0) ? index : undefined;
}

export const hasSucceeded = (pod: Pod): boolean => pod.status?.phase === 'Succeeded';

/** A pod that is deleted has failed, too, unless only those are replaced that have ended (KEP-3939). */
export function hasFailed({ spec }: Job, pod: Pod): boolean {
  if (pod.status?.phase === 'Failed') return true;
  return spec?.podReplacementPolicy !== 'Failed' && isTerminating(pod) && !hasSucceeded(pod);
}

export const isTrue = ({ status }: Job, type: string): boolean =>
  getCondition(status?.conditions, type)?.status === 'True';
export const isFinished = (job: Job): boolean => isTrue(job, 'Complete') || isTrue(job, 'Failed');

/** When the pod's last container ended (ms since the epoch); else when it was deleted or, failing that, made. */
export function endedAt({ status, metadata }: Pod): number {
  const ends = (status?.containerStatuses ?? []).map(({ state }) => timeOf(state?.terminated?.finishedAt) ?? 0);
  return Math.max(0, ...ends) || timeOf(metadata?.deletionTimestamp) || timeOf(metadata?.creationTimestamp) || 0;
}
