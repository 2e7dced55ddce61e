/**
 * EndpointSlice mirroring: who writes Endpoints of a service without selector by hand gets EndpointSlices of them, which is what
 * proxies read. Left out are Endpoints that say so, and those in which leaders were once elected (Kubernetes, "EndpointSlice
 * mirroring").
 */
import { deepEqual, keyOf, lastApplied } from '../../api/meta.ts';
import { behindMs } from '../../api/overtaken.ts';
import type { EndpointSlice, Endpoints, Service } from '../../api/types.ts';
import { serviceIndex, serviceNameLabel } from '../caches.ts';
import { type ControllerContext, newQueue, work } from '../context.ts';
import { SliceWriter } from './slice-writer.ts';
import { managedByLabel, type SliceChanges } from './slices.ts';

export const mirrorName = 'endpointslicemirroring-controller.k8s.io';
const skipLabel = 'endpointslice.kubernetes.io/skip-mirror';
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader';
/** Of one subset; what is beyond is not mirrored. */
const maxAddresses = 1000;
const concurrency = 5;

export async function startEndpointSliceMirroring(context: ControllerContext): Promise<void> {
  const { caches, signal } = context;
  const queue = newQueue(context, 'endpoint_slice_mirroring');
  const writer = new SliceWriter(context);
  const same = (object: Endpoints | Service): void => queue.add(keyOf(object));
  caches.endpoints.addHandler({ added: same, updated: (_, object) => same(object), deleted: same }, signal);
  caches.services.addHandler({ added: same, updated: (_, object) => same(object), deleted: same }, signal);
  const mirrored = ({ metadata }: EndpointSlice): void => {
    if (metadata?.labels?.[managedByLabel] !== mirrorName) return;
    queue.add(`${metadata.namespace}/${metadata.labels[serviceNameLabel] ?? ''}`);
  };
  caches.endpointslices.addHandler(
    { added: mirrored, updated: (_, slice) => mirrored(slice), deleted: mirrored },
    signal,
  );

  await work(context, queue, concurrency, async (key) => {
    if (writer.isBehind(key)) return { requeueAfterMs: behindMs };
    const existing = caches.endpointslices
      .byIndex(serviceIndex, key)
      .filter(({ metadata }) => metadata?.labels?.[managedByLabel] === mirrorName);
    const endpoints = caches.endpoints.get(key);
    const wanted = endpoints && isMirrored(endpoints, caches.services.get(key)) ? mirrorOf(endpoints) : [];
    await writer.write(key, planMirror(wanted, existing));
    if (wanted.length === 0) writer.forget(key);
    return {};
  });
}

export function isMirrored({ metadata }: Endpoints, service: Service | undefined): boolean {
  if (!service || service.spec?.selector !== undefined || metadata?.deletionTimestamp) return false;
  return metadata?.labels?.[skipLabel] !== 'true' && metadata?.annotations?.[leaderAnnotation] === undefined;
}

/** One slice for each set of ports and each family of addresses. */
export function mirrorOf({ metadata, subsets = [] }: Endpoints): EndpointSlice[] {
  const { name = '', namespace, uid = '' } = metadata ?? {};
  const { [lastApplied]: _applied, ...annotations } = metadata?.annotations ?? {};
  const slices = new Map<string, EndpointSlice & { endpoints: NonNullable<EndpointSlice['endpoints']> }>();
  for (const { addresses = [], notReadyAddresses = [], ports: given = [] } of subsets) {
    const ports = given.map(({ name = '', protocol = 'TCP', ...rest }) => ({ name, protocol, ...rest }));
    const all = [
      ...addresses.map((address) => ({ address, ready: true })),
      ...notReadyAddresses.map((address) => ({ address, ready: false })),
    ];
    for (const { address, ready } of all.slice(0, maxAddresses)) {
      const { ip, hostname, nodeName, targetRef } = address;
      const addressType = ip.includes(':') ? 'IPv6' : 'IPv4';
      const key = JSON.stringify([addressType, ports]);
      const slice = slices.get(key) ?? {
        metadata: {
          generateName: `${name}-`,
          ...(namespace !== undefined && { namespace }),
          labels: { ...metadata?.labels, [serviceNameLabel]: name, [managedByLabel]: mirrorName },
          ...(Object.keys(annotations).length > 0 && { annotations }),
          ownerReferences: [
            { apiVersion: 'v1', kind: 'Endpoints', name, uid, controller: true, blockOwnerDeletion: true },
          ],
        },
        addressType,
        ports,
        endpoints: [],
      };
      slices.set(key, slice);
      slice.endpoints.push({
        addresses: [ip],
        conditions: { ready },
        ...(hostname && { hostname }),
        ...(nodeName && { nodeName }),
        ...(targetRef && { targetRef }),
      });
    }
  }
  return [...slices.values()];
}

/** What must change so that `existing` becomes `wanted`: a slice of the same ports and family is kept. */
export function planMirror(wanted: readonly EndpointSlice[], existing: readonly EndpointSlice[]): SliceChanges {
  const changes: SliceChanges = { create: [], update: [], remove: [] };
  const free = new Set(existing);
  for (const slice of wanted) {
    const { addressType, ports, endpoints, metadata } = slice;
    const kept = [...free].find((other) => other.addressType === addressType && deepEqual(other.ports ?? [], ports));
    if (!kept) {
      changes.create.push(slice);
      continue;
    }
    free.delete(kept);
    const { labels, annotations } = metadata ?? {};
    const { annotations: before, ...others } = kept.metadata ?? {};
    const asBefore = deepEqual(others.labels, labels) && deepEqual(before ?? {}, annotations ?? {});
    if (asBefore && deepEqual(kept.endpoints ?? [], endpoints)) continue;
    const changed = { ...others, ...(labels && { labels }), ...(annotations && { annotations }) };
    changes.update.push({ ...kept, metadata: changed, ...(endpoints && { endpoints }) });
  }
  changes.remove.push(...free);
  return changes;
}
