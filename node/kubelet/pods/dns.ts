/**
 * How a pod resolves names (Kubernetes, "DNS for Services and Pods"): its policy says whose resolver it has, the cluster's or the node's, and
 * its own configuration adds to that. Pure.
 */
import type { Pod } from '../../../master/api/types.ts';
import { hostnameOf } from './container-config.ts';
import { namespaceOf } from './pod.ts';

export interface Resolver {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  /** As in `ndots:5`. */
  readonly options: readonly string[];
}

export interface ClusterNames {
  readonly domain: string;
  /** Addresses of the cluster's DNS; none where there is none. */
  readonly servers: readonly string[];
}

export interface PodResolver {
  /** Undefined: the engine's own. */
  readonly resolver: Resolver | undefined;
  /** What was left out, as events tell it. */
  readonly warnings: readonly string[];
}

/** What the C library reads. */
const mostNameservers = 3;
/** What Kubernetes allows. */
const mostSearches = 32;
const longestSearchLine = 2_048;
/** The kernel's. */
const longestHostname = 64;

const none: Resolver = { nameservers: [], searches: [], options: [] };

/** The resolver of a pod. `node`: the node's own, undefined where pods cannot use it. */
export function resolverOf(pod: Pod, node: Resolver | undefined, cluster: ClusterNames): PodResolver {
  const base = baseOf(pod, node, cluster);
  const { nameservers = [], searches = [], options = [] } = pod.spec?.dnsConfig ?? {};
  const own = new Set(options.map(({ name }) => name ?? ''));
  const whole = {
    nameservers: [...new Set([...base.nameservers, ...nameservers])],
    searches: [...new Set([...base.searches, ...searches])],
    options: [
      ...base.options.filter((option) => !own.has(option.split(':')[0] ?? '')),
      ...options.map(({ name = '', value }) => (value ? `${name}:${value}` : name)),
    ],
  };
  return whole.nameservers.length === 0 ? { resolver: undefined, warnings: [] } : withinLimits(whole);
}

function baseOf(pod: Pod, node: Resolver | undefined, { domain, servers }: ClusterNames): Resolver {
  const { dnsPolicy = 'ClusterFirst', hostNetwork = false } = pod.spec ?? {};
  if (dnsPolicy === 'None') return none;
  const wantsCluster = dnsPolicy === 'ClusterFirstWithHostNet' || (dnsPolicy === 'ClusterFirst' && !hostNetwork);
  if (!wantsCluster || servers.length === 0) return node ?? none;
  const own = [`${namespaceOf(pod)}.svc.${domain}`, `svc.${domain}`, domain];
  return { nameservers: servers, searches: [...own, ...(node?.searches ?? [])], options: ['ndots:5'] };
}

function withinLimits({ nameservers, searches, options }: Resolver): PodResolver {
  const warnings: string[] = [];
  const servers = nameservers.slice(0, mostNameservers);
  if (servers.length < nameservers.length) {
    warnings.push(
      `Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${servers.join(' ')}`,
    );
  }
  const kept = searches.slice(0, mostSearches);
  while (kept.join(' ').length > longestSearchLine) kept.pop();
  if (kept.length < searches.length) {
    warnings.push(
      `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${kept.join(' ')}`,
    );
  }
  return { resolver: { nameservers: servers, searches: kept, options }, warnings };
}

/** The text of a resolv.conf. */
export function resolvConfOf({ nameservers, searches, options }: Resolver): string {
  const lines = [
    ...(searches.length > 0 ? [`search ${searches.join(' ')}`] : []),
    ...nameservers.map((server) => `nameserver ${server}`),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

/** What a resolv.conf says; of several lists of domains the last counts. */
export function parseResolvConf(text: string): Resolver {
  const nameservers: string[] = [];
  let searches: string[] = [];
  const options = new Set<string>();
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line.trim().split(/\s+/);
    if (keyword === 'nameserver' && values[0]) nameservers.push(values[0]);
    else if (keyword === 'search') searches = values;
    else if (keyword === 'options') for (const option of values) options.add(option);
  }
  return { nameservers, searches, options: [...options] };
}

/** The name under which a pod with a subdomain is known; undefined without one. */
export function fullNameOf(pod: Pod, domain: string): string | undefined {
  const { subdomain, hostnameOverride } = pod.spec ?? {};
  if (!subdomain || hostnameOverride) return undefined;
  return `${hostnameOf(pod)}.${subdomain}.${namespaceOf(pod)}.svc.${domain}`;
}

/** What the kernel of the pod calls itself. Throws an Error for a full name that is too long. */
export function kernelHostname(pod: Pod, domain: string): string {
  const full = pod.spec?.setHostnameAsFQDN ? fullNameOf(pod, domain) : undefined;
  if (full === undefined) return hostnameOf(pod);
  if (full.length <= longestHostname) return full;
  throw new Error(
    `Failed to construct FQDN from pod hostname and cluster domain, FQDN ${full} is too long (${longestHostname} characters is the max, ${full.length} characters requested)`,
  );
}
