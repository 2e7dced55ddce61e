/** The rules that Services follow (Kubernetes' `ValidateService` and `ValidateServiceUpdate`). */
import { isIP, isIPv4 } from 'node:net';
import type { Service } from '../../../api/types.ts';
import { isDns1123Label, isDns1123Subdomain, isQualifiedName } from '../../../api/validation-names.ts';
import { addressNumber, contains } from '../allocation/ranges.ts';
import type { ServiceRanges } from '../allocation/service-allocator.ts';
import { addressErrors } from './addresses.ts';
import type { FieldErrors } from './field-errors.ts';
import { validateLabels } from './metadata.ts';
import { protocols, validatePortNumber, validatePortNumberOrName } from './ports.ts';
import { validateTraffic, validateTrafficUpdate } from './service-traffic.ts';

type Spec = NonNullable<Service['spec']>;

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];

/** `old`: what it is a change of; an address that it has may be of a range that gives out none any more. */
export function validateService(service: Service, ranges: ServiceRanges, errors: FieldErrors, old?: Service): void {
  const { spec } = service;
  if (!spec) {
    errors.required('spec');
    return;
  }
  const { type = '' } = spec;
  if (!types.includes(type)) errors.notSupported('spec.type', type, types);
  validateLabels(spec.selector, 'spec.selector', errors);
  if (type === 'ExternalName') validateExternalName(spec, errors);
  else validateAddresses(spec, spec.clusterIP === old?.spec?.clusterIP ? undefined : ranges, errors, old?.spec);
  validateTraffic(service, errors, old);
  validatePorts(spec, ranges, errors);
}

export function validateServiceUpdate(service: Service, old: Service, errors: FieldErrors): void {
  const now = service.spec ?? {};
  const before = old.spec ?? {};
  validateTrafficUpdate(now, before, errors);
  if (now.type === 'ExternalName' || before.type === 'ExternalName') return;
  const [was, is] = [before.clusterIPs ?? [], now.clusterIPs ?? []];
  if (was[0] !== undefined && is.length === 0) {
    errors.invalid('spec.clusterIPs[0]', is, 'primary clusterIP can not be unset');
  } else if (was[0] !== undefined && is[0] !== was[0]) {
    errors.invalid('spec.clusterIPs[0]', is, 'may not change once set');
  }
  const family = before.ipFamilies?.[0];
  if (was[0] !== 'None' && family !== undefined && now.ipFamilies?.[0] !== family) {
    errors.invalid('spec.ipFamilies[0]', now.ipFamilies ?? [], 'may not change once set');
  }
}

function validateExternalName(spec: Spec, errors: FieldErrors): void {
  const name = (spec.externalName ?? '').replace(/\.$/, '');
  if (name === '') errors.required('spec.externalName');
  else errors.invalidFor('spec.externalName', name, isDns1123Subdomain(name));
  for (const field of ['clusterIPs', 'ipFamilies'] as const) {
    if (spec[field]?.length) errors.forbidden(`spec.${field}`, 'may not be set for ExternalName services');
  }
  if (spec.ipFamilyPolicy) errors.forbidden('spec.ipFamilyPolicy', 'may not be set for ExternalName services');
}

function validateAddresses(
  { type, clusterIP = '', clusterIPs = [], ipFamilies = [], ipFamilyPolicy }: Spec,
  ranges: ServiceRanges | undefined,
  errors: FieldErrors,
  old?: Spec,
): void {
  const known = old?.clusterIPs;
  if (clusterIP === '' && clusterIPs.length > 0) {
    errors.invalid('spec.clusterIPs', clusterIPs, 'must be empty when `clusterIP` is not specified');
  } else if (clusterIP !== '' && clusterIPs.length === 0) errors.required('spec.clusterIPs');
  else if (clusterIP !== (clusterIPs[0] ?? '')) {
    errors.invalid('spec.clusterIPs', clusterIPs, 'first value must match `clusterIP`');
  }
  validateFurther(clusterIPs, errors, known);
  if (clusterIP === 'None') {
    if (type !== 'ClusterIP')
      errors.invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${type} services`);
  } else if (clusterIP !== '') {
    const wrong = addressErrors(clusterIP, known);
    errors.invalidFor('spec.clusterIPs[0]', clusterIP, wrong);
    if (wrong.length === 0 && ranges && !isInAny(ranges, clusterIP)) {
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
    else if (ipFamilies.indexOf(family) < index) errors.duplicate(field, family);
    else if (family === 'IPv6' && clusterIP !== 'None') errors.invalid(field, family, 'not configured on this cluster');
  });
}

/** Addresses beside the first: one of the other family at most. */
function validateFurther(
  clusterIPs: readonly string[],
  errors: FieldErrors,
  known: readonly string[] | undefined,
): void {
  const field = 'spec.clusterIPs';
  if (clusterIPs.length < 2) return;
  if (clusterIPs[0] === 'None') {
    errors.invalid(field, clusterIPs, "'None' must be the first and only value");
    return;
  }
  clusterIPs.forEach((address, index) => {
    if (index > 0) errors.invalidFor(`${field}[${index}]`, address, addressErrors(address, known));
  });
  if (clusterIPs.length > 2) errors.invalid(field, clusterIPs, 'may only hold up to 2 values');
  const families = new Set(clusterIPs.map(isIP));
  if (!families.has(0) && families.size < 2) {
    errors.invalid(field, clusterIPs, 'may specify no more than one IP for each IP family');
  }
}

const isInAny = ({ addresses }: ServiceRanges, address: string): boolean =>
  isIPv4(address) && addresses().some((range) => contains(range, addressNumber(address)));

function validatePorts(spec: Spec, ranges: ServiceRanges, errors: FieldErrors): void {
  const { ports = [], type, clusterIP } = spec;
  if (ports.length === 0 && clusterIP !== 'None' && type !== 'ExternalName') errors.required('spec.ports');
  const names = new Set<string>();
  const pairs = new Set<string>();
  const nodePorts = new Set<string>();
  ports.forEach(({ name = '', port = 0, protocol = '', targetPort, nodePort, appProtocol }, index) => {
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
    if (targetPort !== undefined) validatePortNumberOrName(targetPort, `${field}.targetPort`, errors);
    if (appProtocol !== undefined) {
      errors.invalidFor(`${field}.appProtocol`, appProtocol, isQualifiedName(appProtocol));
    }
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
