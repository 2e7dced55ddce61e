/**
 * The EndpointSlice controller: the slices of each service with a selector. Slices of others (another managed-by label) and
 * services without selector are left alone. The garbage collector removes slices whose service is gone.
 */

import { newer } from '../../api/election.ts';
import { isForbidden, isNotFound } from '../../api/errors.ts';
import { keyOf } from '../../api/meta.ts';
import type { EndpointSlice } from '../../api/types.ts';
import { podIndex, serviceIndex, serviceNameLabel } from '../caches.ts';
import { type ControllerContext, newQueue, work } from '../context.ts';
import { hasSelector, selectsPod } from './pod-endpoint.ts';
import { triggerOnServicesAndPods } from './service-triggers.ts';
import { controllerName, managedByLabel, planSlices } from './slices.ts';

const concurrency = 5;
/** The cache does not show an own write yet: look again after this. */
const behindMs = 50;

export async function startEndpointSlices(context: ControllerContext): Promise<void> {
  const { caches, client, metrics, signal } = context;
  const queue = newQueue(context, 'endpoint_slice');
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
  /** Service → the last version of all that this leader wrote for it. */
  const written = new Map<string, string>();
  const note = (key: string, { metadata }: EndpointSlice): void => {
    const version = metadata?.resourceVersion ?? '0';
    if (newer(version, written.get(key) ?? '0')) written.set(key, version);
  };

  await work(context, queue, concurrency, async (key) => {
    const service = caches.services.get(key);
    if (!service) {
      written.delete(key);
      return {};
    }
    if (!hasSelector(service) || service.metadata?.deletionTimestamp) return {};
    if (newer(written.get(key) ?? '0', caches.endpointslices.resourceVersion)) return { requeueAfterMs: behindMs };
    const existing = caches.endpointslices
      .byIndex(serviceIndex, key)
      .filter(({ metadata }) => metadata?.labels?.[managedByLabel] === controllerName);
    const pods = caches.pods
      .byIndex(podIndex.namespace, service.metadata?.namespace ?? '')
      .filter((pod) => selectsPod(service, pod));
    const changes = planSlices(service, pods, (name) => caches.nodes.get(name), existing);
    // First what is there, then what is new, then what goes: an endpoint that moves is never missing.
    for (const slice of changes.update) {
      note(key, await client.update('endpointslices', slice));
      metrics.sliceChanges.inc({ operation: 'update' });
    }
    for (const slice of changes.create) {
      try {
        note(key, await client.create('endpointslices', slice));
      } catch (error) {
        // The namespace is on its way out; its services follow.
        if (isForbidden(error)) return {};
        throw error;
      }
      metrics.sliceChanges.inc({ operation: 'create' });
    }
    for (const slice of changes.remove) {
      await remove(context, slice);
      metrics.sliceChanges.inc({ operation: 'delete' });
    }
    return {};
  });
}

async function remove({ client }: ControllerContext, slice: EndpointSlice): Promise<void> {
  const { namespace, name = '', uid } = slice.metadata ?? {};
  try {
    await client.delete('endpointslices', { namespace, name }, { preconditions: { uid } });
  } catch (error) {
    if (!isNotFound(error)) throw new Error(`slice ${keyOf(slice)} was not removed`, { cause: error });
  }
}
