/** What a pod asks of its node's kernel and of the files that the kubelet makes for it. */
import { isIP } from 'node:net';
import type { PodSpec } from '../../../api/types.ts';
import { isDns1123Subdomain } from '../../../api/validation-names.ts';
import type { FieldErrors } from './field-errors.ts';

/** Of the kubelet's `resolv.conf`. */
const maxNameservers = 3;
const maxSearchPaths = 32;
const maxSearchLength = 2048;

const sysctlPattern = '^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$';
const sysctlName = new RegExp(sysctlPattern);
const maxSysctlLength = 253;

/** `path` is where the spec stands. Kubernetes' `ValidatePodSecurityContext`, `validatePodDNSConfig` and `ValidateHostAliases`. */
export function validatePodHost(spec: PodSpec, path: string, errors: FieldErrors): void {
  const { securityContext, hostAliases = [] } = spec;
  if (securityContext) validateSecurity(securityContext, `${path}.securityContext`, errors);
  validateDns(spec, path, errors);
  hostAliases.forEach(({ ip = '', hostnames = [] }, index) => {
    const field = `${path}.hostAliases[${index}]`;
    if (isIP(ip) === 0)
      errors.invalid(`${field}.ip`, ip, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)');
    for (const hostname of hostnames) errors.invalidFor(`${field}.hostnames`, hostname, isDns1123Subdomain(hostname));
  });
}

function validateSecurity(context: NonNullable<PodSpec['securityContext']>, path: string, errors: FieldErrors): void {
  for (const field of ['fsGroup', 'runAsUser', 'runAsGroup'] as const)
    validateId(context[field], `${path}.${field}`, errors);
  (context.supplementalGroups ?? []).forEach((id, index) => {
    validateId(id, `${path}.supplementalGroups[${index}]`, errors);
  });
  const names = new Set<string>();
  (context.sysctls ?? []).forEach(({ name = '' }, index) => {
    const field = `${path}.sysctls[${index}].name`;
    if (name === '') errors.required(field);
    else if (name.length > maxSysctlLength || !sysctlName.test(name)) {
      errors.invalid(field, name, `must have at most ${maxSysctlLength} characters and match regex ${sysctlPattern}`);
    } else if (names.has(name)) errors.duplicate(field, name);
    names.add(name.replaceAll('/', '.'));
  });
}

/** Of a user or a group. */
function validateId(id: number | undefined, path: string, errors: FieldErrors): void {
  if (id !== undefined && (id < 0 || id > 2 ** 31 - 1)) {
    errors.invalid(path, id, 'must be between 0 and 2147483647, inclusive');
  }
}

function validateDns({ dnsPolicy, dnsConfig }: PodSpec, path: string, errors: FieldErrors): void {
  const field = `${path}.dnsConfig`;
  const { nameservers = [], searches = [], options = [] } = dnsConfig ?? {};
  if (dnsPolicy === 'None') {
    if (!dnsConfig) errors.required(field, 'must provide `dnsConfig` when `dnsPolicy` is None');
    else if (nameservers.length === 0) {
      errors.required(`${field}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None');
    }
  }
  if (nameservers.length > maxNameservers) {
    errors.invalid(`${field}.nameservers`, nameservers, `must not have more than ${maxNameservers} nameservers`);
  }
  nameservers.forEach((server, index) => {
    if (isIP(server) === 0) {
      errors.invalid(
        `${field}.nameservers[${index}]`,
        server,
        'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
      );
    }
  });
  if (searches.length > maxSearchPaths) {
    errors.invalid(`${field}.searches`, searches, `must not have more than ${maxSearchPaths} search paths`);
  }
  if (searches.join(' ').length > maxSearchLength) {
    errors.invalid(
      `${field}.searches`,
      searches,
      `must not have more than ${maxSearchLength} characters (including spaces) in the search list`,
    );
  }
  searches.forEach((search, index) => {
    // The root, and a name that says that it is whole; services' names may begin with an underscore.
    const name = search === '.' ? '' : search.replace(/\.$/, '').replaceAll('_', '-').replace(/^-/, '');
    if (name !== '') errors.invalidFor(`${field}.searches[${index}]`, search, isDns1123Subdomain(name));
  });
  options.forEach(({ name = '' }, index) => {
    if (name === '') errors.required(`${field}.options[${index}]`, 'must not be empty');
  });
}
