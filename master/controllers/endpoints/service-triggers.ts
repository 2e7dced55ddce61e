/** Which services must be looked at when a pod or a service changes. Shared by both endpoint controllers. */
import { deepEqual, keyOf } from '../../api/meta.ts';
import type { Pod, Service } from '../../api/types.ts';
import type { WorkQueue } from '../../api/workqueue.ts';
import { namespaceIndex, podIndex } from '../caches.ts';
import type { ControllerContext } from '../context.ts';
import { selectsPod } from './pod-endpoint.ts';

/** At most this long (ms) are the changes of a service with many pods gathered into one write. */
const longestBatchMs = 500;

/** Adds the keys of concerned services to the queue until the term ends. */
export function triggerOnServicesAndPods({ caches, signal }: ControllerContext, queue: WorkQueue): void {
  const service = (object: Service): void => queue.add(keyOf(object));
  caches.services.addHandler({ added: service, updated: (_, object) => service(object), deleted: service }, signal);

  const concerned = (pod: Pod): void => {
    const namespace = pod.metadata?.namespace ?? '';
    for (const candidate of caches.services.byIndex(namespaceIndex, namespace)) {
      if (selectsPod(candidate, pod)) queue.addAfter(keyOf(candidate), batchMs(candidate));
    }
  };
  // One write of a service's endpoints costs as much as it has pods: a big one waits a little for more changes.
  const batchMs = (candidate: Service): number => {
    const pods = caches.pods.byIndex(podIndex.namespace, candidate.metadata?.namespace ?? '').length;
    return pods < 50 ? 0 : Math.min(longestBatchMs, pods);
  };
  caches.pods.addHandler(
    {
      added: concerned,
      updated: (previous, pod) => {
        if (!endpointsDiffer(previous, pod)) return;
        if (!deepEqual(previous.metadata?.labels, pod.metadata?.labels)) concerned(previous);
        concerned(pod);
      },
      deleted: concerned,
    },
    signal,
  );
}

/** Whether anything changed that endpoints show. */
export function endpointsDiffer(a: Pod, b: Pod): boolean {
  return !deepEqual(visible(a), visible(b));
}

function visible({ metadata, spec, status }: Pod): unknown {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  return [
    metadata?.labels,
    metadata?.deletionTimestamp !== undefined,
    spec?.nodeName,
    spec?.hostname,
    spec?.subdomain,
    status?.podIP,
    status?.podIPs,
    status?.phase === 'Succeeded' || status?.phase === 'Failed',
    ready,
  ];
}
