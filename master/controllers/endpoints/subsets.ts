/** The subsets of an Endpoints object, computed from the service and its pods. Pure. */
import type { Endpoints, Pod, Service } from '../../api/types.ts';
import {
  addressOf,
  conditionsOf,
  hostnameFor,
  isEndpoint,
  isHeadless,
  type PortEntry,
  portsFor,
} from './pod-endpoint.ts';

type Subset = NonNullable<Endpoints['subsets']>[number];
type Address = NonNullable<Subset['addresses']>[number];

/** More addresses than this are left out; EndpointSlices hold them all. */
export const maxAddresses = 1_000;

/** Addresses with the same ports share a subset; everything is sorted, so that equal endpoints have equal text. */
export function computeSubsets(service: Service, pods: readonly Pod[]): { subsets: Subset[]; truncated: boolean } {
  const groups = new Map<string, { ports: PortEntry[]; ready: Address[]; notReady: Address[] }>();
  const includeTerminating = service.spec?.publishNotReadyAddresses === true;
  for (const pod of pods) {
    if (!isEndpoint(pod, includeTerminating)) continue;
    const ports = portsFor(service, pod);
    // A headless service may have no ports at all; any other has nothing to offer without.
    if (ports.length === 0 && !(isHeadless(service) && (service.spec?.ports ?? []).length === 0)) continue;
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ports, ready: [], notReady: [] };
    groups.set(key, group);
    (conditionsOf(service, pod).ready ? group.ready : group.notReady).push(addressFor(service, pod));
  }
  const ordered = [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
  let room = maxAddresses;
  let truncated = false;
  // Ready addresses matter more than the others when not all have a place.
  const take = (addresses: Address[]): Address[] => {
    const taken = addresses.sort(byAddress).slice(0, room);
    truncated ||= taken.length < addresses.length;
    room -= taken.length;
    return taken;
  };
  const kept = ordered.map((group) => ({ ...group, ready: take(group.ready) }));
  const subsets = kept
    .map((group) => ({ ...group, notReady: take(group.notReady) }))
    .filter(({ ready, notReady }) => ready.length + notReady.length > 0)
    .map(
      ({ ports, ready, notReady }): Subset => ({
        ...(ready.length > 0 && { addresses: ready }),
        ...(notReady.length > 0 && { notReadyAddresses: notReady }),
        ...(ports.length > 0 && { ports: ports.map(subsetPort) }),
      }),
    );
  return { subsets, truncated };
}

function addressFor(service: Service, pod: Pod): Address {
  const { namespace, name, uid } = pod.metadata ?? {};
  const hostname = hostnameFor(service, pod);
  return {
    ip: addressOf(pod) ?? '',
    ...(hostname && { hostname }),
    ...(pod.spec?.nodeName && { nodeName: pod.spec.nodeName }),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
}

/** Endpoints leave the name of a nameless port out. */
function subsetPort({ name, port = 0, protocol, appProtocol }: PortEntry): NonNullable<Subset['ports']>[number] {
  return { ...(name && { name }), port, protocol, ...(appProtocol && { appProtocol }) };
}

function byAddress(a: Address, b: Address): number {
  const left = `${a.ip}/${a.targetRef?.uid}`;
  const right = `${b.ip}/${b.targetRef?.uid}`;
  return left < right ? -1 : left > right ? 1 : 0;
}
