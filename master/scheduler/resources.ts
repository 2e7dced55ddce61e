/** Amounts of resources: what a pod asks for and what a node has, as numbers that add and compare quickly. */
import { milliValue, quantityToNumber } from '../api/quantity.ts';
import type { Container, Pod } from '../api/types.ts';

/** Processor time in thousandths of a core, memory and ephemeral storage in bytes, everything else by its name. */
export interface Resources {
  milliCpu: number;
  memory: number;
  ephemeralStorage: number;
  readonly extended: Map<string, number>;
}

/** What scoring takes for a container that asks for nothing, so that such containers do not all land on one node. */
export const assumedMilliCpu = 100;
export const assumedMemory = 200 * 1024 * 1024;

type Quantities = Readonly<Record<string, string | number>> | undefined;

export const noResources = (): Resources => ({ milliCpu: 0, memory: 0, ephemeralStorage: 0, extended: new Map() });

/** Reads a map such as `status.allocatable` or `resources.requests`. The number of pods is not a resource here. */
export function resourcesOf(quantities: Quantities): Resources {
  const resources = noResources();
  for (const [name, quantity] of Object.entries(quantities ?? {})) {
    if (name === 'cpu') resources.milliCpu = milliValue(quantity);
    else if (name === 'memory') resources.memory = quantityToNumber(quantity);
    else if (name === 'ephemeral-storage') resources.ephemeralStorage = quantityToNumber(quantity);
    else if (name !== 'pods') resources.extended.set(name, quantityToNumber(quantity));
  }
  return resources;
}

/** Adds `times` × `amount` to `total`; times is -1 to take away. */
export function addResources(total: Resources, amount: Resources, times: 1 | -1 = 1): void {
  total.milliCpu += times * amount.milliCpu;
  total.memory += times * amount.memory;
  total.ephemeralStorage += times * amount.ephemeralStorage;
  for (const [name, value] of amount.extended) {
    total.extended.set(name, (total.extended.get(name) ?? 0) + times * value);
  }
}

/**
 * What the pod needs from a node: the larger of its running containers together and its hungriest moment of
 * initialisation, plus its overhead. Init containers that always restart (sidecars) run beside everything after them.
 * The rule is that of the sidecar containers KEP (753), "Resources calculation for scheduling".
 */
export function podRequests(pod: Pod): Resources {
  return total(pod, (container) => resourcesOf(container.resources?.requests));
}

/** The same for scoring, where a container that names no processor time or memory counts with a small amount. */
export function scoredRequests(pod: Pod): Resources {
  return total(pod, (container) => {
    const requests = container.resources?.requests;
    const resources = resourcesOf(requests);
    if (requests?.cpu === undefined) resources.milliCpu = assumedMilliCpu;
    if (requests?.memory === undefined) resources.memory = assumedMemory;
    return resources;
  });
}

function total(pod: Pod, requestsOf: (container: Container) => Resources): Resources {
  const running = noResources();
  for (const container of pod.spec?.containers ?? []) addResources(running, requestsOf(container));
  const sidecars = noResources();
  const peak = noResources();
  for (const container of pod.spec?.initContainers ?? []) {
    const requests = requestsOf(container);
    if (container.restartPolicy === 'Always') {
      addResources(running, requests);
      addResources(sidecars, requests);
      raise(peak, sidecars);
    } else {
      addResources(requests, sidecars);
      raise(peak, requests);
    }
  }
  raise(running, peak);
  addResources(running, resourcesOf(pod.spec?.overhead));
  return running;
}

function raise(total: Resources, floor: Resources): void {
  total.milliCpu = Math.max(total.milliCpu, floor.milliCpu);
  total.memory = Math.max(total.memory, floor.memory);
  total.ephemeralStorage = Math.max(total.ephemeralStorage, floor.ephemeralStorage);
  for (const [name, value] of floor.extended) {
    total.extended.set(name, Math.max(total.extended.get(name) ?? 0, value));
  }
}
