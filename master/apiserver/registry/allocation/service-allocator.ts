/**
 * Cluster IPs and node ports of Services.
 *
 * Guarantees: no two Services have the same, whichever API servers made them. Each number is a key of its own in etcd,
 * made in the same transaction as the Service, on the condition that it does not exist, and deleted with the Service. An
 * address's key is its IPAddress object, so whoever takes an address with an IPAddress of his own has it to himself.
 * Nothing is remembered here: a number is chosen at random, and chosen again if its key turns out to exist.
 */
import { randomUUID } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { invalid } from '../../../api/errors.ts';
import { apiVersionOf, kinds } from '../../../api/kinds.ts';
import { nowSeconds } from '../../../api/meta.ts';
import type { IPAddress, Service, ServicePort } from '../../../api/types.ts';
import type { Allocator } from '../strategy.ts';
import { FieldErrors } from '../validation/field-errors.ts';
import { type AddressRange, addressText, choose, chooseFromAny, type NumberRange } from './ranges.ts';

export const addressPrefix = '/registry/ipaddresses/';
export const nodePortPrefix = '/registry/ranges/servicenodeports/';

const addressKey = (address: string): string => `${addressPrefix}${address}`;
const nodePortKey = (port: number): string => `${nodePortPrefix}${port}`;

export interface ServiceRanges {
  /** The ranges from which addresses are given now. */
  readonly addresses: () => readonly AddressRange[];
  readonly nodePorts: NumberRange;
}

export function createServiceAllocator(
  { addresses, nodePorts }: ServiceRanges,
  random = Math.random,
): Allocator<Service> {
  return {
    prefixes: [addressPrefix, nodePortPrefix],
    keysOf,
    valueOf: (key, service) => (key.startsWith(addressPrefix) ? JSON.stringify(addressOf(key, service)) : undefined),
    refuse,
    allocate(service, _old, taken) {
      const chosen = new Set<string>();
      const spec = { ...service.spec };
      if (needsAddress(spec) && !spec.clusterIP) {
        const isTaken = (candidate: number): boolean => taken.has(addressKey(addressText(candidate)));
        const value = chooseFromAny(addresses(), isTaken, random);
        if (value === undefined) throw full(service, 'spec.clusterIPs', 'failed to allocate IP: range is full');
        spec.clusterIP = addressText(value);
        spec.clusterIPs = [spec.clusterIP];
        chosen.add(addressKey(spec.clusterIP));
      }
      if (needsNodePorts(spec)) spec.ports = withNodePorts(spec.ports ?? [], choosePort);
      if (needsHealthCheckPort(spec))
        spec.healthCheckNodePort ||= choosePort(new Set((spec.ports ?? []).map(nodePortOf)));
      return { object: { ...service, spec }, chosen };

      function choosePort(own: ReadonlySet<number>): number {
        const value = choose(nodePorts, (port) => own.has(port) || taken.has(nodePortKey(port)), random);
        if (value === undefined) throw full(service, 'spec.ports', 'failed to allocate a nodePort: range is full');
        chosen.add(nodePortKey(value));
        return value;
      }
    },
  };
}

/** Whose IPAddresses are this allocator's, as Kubernetes labels them. */
export const managedBy = { 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io' };

/** The IPAddress of an address that a Service has. */
export function serviceAddress(address: string, { metadata = {} }: Service): IPAddress {
  const { name = '', namespace = '' } = metadata;
  return {
    metadata: { name: address, labels: { 'ipaddress.kubernetes.io/ip-family': 'IPv4', ...managedBy } },
    spec: { parentRef: { resource: 'services', namespace, name } },
  };
}

/** The same as it is stored, where it comes to be with its Service and not by a request of its own. */
function addressOf(key: string, service: Service): IPAddress {
  const { metadata, spec } = serviceAddress(key.slice(addressPrefix.length), service);
  const creationTimestamp = nowSeconds(Date.now());
  return {
    kind: kinds.ipaddresses.kind,
    apiVersion: apiVersionOf(kinds.ipaddresses),
    metadata: { ...metadata, uid: randomUUID(), creationTimestamp },
    spec,
  };
}

type ServiceSpec = NonNullable<Service['spec']>;

export const needsAddress = ({ type }: ServiceSpec): boolean => type !== 'ExternalName';

export const needsNodePorts = ({ type, allocateLoadBalancerNodePorts }: ServiceSpec): boolean =>
  type === 'NodePort' || (type === 'LoadBalancer' && allocateLoadBalancerNodePorts !== false);

export const needsHealthCheckPort = ({ type, externalTrafficPolicy }: ServiceSpec): boolean =>
  type === 'LoadBalancer' && externalTrafficPolicy === 'Local';

const nodePortOf = ({ nodePort = 0 }: ServicePort): number => nodePort;

/** Ports that differ only in protocol share a node port, as in Kubernetes. */
function withNodePorts(ports: readonly ServicePort[], choosePort: (own: Set<number>) => number): ServicePort[] {
  const own = new Set(ports.map(nodePortOf).filter((port) => port !== 0));
  const done: ServicePort[] = [];
  for (const port of ports) {
    const twin = done.find((other) => other.port === port.port && other.protocol !== port.protocol);
    const nodePort = port.nodePort || twin?.nodePort || choosePort(own);
    own.add(nodePort);
    done.push({ ...port, nodePort });
  }
  return done;
}

/** The addresses that the Service has to itself. */
export const addressesOf = ({ spec }: Service): string[] =>
  (spec?.clusterIPs ?? []).filter((address) => isIPv4(address));

function keysOf({ spec }: Service): string[] {
  if (!spec) return [];
  const keys = addressesOf({ spec }).map(addressKey);
  const ports = [...(spec.ports ?? []).map(nodePortOf), spec.healthCheckNodePort ?? 0];
  return [...keys, ...new Set(ports.filter((port) => port !== 0).map(nodePortKey))];
}

function refuse({ spec }: Service, key: string, errors: FieldErrors): void {
  if (key.startsWith(addressPrefix)) {
    const address = key.slice(addressPrefix.length);
    errors.invalid('spec.clusterIPs', [address], `failed to allocate IP ${address}: provided IP is already allocated`);
    return;
  }
  const port = Number(key.slice(nodePortPrefix.length));
  const index = (spec?.ports ?? []).findIndex(({ nodePort }) => nodePort === port);
  const field = index < 0 ? 'spec.healthCheckNodePort' : `spec.ports[${index}].nodePort`;
  errors.invalid(field, port, 'provided port is already allocated');
}

function full(service: Service, field: string, why: string): Error {
  const errors = new FieldErrors();
  errors.invalid(field, null, why);
  return invalid(kinds.services, service.metadata?.name ?? '', errors.causes);
}
