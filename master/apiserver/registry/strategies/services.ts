/** Services: addresses and ports of their own, given by the allocator, which stay theirs as long as they want them. */
import { isIPv6 } from 'node:net';
import { kinds } from '../../../api/kinds.ts';
import { deepEqual } from '../../../api/meta.ts';
import type { Service } from '../../../api/types.ts';
import { isDns1035Label } from '../../../api/validation-names.ts';
import {
  createServiceAllocator,
  needsAddress,
  needsHealthCheckPort,
  needsNodePorts,
  type ServiceRanges,
} from '../allocation/service-allocator.ts';
import { ageColumn, column, labelText, nameColumn, wideColumn } from '../columns/common.ts';
import { type Strategy, type SubresourceStrategy, statusOnly } from '../strategy.ts';
import { validateService, validateServiceUpdate } from '../validation/service.ts';
import { isExternal, validateServiceStatus } from '../validation/service-traffic.ts';
import { serviceWarnings } from '../validation/service-warnings.ts';

type Spec = NonNullable<Service['spec']>;

const affinitySeconds = 10_800;

const reported = statusOnly<Service>();

const status: SubresourceStrategy<Service> = {
  validate: validateServiceStatus,
  apply(incoming: Service, old, now) {
    const service = reported.apply(incoming, old, now);
    const { ingress } = service.status?.loadBalancer ?? {};
    if (service.spec?.type !== 'LoadBalancer' || !ingress) return service;
    // An address is the load balancer's own, unless it says that packets still have it when they come to the node.
    const loadBalancer = { ingress: ingress.map((one) => (one.ip ? { ipMode: 'VIP', ...one } : one)) };
    return { ...service, status: { ...service.status, loadBalancer } };
  },
};

export function createServiceStrategy(ranges: ServiceRanges): Strategy<Service> {
  return {
    kind: kinds.services,
    columns: [
      nameColumn,
      column<Service>('Type', 'type determines how the Service is exposed.', ({ spec }) => spec?.type ?? ''),
      column<Service>(
        'Cluster-IP',
        'clusterIP is the IP address of the service.',
        ({ spec }) => spec?.clusterIPs?.[0] || '<none>',
      ),
      column<Service>('External-IP', 'The addresses at which the service can be had from outside.', externalAddresses),
      column<Service>('Port(s)', 'The list of ports that are exposed by this service.', portsText),
      ageColumn,
      wideColumn<Service>('Selector', 'The labels of the pods behind this service.', ({ spec }) =>
        labelText(spec?.selector),
      ),
    ],
    fieldNames: ['spec.clusterIP', 'spec.type'],
    fieldValue: ({ spec }, field) => (field === 'spec.type' ? spec?.type : spec?.clusterIP) ?? '',
    nameErrors: isDns1035Label,
    createsOnUpdate: true,

    setDefaults: setServiceDefaults,
    prepareForCreate(service) {
      service.status = { loadBalancer: {} };
    },
    prepareForUpdate(service, old) {
      if (old.status) service.status = old.status;
      if (service.spec && old.spec) keepAllocated(service.spec, old.spec);
    },
    validate: (service, errors, old) => validateService(service, ranges, errors, old),
    validateUpdate: validateServiceUpdate,
    warnings: serviceWarnings,
    subresources: { status },
    allocator: createServiceAllocator(ranges),
  };
}

/** What Kubernetes fills in (its `SetDefaults_Service`), and the IP families of a cluster that has one. */
export function setServiceDefaults(service: Service): void {
  service.spec ??= {};
  const { spec } = service;
  spec.sessionAffinity ??= 'None';
  if (spec.sessionAffinity === 'ClientIP') {
    spec.sessionAffinityConfig = {
      clientIP: { timeoutSeconds: affinitySeconds, ...spec.sessionAffinityConfig?.clientIP },
    };
  }
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  spec.type ??= 'ClusterIP';
  for (const port of spec.ports ?? []) {
    port.protocol ??= 'TCP';
    if (!port.targetPort) port.targetPort = port.port;
  }
  if (spec.type === 'NodePort' || spec.type === 'LoadBalancer') spec.externalTrafficPolicy ??= 'Cluster';
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true;
  if (spec.type === 'ExternalName') return;
  spec.internalTrafficPolicy ??= 'Cluster';
  if (!spec.clusterIP && spec.clusterIPs?.[0]) spec.clusterIP = spec.clusterIPs[0];
  if (spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP];
  spec.ipFamilies ??= [spec.clusterIP && isIPv6(spec.clusterIP) ? 'IPv6' : 'IPv4'];
  spec.ipFamilyPolicy ??= 'SingleStack';
}

/**
 * An update that leaves out what was allocated keeps it, so that a manifest can be applied again; what the new type has
 * no use for goes, unless the client changed it (which validation then refuses).
 */
function keepAllocated(spec: Spec, old: Spec): void {
  if (needsAddress(old) && needsAddress(spec)) {
    if (!spec.clusterIP && old.clusterIP) spec.clusterIP = old.clusterIP;
    if (!spec.clusterIPs?.length && old.clusterIPs) spec.clusterIPs = old.clusterIPs;
  } else if (needsAddress(old) && leavesAddress(spec, old)) {
    for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy', 'internalTrafficPolicy'] as const) {
      delete spec[field];
    }
  }
  for (const port of spec.ports ?? []) {
    const before = old.ports?.find((other) => other.port === port.port && other.protocol === port.protocol);
    if (!before?.nodePort) continue;
    if (needsNodePorts(spec)) port.nodePort ||= before.nodePort;
    else if (port.nodePort === before.nodePort) delete port.nodePort;
  }
  if (needsHealthCheckPort(spec)) {
    if (old.healthCheckNodePort) spec.healthCheckNodePort ||= old.healthCheckNodePort;
  } else if (spec.healthCheckNodePort === old.healthCheckNodePort) delete spec.healthCheckNodePort;
  if (!isExternal(spec) && spec.externalTrafficPolicy === old.externalTrafficPolicy) delete spec.externalTrafficPolicy;
  if (spec.type === 'LoadBalancer') return;
  delete spec.allocateLoadBalancerNodePorts;
  if (spec.loadBalancerClass === old.loadBalancerClass) delete spec.loadBalancerClass;
}

/** Whether the client says nothing of addresses but what was so, or takes the first one away, which takes all. */
const leavesAddress = (spec: Spec, old: Spec): boolean =>
  (!spec.clusterIP || spec.clusterIP === old.clusterIP) &&
  (!spec.clusterIPs?.length || deepEqual(spec.clusterIPs, old.clusterIPs));

function externalAddresses({ spec, status }: Service): string {
  const asked = spec?.externalIPs ?? [];
  if (spec?.type === 'ExternalName') return spec.externalName ?? '';
  if (spec?.type !== 'LoadBalancer') return asked.length > 0 ? asked.join(',') : '<none>';
  const given = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '');
  const all = [...given, ...asked];
  return all.length > 0 ? all.join(',') : '<pending>';
}

function portsText({ spec }: Service): string {
  const ports = spec?.ports ?? [];
  if (ports.length === 0) return '<none>';
  return ports
    .map(({ port, nodePort, protocol }) => (nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`))
    .join(',');
}
