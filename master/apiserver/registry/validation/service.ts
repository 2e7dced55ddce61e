/** The rules that Services follow (Kubernetes' `ValidateService` and `ValidateServiceUpdate`). */
import { isIP, isIPv4 } from 'node:net';
import type { Service } from '../../../api/types.ts';
import { isDns1123Label, isDns1123Subdomain } from '../../../api/validation-names.ts';
import { addressNumber, contains } from '../allocation/ranges.ts';
import type { ServiceRanges } from '../allocation/service-allocator.ts';
import type { FieldErrors } from './field-errors.ts';
import { validateLabels } from './metadata.ts';
import { portNameErrors, protocols, validatePortNumber } from './ports.ts';

type Spec = NonNullable<Service['spec']>;

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const notAnAddress = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
const maxAffinitySeconds = 86_400;

/** `old`: what it is a change of; an address that it has may be of a range that gives out none any more. */
export function validateService({ spec }: Service, ranges: ServiceRanges, errors: FieldErrors, old?: Service): void {
  if (!spec) {
    errors.required('spec');
    return;
  }
  const { type = '', sessionAffinity = '' } = spec;
  if (!types.includes(type)) errors.notSupported('spec.type', type, types);
  if (!['ClientIP', 'None'].includes(sessionAffinity)) {
    errors.notSupported('spec.sessionAffinity', sessionAffinity, ['ClientIP', 'None']);
  }
  const timeout = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (timeout !== undefined && (timeout <= 0 || timeout > maxAffinitySeconds)) {
    const why = `must be greater than 0 and less than ${maxAffinitySeconds}`;
    errors.invalid('spec.sessionAffinityConfig.clientIP.timeoutSeconds', timeout, why);
  }
  validateLabels(spec.selector, 'spec.selector', errors);
  (spec.externalIPs ?? []).forEach((address, index) => {
    if (isIP(address) === 0) errors.invalid(`spec.externalIPs[${index}]`, address, notAnAddress);
  });
  if (type === 'ExternalName') validateExternalName(spec, errors);
  else validateAddresses(spec, spec.clusterIP === old?.spec?.clusterIP ? undefined : ranges, errors);
  validatePolicies(spec, errors);
  validatePorts(spec, ranges, errors);
}

export function validateServiceUpdate(service: Service, old: Service, errors: FieldErrors): void {
  const now = service.spec ?? {};
  const before = old.spec ?? {};
  if (now.type === 'ExternalName' || before.type === 'ExternalName') return;
  const was = before.clusterIPs?.[0];
  if (was !== undefined && now.clusterIPs?.[0] !== was) {
    errors.invalid('spec.clusterIPs[0]', now.clusterIPs ?? [], 'may not change once set');
  }
  const family = before.ipFamilies?.[0];
  if (family !== undefined && now.ipFamilies?.[0] !== family) {
    errors.invalid('spec.ipFamilies[0]', now.ipFamilies ?? [], 'may not change once set');
  }
}

function validateExternalName(spec: Spec, errors: FieldErrors): void {
  const name = (spec.externalName ?? '').replace(/\.$/, '');
  if (name === '') errors.required('spec.externalName');
  else errors.invalidFor('spec.externalName', name, isDns1123Subdomain(name));
  if (spec.clusterIP) errors.forbidden('spec.clusterIPs', 'may not be set for ExternalName services');
}

function validateAddresses(
  { type, clusterIP = '', clusterIPs = [], ipFamilies = [], ipFamilyPolicy }: Spec,
  ranges: ServiceRanges | undefined,
  errors: FieldErrors,
): void {
  if (clusterIP !== (clusterIPs[0] ?? ''))
    errors.invalid('spec.clusterIPs', clusterIPs, 'first value must match `clusterIP`');
  if (clusterIP === 'None') {
    if (type !== 'ClusterIP')
      errors.invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${type} services`);
  } else if (clusterIP !== '') {
    if (isIP(clusterIP) === 0) errors.invalid('spec.clusterIPs[0]', clusterIP, notAnAddress);
    else if (ranges && !isInAny(ranges, clusterIP)) {
      const why = `failed to allocate IP ${clusterIP}: the provided network does not match the current range`;
      errors.invalid('spec.clusterIPs', [clusterIP], why);
    }
  }
  const policies = ['SingleStack', 'PreferDualStack', 'RequireDualStack'];
  if (ipFamilyPolicy && !policies.includes(ipFamilyPolicy))
    errors.notSupported('spec.ipFamilyPolicy', ipFamilyPolicy, policies);
  if (clusterIP !== 'None' && ipFamilyPolicy === 'RequireDualStack') {
    errors.invalid('spec.ipFamilyPolicy', ipFamilyPolicy, 'this cluster is not configured for dual-stack services');
  }
  ipFamilies.forEach((family, index) => {
    const field = `spec.ipFamilies[${index}]`;
    if (!['IPv4', 'IPv6'].includes(family)) errors.notSupported(field, family, ['IPv4', 'IPv6']);
    else if (family === 'IPv6' && clusterIP !== 'None') errors.invalid(field, family, 'not configured on this cluster');
  });
}

const isInAny = ({ addresses }: ServiceRanges, address: string): boolean =>
  isIPv4(address) && addresses().some((range) => contains(range, addressNumber(address)));

/** Whether the Service can be reached from outside of the cluster. */
export const isExternal = ({ type, externalIPs = [] }: Spec): boolean =>
  type === 'NodePort' || type === 'LoadBalancer' || (type === 'ClusterIP' && externalIPs.length > 0);

function validatePolicies(spec: Spec, errors: FieldErrors): void {
  const { externalTrafficPolicy, internalTrafficPolicy } = spec;
  const policies = ['Cluster', 'Local'];
  if (externalTrafficPolicy !== undefined) {
    const field = 'spec.externalTrafficPolicy';
    if (!isExternal(spec))
      errors.invalid(field, externalTrafficPolicy, 'may only be set for externally-accessible services');
    else if (!policies.includes(externalTrafficPolicy)) errors.notSupported(field, externalTrafficPolicy, policies);
  }
  if (internalTrafficPolicy !== undefined && !policies.includes(internalTrafficPolicy)) {
    errors.notSupported('spec.internalTrafficPolicy', internalTrafficPolicy, policies);
  }
}

function validatePorts(spec: Spec, ranges: ServiceRanges, errors: FieldErrors): void {
  const { ports = [], type, clusterIP } = spec;
  if (ports.length === 0 && clusterIP !== 'None' && type !== 'ExternalName') errors.required('spec.ports');
  const names = new Set<string>();
  const pairs = new Set<string>();
  const nodePorts = new Set<string>();
  ports.forEach(({ name = '', port = 0, protocol = '', targetPort, nodePort }, index) => {
    const field = `spec.ports[${index}]`;
    if (name === '') {
      if (ports.length > 1) errors.required(`${field}.name`);
    } else {
      errors.invalidFor(`${field}.name`, name, isDns1123Label(name));
      if (names.has(name)) errors.duplicate(`${field}.name`, name);
      names.add(name);
    }
    validatePortNumber(port, `${field}.port`, errors);
    if (!protocols.includes(protocol)) errors.notSupported(`${field}.protocol`, protocol, protocols);
    if (typeof targetPort === 'number') validatePortNumber(targetPort, `${field}.targetPort`, errors);
    else if (typeof targetPort === 'string')
      errors.invalidFor(`${field}.targetPort`, targetPort, portNameErrors(targetPort));
    duplicateOf(pairs, `${protocol}/${port}`, () => errors.duplicate(field, { port, protocol }));
    if (!nodePort) return;
    if (type === 'ClusterIP') errors.forbidden(`${field}.nodePort`, "may not be used when `type` is 'ClusterIP'");
    else if (!contains(ranges.nodePorts, nodePort)) {
      const { first, size } = ranges.nodePorts;
      const why = `provided port is not in the valid range. The range of valid ports is ${first}-${first + size - 1}`;
      errors.invalid(`${field}.nodePort`, nodePort, why);
    }
    duplicateOf(nodePorts, `${protocol}/${nodePort}`, () => errors.duplicate(`${field}.nodePort`, nodePort));
  });
}

function duplicateOf(seen: Set<string>, value: string, report: () => void): void {
  if (seen.has(value)) report();
  seen.add(value);
}
