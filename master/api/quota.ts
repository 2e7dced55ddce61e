/**
 * What objects use of the ResourceQuotas of their namespace, and which quotas count them. The API server charges what is
 * created by these rules, the quota controller recounts by them. Pure. (Kubernetes, "Resource Quotas".)
 */
import { groupResource, type Kind } from './kinds.ts';
import { type Amounts, add, amountsOf, podAmounts } from './pod-resources.ts';
import { milliValue } from './quantity.ts';
import type { Container, KubeObject, PersistentVolumeClaim, Pod, ResourceQuota, Service } from './types.ts';

const one = 1_000;
const classSuffix = '.storageclass.storage.k8s.io/';

/** Core resources that are counted under their own names too. */
const named = new Set([
  'configmaps',
  'persistentvolumeclaims',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'services',
]);

/** By the names that quotas limit; `now` in milliseconds tells pods that are as good as gone. */
export function usageOf(kind: Pick<Kind, 'group' | 'resource'>, object: KubeObject, now: number): Amounts {
  const resource = groupResource(kind);
  const usage: Amounts = new Map([[`count/${resource}`, one]]);
  if (named.has(resource)) usage.set(resource, one);
  if (resource === 'pods') add(usage, podUsage(object, now));
  else if (resource === 'services') add(usage, serviceUsage(object));
  else if (resource === 'persistentvolumeclaims') add(usage, claimUsage(object));
  return usage;
}

/** A name that a quota limits, and the resource whose objects use it: `requests.cpu` is of `pods`. */
export function resourceOf(name: string): string {
  if (name.startsWith('count/')) return name.slice('count/'.length);
  if (name === 'requests.storage' || name.includes(classSuffix)) return 'persistentvolumeclaims';
  if (name.startsWith('services.')) return 'services';
  return named.has(name) ? name : 'pods';
}

function podUsage(pod: Pod, now: number): Amounts {
  if (isOver(pod, now)) return new Map();
  const usage: Amounts = new Map([['pods', one]]);
  for (const [name, amount] of podAmounts(pod, 'requests')) {
    usage.set(`requests.${name}`, amount);
    if (isStandard(name)) usage.set(name, amount);
  }
  for (const [name, amount] of podAmounts(pod, 'limits')) if (isStandard(name)) usage.set(`limits.${name}`, amount);
  return usage;
}

const isStandard = (name: string): boolean =>
  name === 'cpu' || name === 'memory' || name === 'ephemeral-storage' || name.startsWith('hugepages-');

/** A pod that has ended, or whose time to end is over, uses nothing but its place in the store. */
function isOver({ status, metadata }: Pod, now: number): boolean {
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return true;
  const { deletionTimestamp, deletionGracePeriodSeconds } = metadata ?? {};
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds === undefined) return false;
  return now > Date.parse(deletionTimestamp) + deletionGracePeriodSeconds * 1000;
}

function serviceUsage({ spec }: Service): Amounts {
  const ports = spec?.ports ?? [];
  if (spec?.type === 'NodePort') return new Map([['services.nodeports', ports.length * one]]);
  if (spec?.type !== 'LoadBalancer') return new Map();
  const allocated = spec.allocateLoadBalancerNodePorts === false ? ports.filter(({ nodePort }) => nodePort) : ports;
  return new Map([
    ['services.nodeports', allocated.length * one],
    ['services.loadbalancers', one],
  ]);
}

function claimUsage({ spec }: PersistentVolumeClaim): Amounts {
  const storage = milliValue(spec?.resources?.requests?.storage ?? 0);
  const usage: Amounts = new Map([['requests.storage', storage]]);
  const className = spec?.storageClassName;
  if (!className) return usage;
  usage.set(`${className}${classSuffix}persistentvolumeclaims`, one);
  usage.set(`${className}${classSuffix}requests.storage`, storage);
  return usage;
}

type ScopeRule = { readonly scopeName: string; readonly operator: string; readonly values?: readonly string[] };

/** Whether the quota counts this object at all: its scopes, if it has any, must hold. Only pods have scopes. */
export function isInScope({ spec }: ResourceQuota, { resource }: Pick<Kind, 'resource'>, object: KubeObject): boolean {
  const plain = (spec?.scopes ?? []).map((scopeName): ScopeRule => ({ scopeName, operator: 'Exists' }));
  const rules: readonly ScopeRule[] = [...plain, ...(spec?.scopeSelector?.matchExpressions ?? [])];
  if (rules.length === 0) return true;
  return resource === 'pods' && rules.every((rule) => podMatches(rule, object));
}

function podMatches({ scopeName, operator, values = [] }: ScopeRule, { spec, status }: Pod): boolean {
  switch (scopeName) {
    case 'Terminating':
      return (spec?.activeDeadlineSeconds ?? -1) >= 0;
    case 'NotTerminating':
      return (spec?.activeDeadlineSeconds ?? -1) < 0;
    case 'BestEffort':
      return status?.qosClass === 'BestEffort';
    case 'NotBestEffort':
      return status?.qosClass !== 'BestEffort';
    case 'PriorityClass':
      return classMatches(operator, values, spec?.priorityClassName ?? '');
    case 'CrossNamespacePodAffinity':
      return hasForeignAffinity(spec?.affinity);
    default:
      return false;
  }
}

function classMatches(operator: string, values: readonly string[], name: string): boolean {
  if (operator === 'In') return values.includes(name);
  if (operator === 'NotIn') return !values.includes(name);
  return (operator === 'Exists') === (name !== '');
}

function hasForeignAffinity(affinity: NonNullable<Pod['spec']>['affinity']): boolean {
  const { podAffinity, podAntiAffinity } = affinity ?? {};
  return [podAffinity, podAntiAffinity].some((side) => {
    const preferred = side?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    const terms = [
      ...(side?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
      ...preferred.map(({ podAffinityTerm }) => podAffinityTerm),
    ];
    return terms.some(({ namespaces = [], namespaceSelector }) => namespaces.length > 0 || namespaceSelector);
  });
}

/** What every container must say where a quota limits it; undefined when all say it. In Kubernetes' words. */
export function missingAmounts(hard: Iterable<string>, { spec }: Pod): string | undefined {
  const required = [...hard].filter((name) => /^((requests|limits)\.)?(cpu|memory)$/.test(name)).sort();
  const lacking = required.flatMap((name) => {
    const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
    const names = containers.filter((container) => !says(container, name)).map((container) => container.name);
    return names.length > 0 ? [`${name} for: ${[...new Set(names)].sort().join(',')}`] : [];
  });
  return lacking.length > 0 ? `must specify ${lacking.join('; ')}` : undefined;
}

function says({ resources }: Container, name: string): boolean {
  const [which, resource] = name.includes('.') ? name.split('.') : ['requests', name];
  const list = which === 'limits' ? resources?.limits : resources?.requests;
  return list?.[resource ?? ''] !== undefined;
}

/** The amounts of a quota, such as `status.hard`. */
export const quotaAmounts = (amounts: Readonly<Record<string, string>> | undefined): Amounts => amountsOf(amounts);
