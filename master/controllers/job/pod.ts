/** A Job's pod, from its template. Pure. */
import { kinds } from '../../api/kinds.ts';
import { newControllerRef } from '../../api/meta.ts';
import type { Container, Job, Pod } from '../../api/types.ts';
import { indexKey, trackingFinalizer } from './facts.ts';
import { failureCounts, isLimitedByIndex } from './failed-indexes.ts';

/**
 * `index`: of an indexed Job; its containers know it by the variable JOB_COMPLETION_INDEX, and the pod's hostname tells it.
 * `before`: the pod of this index that failed last, if its failures are to be counted on.
 */
export function podFor(job: Job, index?: number, before?: Pod): Pod {
  const { metadata = {}, spec } = job.spec?.template ?? {};
  const { namespace, name } = job.metadata ?? {};
  const own: Record<string, string> = index === undefined ? {} : { [indexKey]: String(index) };
  const pod: Pod = {
    metadata: {
      namespace,
      generateName: index === undefined ? `${name}-` : `${name}-${index}-`,
      labels: { ...metadata.labels, ...own },
      annotations: { ...metadata.annotations, ...own, ...(isLimitedByIndex(job) && failureCounts(job, before)) },
      finalizers: [...(metadata.finalizers ?? []), trackingFinalizer],
      ownerReferences: [newControllerRef(job, kinds.jobs)],
    },
    spec,
  };
  if (index === undefined || !spec) return pod;
  const { containers, initContainers } = spec;
  pod.spec = {
    ...spec,
    hostname: spec.hostname ?? `${name}-${index}`,
    containers: containers.map(withIndex),
    ...(initContainers && { initContainers: initContainers.map(withIndex) }),
  };
  return pod;
}

const variable = 'JOB_COMPLETION_INDEX';

function withIndex(container: Container): Container {
  const { env = [] } = container;
  if (env.some(({ name }) => name === variable)) return container;
  const valueFrom = { fieldRef: { fieldPath: `metadata.labels['${indexKey}']` } };
  return { ...container, env: [...env, { name: variable, valueFrom }] };
}
