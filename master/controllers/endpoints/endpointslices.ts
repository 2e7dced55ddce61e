/**
 * The EndpointSlice controller: the slices of each service with a selector. Slices of others (another managed-by label) and
 * services without selector are left alone (see `mirroring.ts`). The garbage collector removes slices whose service is gone.
 */

import { behindMs } from '../../api/overtaken.ts';
import type { EndpointSlice } from '../../api/types.ts';
import { podIndex, serviceIndex, serviceNameLabel } from '../caches.ts';
import { type ControllerContext, newQueue, work } from '../context.ts';
import { hasSelector, selectsPod } from './pod-endpoint.ts';
import { triggerOnServicesAndPods } from './service-triggers.ts';
import { SliceWriter } from './slice-writer.ts';
import { controllerName, managedByLabel, planSlices } from './slices.ts';

const concurrency = 5;

export async function startEndpointSlices(context: ControllerContext): Promise<void> {
  const { caches, signal } = context;
  const queue = newQueue(context, 'endpoint_slice');
  const writer = new SliceWriter(context);
  triggerOnServicesAndPods(context, queue);
  const enqueue = ({ metadata }: EndpointSlice): void => {
    const service = metadata?.labels?.[serviceNameLabel];
    if (service) queue.add(`${metadata?.namespace}/${service}`);
  };
  caches.endpointslices.addHandler(
    {
      added: enqueue,
      updated: (previous, slice) => {
        enqueue(previous);
        enqueue(slice);
      },
      deleted: enqueue,
    },
    signal,
  );
  await work(context, queue, concurrency, async (key) => {
    const service = caches.services.get(key);
    if (!service) {
      writer.forget(key);
      return {};
    }
    if (!hasSelector(service) || service.metadata?.deletionTimestamp) return {};
    if (writer.isBehind(key)) return { requeueAfterMs: behindMs };
    const existing = caches.endpointslices
      .byIndex(serviceIndex, key)
      .filter(({ metadata }) => metadata?.labels?.[managedByLabel] === controllerName);
    const pods = caches.pods
      .byIndex(podIndex.namespace, service.metadata?.namespace ?? '')
      .filter((pod) => selectsPod(service, pod));
    await writer.write(
      key,
      planSlices(service, pods, (name) => caches.nodes.get(name), existing),
    );
    return {};
  });
}
