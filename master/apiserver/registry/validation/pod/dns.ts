/** The names that a pod has and knows: its own, and those of others (Kubernetes' "DNS for Services and Pods" page). */
import type { PodSpec } from '../../../../api/types.ts';
import {
  isDns1123Label,
  isDns1123Subdomain,
  isDns1123SubdomainWithUnderscore,
} from '../../../../api/validation-names.ts';
import { addressErrors } from '../addresses.ts';
import type { FieldErrors } from '../field-errors.ts';

/** Of the kubelet's `resolv.conf`. */
const maxNameservers = 3;
const maxSearchPaths = 32;
const maxSearchLength = 2048;
/** What a kernel takes as a node's name. */
const maxHostname = 64;

/** `path` is where the spec stands. */
export function validateNames(spec: PodSpec, path: string, errors: FieldErrors): void {
  validateDns(spec, path, errors);
  (spec.hostAliases ?? []).forEach(({ ip = '', hostnames = [] }, index) => {
    const field = `${path}.hostAliases[${index}]`;
    errors.invalidFor(`${field}.ip`, ip, addressErrors(ip));
    hostnames.forEach((hostname, at) => {
      errors.invalidFor(`${field}.hostnames[${at}]`, hostname, isDns1123Subdomain(hostname));
    });
  });
  for (const field of ['hostname', 'subdomain'] as const) {
    const value = spec[field];
    if (value) errors.invalidFor(`${path}.${field}`, value, isDns1123Label(value));
  }
  validateOverride(spec, path, errors);
}

/** KEP-4762. */
function validateOverride(spec: PodSpec, path: string, errors: FieldErrors): void {
  const { hostnameOverride: name, hostNetwork, setHostnameAsFQDN } = spec;
  if (name === undefined) return;
  const field = `${path}.hostnameOverride`;
  if (hostNetwork) errors.forbidden(field, 'may not be specified when hostNetwork is true');
  if (setHostnameAsFQDN) errors.forbidden(field, 'may not be specified when setHostnameAsFQDN is true');
  if (name.length > maxHostname) errors.tooLong(field, maxHostname);
  errors.invalidFor(field, name, isDns1123Subdomain(name));
}

function validateDns({ dnsPolicy, dnsConfig }: PodSpec, path: string, errors: FieldErrors): void {
  const field = `${path}.dnsConfig`;
  const { nameservers = [], searches = [], options = [] } = dnsConfig ?? {};
  if (dnsPolicy === 'None') {
    if (!dnsConfig) errors.required(field, 'must provide `dnsConfig` when `dnsPolicy` is None');
    else if (nameservers.length === 0) {
      errors.required(`${field}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None');
      return;
    }
  }
  if (nameservers.length > maxNameservers) {
    errors.invalid(`${field}.nameservers`, nameservers, `must not have more than ${maxNameservers} nameservers`);
  }
  nameservers.forEach((server, index) => {
    errors.invalidFor(`${field}.nameservers[${index}]`, server, addressErrors(server));
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
    // The root, and names that say that they are whole.
    const name = search.replace(/\.$/, '');
    if (search === '.') return;
    errors.invalidFor(`${field}.searches[${index}]`, name, isDns1123SubdomainWithUnderscore(name));
  });
  options.forEach(({ name = '' }, index) => {
    if (name === '') errors.required(`${field}.options[${index}]`, 'must not be empty');
  });
}
