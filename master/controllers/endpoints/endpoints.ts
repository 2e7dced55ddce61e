/**
 * The endpoints controller: one Endpoints object for each service with a selector, under the service's name.
 *
 * Endpoints of a service without selector belong to their author and are left alone; they go when their service goes.
 */
import { isNamespaceTerminating, isNotFound } from '../../api/errors.ts';
import { kinds } from '../../api/kinds.ts';
import { deepEqual, keyOf, splitKey } from '../../api/meta.ts';
import { overtaken } from '../../api/overtaken.ts';
import type { Endpoints } from '../../api/types.ts';
import { podIndex } from '../caches.ts';
import { type ControllerContext, newQueue, newRecorder, work } from '../context.ts';
import { hasSelector, labelsFor, selectsPod } from './pod-endpoint.ts';
import { triggerOnServicesAndPods } from './service-triggers.ts';
import { computeSubsets } from './subsets.ts';

const concurrency = 5;
const capacityAnnotation = 'endpoints.kubernetes.io/over-capacity';
const managedByLabel = 'endpoints.kubernetes.io/managed-by';
const controllerName = 'endpoint-controller';

export async function startEndpoints(context: ControllerContext): Promise<void> {
  const { caches, client, signal } = context;
  const queue = newQueue(context, 'endpoint');
  const recorder = newRecorder(context, 'endpoint-controller');
  triggerOnServicesAndPods(context, queue);
  // Somebody else's change of what this controller wrote is put right, and endpoints left behind by a service go.
  const enqueue = (endpoints: Endpoints): void => queue.add(keyOf(endpoints));
  caches.endpoints.addHandler({ added: enqueue, updated: (_, object) => enqueue(object), deleted: enqueue }, signal);

  await work(context, queue, concurrency, async (key) => {
    const service = caches.services.get(key);
    const present = caches.endpoints.get(key);
    if (!service) {
      if (present && isOurs(present)) await removeLeftover(context, key, present);
      return {};
    }
    if (!hasSelector(service)) return {};
    const pods = caches.pods
      .byIndex(podIndex.namespace, service.metadata?.namespace ?? '')
      .filter((pod) => selectsPod(service, pod));
    const { subsets, truncated } = computeSubsets(service, pods);
    const { [capacityAnnotation]: _, ...annotations } = present?.metadata?.annotations ?? {};
    if (truncated) annotations[capacityAnnotation] = 'truncated';
    const labels = { ...labelsFor(service), [managedByLabel]: controllerName };
    const wanted: Endpoints = {
      metadata: {
        ...(present?.metadata ?? { namespace: service.metadata?.namespace, name: service.metadata?.name }),
        labels,
        annotations,
      },
      subsets,
    };
    if (present && isSame(present, wanted)) return {};
    try {
      if (present) await client.update('endpoints', wanted);
      else await client.create('endpoints', wanted);
      return {};
    } catch (error) {
      // A namespace on its way out needs nothing. Whatever else refuses them, such as a quota, may not do so again.
      const result = isNamespaceTerminating(error) ? {} : overtaken(error);
      if (result) return result;
      const message = error instanceof Error ? error.message : String(error);
      const [reason, what] = present
        ? ['FailedToUpdateEndpoint', `update endpoint ${key}`]
        : ['FailedToCreateEndpoint', `create endpoint for service ${key}`];
      recorder.event(wanted, kinds.endpoints, 'Warning', reason, `Failed to ${what}: ${message}`);
      throw error;
    }
  });
}

function isSame(present: Endpoints, wanted: Endpoints): boolean {
  return (
    deepEqual(present.subsets ?? [], wanted.subsets ?? []) &&
    deepEqual(present.metadata?.labels ?? {}, wanted.metadata?.labels ?? {}) &&
    deepEqual(present.metadata?.annotations ?? {}, wanted.metadata?.annotations ?? {})
  );
}

/** Made by this controller; others' endpoints without a service are their authors' matter. */
function isOurs(endpoints: Endpoints): boolean {
  return endpoints.metadata?.labels?.[managedByLabel] === controllerName;
}

async function removeLeftover({ client }: ControllerContext, key: string, present: Endpoints): Promise<void> {
  const name = splitKey(key);
  try {
    // The cache may be behind: a service of this name may have been made just now.
    await client.get('services', name);
    return;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  try {
    await client.delete('endpoints', name, { preconditions: { uid: present.metadata?.uid } });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
