/**
 * What the proxy has to make true, worked out from Services and EndpointSlices: for each port of each Service, which
 * addresses it answers on and where its connections may go. Pure; a way to make it true (`mode.ts`) starts from here.
 */
import type { EndpointSlice, Service } from '../../master/api/types.ts';

export type Protocol = 'TCP' | 'UDP' | 'SCTP';

export interface Endpoint {
  readonly address: string;
  readonly port: number;
  /** On this node. */
  readonly local: boolean;
}

export interface ServicePortState {
  /** `namespace/service:port`, or `namespace/service` for a port without a name. */
  readonly name: string;
  readonly protocol: Protocol;
  readonly clusterIp: string;
  readonly port: number;
  readonly nodePort: number | undefined;
  /** More addresses that answer on `port`: externalIPs and those that a load balancer gave. */
  readonly externalIps: readonly string[];
  /** ClientIP affinity: how long a client stays with its endpoint. */
  readonly affinitySeconds: number | undefined;
  /** Only endpoints of this node take traffic that comes from inside, or from outside. */
  readonly internalLocal: boolean;
  readonly externalLocal: boolean;
  /** Ready endpoints, or where there is none, those that still serve while they terminate (KEP-1669). Sorted. */
  readonly endpoints: readonly Endpoint[];
}

/** The ports to serve on `nodeName`, by name. Services that another proxy serves, or nobody, are left out. */
export function servicePorts(
  services: readonly Service[],
  slices: readonly EndpointSlice[],
  nodeName: string,
): ServicePortState[] {
  const slicesOf = Map.groupBy(
    slices.filter((slice) => slice.addressType === 'IPv4'),
    (slice) => `${slice.metadata?.namespace}/${slice.metadata?.labels?.['kubernetes.io/service-name'] ?? ''}`,
  );
  const states = services.filter(isServed).flatMap((service) => portsOf(service, slicesOf, nodeName));
  return states.sort((a, b) => compare(a.name, b.name) || compare(a.protocol, b.protocol));
}

function isServed({ metadata, spec }: Service): boolean {
  if (metadata?.labels?.['service.kubernetes.io/service-proxy-name'] !== undefined) return false;
  return spec?.type !== 'ExternalName' && Boolean(spec?.clusterIP) && spec?.clusterIP !== 'None';
}

function portsOf(service: Service, slicesOf: Map<string, EndpointSlice[]>, nodeName: string): ServicePortState[] {
  const key = `${service.metadata?.namespace}/${service.metadata?.name}`;
  const spec = service.spec ?? {};
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  const externalIps = [...(spec.externalIPs ?? []), ...ingress.flatMap(({ ip }) => (ip ? [ip] : []))];
  const affinity = spec.sessionAffinity === 'ClientIP';
  return (spec.ports ?? []).map((port) => ({
    name: port.name ? `${key}:${port.name}` : key,
    protocol: protocolOf(port.protocol),
    clusterIp: spec.clusterIP ?? '',
    port: port.port,
    nodePort: port.nodePort || undefined,
    externalIps: [...new Set(externalIps)].sort(),
    affinitySeconds: affinity ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800) : undefined,
    internalLocal: spec.internalTrafficPolicy === 'Local',
    externalLocal: spec.externalTrafficPolicy === 'Local',
    endpoints: endpointsOf(slicesOf.get(key) ?? [], port.name ?? '', protocolOf(port.protocol), nodeName),
  }));
}

function endpointsOf(
  slices: readonly EndpointSlice[],
  portName: string,
  protocol: Protocol,
  nodeName: string,
): Endpoint[] {
  const ready = new Map<string, Endpoint>();
  const leaving = new Map<string, Endpoint>();
  for (const slice of slices) {
    const port = slice.ports?.find(
      (port) => (port.name ?? '') === portName && protocolOf(port.protocol) === protocol,
    )?.port;
    if (port === undefined) continue;
    for (const { addresses, conditions, nodeName: on } of slice.endpoints ?? []) {
      const address = addresses[0];
      if (!address) continue;
      const endpoint = { address, port, local: on === nodeName };
      // An absent condition is a true one: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#conditions
      if (conditions?.ready ?? true) ready.set(address, endpoint);
      else if ((conditions?.serving ?? false) && conditions?.terminating) leaving.set(address, endpoint);
    }
  }
  const chosen = ready.size > 0 ? ready : leaving;
  return [...chosen.values()].sort((a, b) => compare(a.address, b.address));
}

function protocolOf(text: string | undefined): Protocol {
  return text === 'UDP' || text === 'SCTP' ? text : 'TCP';
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
