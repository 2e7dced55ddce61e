/**
 * What must change in a service's EndpointSlices so that they hold the wanted endpoints: as few slices as possible written,
 * no endpoint moved without need, at most 100 endpoints a slice (Kubernetes, "EndpointSlices: distribution"). Pure.
 */
import { apiVersionOf, kinds } from '../../api/kinds.ts';
import { deepEqual } from '../../api/meta.ts';
import type { EndpointSlice, Node, Pod, Service } from '../../api/types.ts';
import { serviceNameLabel } from '../caches.ts';
import {
  addressOf,
  conditionsOf,
  hostnameFor,
  isEndpoint,
  isHeadless,
  labelsFor,
  type PortEntry,
  portsFor,
} from './pod-endpoint.ts';

export const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
export const controllerName = 'endpointslice-controller.k8s.io';
export const maxEndpoints = 100;
const zoneLabel = 'topology.kubernetes.io/zone';

type Endpoint = NonNullable<EndpointSlice['endpoints']>[number];

export interface SliceChanges {
  readonly create: EndpointSlice[];
  readonly update: EndpointSlice[];
  readonly remove: EndpointSlice[];
}

/** `existing`: the slices of the service that this controller manages. */
export function planSlices(
  service: Service,
  pods: readonly Pod[],
  nodeOf: (name: string) => Node | undefined,
  existing: readonly EndpointSlice[],
): SliceChanges {
  const changes: SliceChanges = { create: [], update: [], remove: [] };
  const groups = wantedGroups(service, pods, nodeOf);
  const labels = {
    ...labelsFor(service, [serviceNameLabel, managedByLabel]),
    [serviceNameLabel]: service.metadata?.name ?? '',
    [managedByLabel]: controllerName,
  };
  const byPorts = new Map<string, EndpointSlice[]>();
  for (const slice of existing) {
    const key = slice.addressType === 'IPv4' ? portsKey(slice.ports ?? []) : undefined;
    if (key === undefined || !groups.has(key)) {
      changes.remove.push(slice);
      continue;
    }
    byPorts.set(key, [...(byPorts.get(key) ?? []), slice]);
  }
  for (const [key, { ports, endpoints }] of groups) {
    planGroup(service, { ports, endpoints, labels, slices: byPorts.get(key) ?? [] }, changes);
  }
  return changes;
}

interface Group {
  readonly ports: readonly PortEntry[];
  /** By the uid of the pod. */
  readonly endpoints: ReadonlyMap<string, Endpoint>;
}

function wantedGroups(
  service: Service,
  pods: readonly Pod[],
  nodeOf: (name: string) => Node | undefined,
): Map<string, Group> {
  const groups = new Map<string, { ports: PortEntry[]; endpoints: Map<string, Endpoint> }>();
  for (const pod of pods) {
    // Terminating endpoints stay in slices, marked, so that proxies can drain.
    if (!isEndpoint(pod, true)) continue;
    const ports = portsFor(service, pod);
    if (ports.length === 0 && !(isHeadless(service) && (service.spec?.ports ?? []).length === 0)) continue;
    const key = portsKey(ports);
    const group = groups.get(key) ?? { ports, endpoints: new Map<string, Endpoint>() };
    groups.set(key, group);
    group.endpoints.set(pod.metadata?.uid ?? '', endpointFor(service, pod, nodeOf(pod.spec?.nodeName ?? '')));
  }
  if (groups.size === 0) {
    // A service without any endpoint keeps one empty slice, as a sign that it was looked at.
    groups.set(portsKey([]), { ports: [], endpoints: new Map() });
  }
  return groups;
}

function endpointFor(service: Service, pod: Pod, node: Node | undefined): Endpoint {
  const { namespace, name, uid } = pod.metadata ?? {};
  const hostname = hostnameFor(service, pod);
  const zone = node?.metadata?.labels?.[zoneLabel];
  return {
    addresses: [addressOf(pod) ?? ''],
    conditions: { ...conditionsOf(service, pod) },
    ...(hostname && { hostname }),
    ...(pod.spec?.nodeName && { nodeName: pod.spec.nodeName }),
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(zone && { zone }),
  };
}

interface GroupPlan extends Group {
  readonly labels: Record<string, string>;
  readonly slices: readonly EndpointSlice[];
}

function planGroup(service: Service, { ports, endpoints, labels, slices }: GroupPlan, changes: SliceChanges): void {
  const homeless = new Map(endpoints);
  const kept: { slice: EndpointSlice; endpoints: Endpoint[]; changed: boolean }[] = [];
  for (const slice of slices) {
    const stay: Endpoint[] = [];
    let changed = !deepEqual(slice.metadata?.labels ?? {}, labels);
    for (const present of slice.endpoints ?? []) {
      const uid = present.targetRef?.uid ?? '';
      const wanted = homeless.get(uid);
      // Not in `homeless`: gone, or kept by another slice already.
      if (!wanted) {
        changed = true;
        continue;
      }
      homeless.delete(uid);
      stay.push(wanted);
      changed ||= !deepEqual(present, wanted);
    }
    kept.push({ slice, endpoints: stay, changed });
  }
  // New endpoints go where a write is due anyway, then where most room is left; the rest gets slices of its own.
  const waiting = [...homeless.values()];
  const fillOrder = [...kept].sort(
    (a, b) => Number(b.changed) - Number(a.changed) || b.endpoints.length - a.endpoints.length,
  );
  for (const entry of fillOrder) {
    const room = Math.max(0, maxEndpoints - entry.endpoints.length);
    const taken = waiting.splice(0, room);
    if (taken.length === 0) continue;
    entry.endpoints.push(...taken);
    entry.changed = true;
  }
  while (waiting.length > 0) changes.create.push(newSlice(service, ports, labels, waiting.splice(0, maxEndpoints)));
  let full = kept.some((entry) => entry.endpoints.length > 0) || endpoints.size > 0;
  for (const entry of kept) {
    if (entry.endpoints.length === 0 && full) changes.remove.push(entry.slice);
    else if (entry.changed) changes.update.push(withEndpoints(entry.slice, entry.endpoints, labels));
    // Of several empty ones, one stays.
    full ||= entry.endpoints.length === 0;
  }
  if (endpoints.size === 0 && kept.length === 0) changes.create.push(newSlice(service, ports, labels, []));
}

function withEndpoints(slice: EndpointSlice, endpoints: Endpoint[], labels: Record<string, string>): EndpointSlice {
  return { ...slice, metadata: { ...slice.metadata, labels }, endpoints };
}

function newSlice(
  service: Service,
  ports: readonly PortEntry[],
  labels: Record<string, string>,
  endpoints: Endpoint[],
): EndpointSlice {
  const { namespace, name = '', uid = '' } = service.metadata ?? {};
  return {
    metadata: {
      namespace,
      generateName: `${name}-`,
      labels,
      ownerReferences: [
        {
          apiVersion: apiVersionOf(kinds.services),
          kind: kinds.services.kind,
          name,
          uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    addressType: 'IPv4',
    endpoints,
    ports: ports.map((port) => ({ ...port })),
  };
}

/** Equal for equal ports in any order. */
function portsKey(ports: readonly { name?: string; port?: number; protocol?: string; appProtocol?: string }[]): string {
  return JSON.stringify(
    ports
      .map(({ name, port, protocol, appProtocol }) => [name ?? '', port ?? 0, protocol ?? 'TCP', appProtocol ?? ''])
      .sort(),
  );
}
