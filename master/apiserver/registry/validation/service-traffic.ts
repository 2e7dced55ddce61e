/** How traffic comes to a Service and is spread over its endpoints (Kubernetes' "Service" page, "Traffic policies"). */
import { isIP } from 'node:net';
import type { Service } from '../../../api/types.ts';
import { isDns1123Subdomain, isQualifiedName } from '../../../api/validation-names.ts';
import { needsHealthCheckPort } from '../allocation/service-allocator.ts';
import { addressErrors, networkErrors, specialAddressErrors } from './addresses.ts';
import type { FieldErrors } from './field-errors.ts';
import { validateOneOf } from './numbers.ts';

type Spec = NonNullable<Service['spec']>;

const maxAffinitySeconds = 86_400;
const policies = ['Cluster', 'Local'];
const distributions = ['PreferClose', 'PreferSameNode', 'PreferSameZone'];
const onlyForBalancers = "may only be used when `type` is 'LoadBalancer'";
/** As balancers' source ranges were said before they had a field. */
const rangesAnnotation = 'service.beta.kubernetes.io/load-balancer-source-ranges';

/** Whether the Service can be reached from outside of the cluster. */
export const isExternal = ({ type, externalIPs = [] }: Spec): boolean =>
  type === 'NodePort' || type === 'LoadBalancer' || (type === 'ClusterIP' && externalIPs.length > 0);

/** `old`: what it is a change of, whose addresses may stay. */
export function validateTraffic({ metadata, spec = {} }: Service, errors: FieldErrors, old?: Service): void {
  validateAffinity(spec, errors);
  (spec.externalIPs ?? []).forEach((address, index) => {
    const field = `spec.externalIPs[${index}]`;
    errors.invalidFor(field, address, addressErrors(address, old?.spec?.externalIPs));
    errors.invalidFor(field, address, specialAddressErrors(address));
  });
  validateRanges(spec, metadata?.annotations?.[rangesAnnotation], errors, old);
  validateBalancer(spec, errors);
  validatePolicies(spec, errors);
}

function validateAffinity({ sessionAffinity = '', sessionAffinityConfig }: Spec, errors: FieldErrors): void {
  validateOneOf(sessionAffinity, ['ClientIP', 'None'], 'spec.sessionAffinity', errors);
  if (sessionAffinity === 'None' && sessionAffinityConfig) {
    errors.forbidden('spec.sessionAffinityConfig', 'must not be set when session affinity is None');
  }
  if (sessionAffinity !== 'ClientIP') return;
  const timeout = sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (timeout !== undefined && (timeout <= 0 || timeout > maxAffinitySeconds)) {
    const why = `must be greater than 0 and less than ${maxAffinitySeconds}`;
    errors.invalid('spec.sessionAffinityConfig.clientIP.timeoutSeconds', timeout, why);
  }
}

/** Whom a load balancer lets in: in the field, or else in an annotation, with commas between them. */
function validateRanges(
  { type, loadBalancerSourceRanges: ranges = [] }: Spec,
  said: string | undefined,
  errors: FieldErrors,
  old: Service | undefined,
): void {
  const known = rangesOf(old).map((range) => range.trim());
  const check = (text: string, field: string): void =>
    errors.invalidFor(field, text.trim(), networkErrors(text.trim(), known));
  // Kubernetes writes the field so.
  const field = ranges.length > 0 ? 'spec.LoadBalancerSourceRanges' : `metadata.annotations[${rangesAnnotation}]`;
  if ((ranges.length > 0 || said !== undefined) && type !== 'LoadBalancer') errors.forbidden(field, onlyForBalancers);
  if (ranges.length > 0) ranges.forEach((range, index) => void check(range, `${field}[${index}]`));
  else if (said?.trim()) for (const range of said.split(',')) check(range, field);
}

const rangesOf = (service: Service | undefined): string[] =>
  service?.spec?.loadBalancerSourceRanges ?? service?.metadata?.annotations?.[rangesAnnotation]?.split(',') ?? [];

/** What only a load balancer understands. */
function validateBalancer(spec: Spec, errors: FieldErrors): void {
  const { type, loadBalancerClass } = spec;
  const isBalancer = type === 'LoadBalancer';
  if (spec.allocateLoadBalancerNodePorts !== undefined && !isBalancer) {
    errors.forbidden('spec.allocateLoadBalancerNodePorts', onlyForBalancers);
  }
  if (loadBalancerClass === undefined) return;
  if (!isBalancer) errors.forbidden('spec.loadBalancerClass', onlyForBalancers);
  else errors.invalidFor('spec.loadBalancerClass', loadBalancerClass, isQualifiedName(loadBalancerClass));
}

function validatePolicies(spec: Spec, errors: FieldErrors): void {
  const { externalTrafficPolicy, internalTrafficPolicy, healthCheckNodePort = 0, trafficDistribution } = spec;
  if (externalTrafficPolicy !== undefined) {
    const field = 'spec.externalTrafficPolicy';
    if (isExternal(spec)) validateOneOf(externalTrafficPolicy, policies, field, errors);
    else errors.invalid(field, externalTrafficPolicy, 'may only be set for externally-accessible services');
  }
  if (healthCheckNodePort !== 0 && !needsHealthCheckPort(spec)) {
    const why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    errors.invalid('spec.healthCheckNodePort', healthCheckNodePort, why);
  }
  if (internalTrafficPolicy !== undefined) {
    validateOneOf(internalTrafficPolicy, policies, 'spec.internalTrafficPolicy', errors);
  }
  if (trafficDistribution !== undefined) {
    validateOneOf(trafficDistribution, distributions, 'spec.trafficDistribution', errors);
  }
}

/** What stays of the traffic's way once it is chosen. */
export function validateTrafficUpdate(now: Spec, before: Spec, errors: FieldErrors): void {
  if (now.type === 'LoadBalancer' && before.type === 'LoadBalancer') {
    if (now.loadBalancerClass !== before.loadBalancerClass) {
      errors.invalid('spec.loadBalancerClass', now.loadBalancerClass, 'may not change once set');
    }
  }
  const port = before.healthCheckNodePort;
  if (port && needsHealthCheckPort(now) && needsHealthCheckPort(before) && now.healthCheckNodePort !== port) {
    errors.forbidden('spec.healthCheckNodePort', 'field is immutable');
  }
}

/** What a load balancer says of itself. */
export function validateServiceStatus({ status, spec }: Service, old: Service, errors: FieldErrors): void {
  const known = old.status?.loadBalancer?.ingress?.map((one) => one.ip);
  const field = 'status.loadBalancer.ingress';
  const ingress = status?.loadBalancer?.ingress ?? [];
  if (ingress.length > 0 && spec?.type !== 'LoadBalancer') {
    errors.forbidden(field, "may only be used when `spec.type` is 'LoadBalancer'");
    return;
  }
  ingress.forEach(({ ip = '', hostname = '', ipMode }, index) => {
    const at = `${field}[${index}]`;
    if (ip !== '') errors.invalidFor(`${at}.ip`, ip, addressErrors(ip, known));
    if (ipMode !== undefined) {
      if (ip === '') errors.forbidden(`${at}.ipMode`, 'may not be specified when `ip` is not set');
      else validateOneOf(ipMode, ['Proxy', 'VIP'], `${at}.ipMode`, errors);
    }
    if (hostname === '') return;
    errors.invalidFor(`${at}.hostname`, hostname, isDns1123Subdomain(hostname));
    if (isIP(hostname) !== 0) errors.invalid(`${at}.hostname`, hostname, 'must be a DNS name, not an IP address');
  });
}
