/**
 * LimitRanger: what the LimitRanges of a namespace say of pods and claims. Containers that say nothing get the default requests
 * and limits; whatever lies outside of the bounds is refused. (Kubernetes, "Limit Ranges".)
 */
import { forbidden } from '../../api/errors.ts';
import { type Amounts, amountsOf, formatAmount, podAmounts } from '../../api/pod-resources.ts';
import { milliValue } from '../../api/quantity.ts';
import type { Container, LimitRange, PersistentVolumeClaim, Pod } from '../../api/types.ts';
import type { Objects } from './objects.ts';
import type { AdmissionPlugin, AdmissionRequest } from './types.ts';

type Limit = LimitRange['spec'] extends infer Spec | undefined
  ? Spec extends { limits: (infer Item)[] }
    ? Item
    : never
  : never;
type Quantities = Readonly<Record<string, string>>;

const annotation = 'kubernetes.io/limit-ranger';

export function limitRanger(objects: Objects): AdmissionPlugin {
  return {
    name: 'LimitRanger',
    resources: ['pods', 'persistentvolumeclaims'],
    async admit(request) {
      if (!concerns(request) || request.kind.resource !== 'pods' || request.subresource !== undefined) return;
      const limits = await limitsOf(request);
      if (limits.length > 0 && request.object) setDefaults(request.object, limits);
    },
    async validate(request) {
      if (!concerns(request) || !request.object) return;
      for (const limit of await limitsOf(request)) {
        const errors =
          request.kind.resource === 'pods' ? podErrors(request.object, limit) : claimErrors(request.object, limit);
        if (errors.length === 0) continue;
        const why = errors.length === 1 ? errors[0] : `[${errors.join(', ')}]`;
        throw forbidden(request.kind, request.name, why ?? '');
      }
    },
  };

  async function limitsOf({ namespace }: AdmissionRequest): Promise<Limit[]> {
    const ranges = await objects.list('limitranges', namespace);
    return ranges.flatMap(({ spec }) => spec?.limits ?? []);
  }
}

/** Containers do not change after the pod's creation, but in a resize. */
function concerns({ operation, kind, subresource, old }: AdmissionRequest): boolean {
  if (old?.metadata?.deletionTimestamp !== undefined) return false;
  if (kind.resource === 'pods' && operation === 'UPDATE') return subresource === 'resize';
  return (operation === 'CREATE' || operation === 'UPDATE') && subresource === undefined;
}

function setDefaults(pod: Pod, limits: readonly Limit[]): void {
  const notes: string[] = [];
  for (const limit of limits) {
    if (limit.type !== 'Container') continue;
    // A range that was stored has these filled in already; one that was not means the same.
    const defaults = { ...limit.max, ...limit.default };
    const requests = { ...limit.min, ...defaults, ...limit.defaultRequest };
    for (const container of pod.spec?.containers ?? []) complete(container, 'container', defaults, requests, notes);
    for (const container of pod.spec?.initContainers ?? [])
      complete(container, 'init container', defaults, requests, notes);
  }
  if (notes.length === 0) return;
  const annotations = { ...pod.metadata?.annotations, [annotation]: `LimitRanger plugin set: ${notes.join('; ')}` };
  pod.metadata = { ...pod.metadata, annotations };
}

function complete(container: Container, what: string, limits: Quantities, requests: Quantities, notes: string[]): void {
  const { resources = {}, name } = container;
  const missing = (list: Quantities = {}, defaults: Quantities): string[] =>
    Object.keys(defaults)
      .filter((resource) => list[resource] === undefined)
      .sort();
  const asked = missing(resources.requests, requests);
  const limited = missing(resources.limits, limits);
  if (asked.length > 0) notes.push(`${asked.join(', ')} request for ${what} ${name}`);
  if (limited.length > 0) notes.push(`${limited.join(', ')} limit for ${what} ${name}`);
  container.resources = {
    ...resources,
    ...(asked.length > 0 && { requests: { ...requests, ...resources.requests } }),
    ...(limited.length > 0 && { limits: { ...limits, ...resources.limits } }),
  };
}

interface Asked {
  readonly requests: Amounts;
  readonly limits: Amounts;
  /** As the client wrote them, for messages. */
  readonly text: (which: 'requests' | 'limits', resource: string) => string;
}

function podErrors(pod: Pod, limit: Limit): string[] {
  if (limit.type === 'Container') {
    const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
    return containers.flatMap(({ resources }) => boundErrors(limit, asWritten(resources)));
  }
  if (limit.type !== 'Pod') return [];
  const amounts = { requests: podAmounts(pod, 'requests'), limits: podAmounts(pod, 'limits') };
  return boundErrors(limit, { ...amounts, text: (which, name) => formatAmount(name, amounts[which].get(name) ?? 0) });
}

function claimErrors({ spec }: PersistentVolumeClaim, limit: Limit): string[] {
  if (limit.type !== 'PersistentVolumeClaim') return [];
  const { requests } = asWritten(spec?.resources);
  const text = (name: string): string => spec?.resources?.requests?.[name] ?? '';
  const bounds = (which: 'min' | 'max', word: string, beyond: (asked: number, bound: number) => boolean): string[] =>
    Object.entries(limit[which] ?? {}).flatMap(([name, bound]) => {
      const said = `${word} ${name} usage per ${limit.type} is ${bound}`;
      const asked = requests.get(name);
      if (asked === undefined) return [`${said}.  No request is specified`];
      return beyond(asked, milliValue(bound)) ? [`${said}, but request is ${text(name)}`] : [];
    });
  return [
    ...bounds('min', 'minimum', (asked, bound) => asked < bound),
    ...bounds('max', 'maximum', (asked, bound) => asked > bound),
  ];
}

function asWritten(resources: { requests?: Quantities; limits?: Quantities } = {}): Asked {
  return {
    requests: amountsOf(resources.requests),
    limits: amountsOf(resources.limits),
    text: (which, name) => String(resources[which]?.[name] ?? ''),
  };
}

function boundErrors(limit: Limit, asked: Asked): string[] {
  const errors: string[] = [];
  for (const [name, bound] of Object.entries(limit.min ?? {})) {
    const said = `minimum ${name} usage per ${limit.type} is ${bound}`;
    const [request, most, least] = [asked.requests.get(name), asked.limits.get(name), milliValue(bound)];
    if (request === undefined) errors.push(`${said}.  No request is specified`);
    else if (request < least) errors.push(`${said}, but request is ${asked.text('requests', name)}`);
    else if (most !== undefined && most < least) errors.push(`${said}, but limit is ${asked.text('limits', name)}`);
  }
  for (const [name, bound] of Object.entries(limit.max ?? {})) {
    const said = `maximum ${name} usage per ${limit.type} is ${bound}`;
    const [request, most, largest] = [asked.requests.get(name), asked.limits.get(name), milliValue(bound)];
    if (most === undefined) errors.push(`${said}.  No limit is specified`);
    else if (most > largest) errors.push(`${said}, but limit is ${asked.text('limits', name)}`);
    else if (request !== undefined && request > largest)
      errors.push(`${said}, but request is ${asked.text('requests', name)}`);
  }
  for (const [name, bound] of Object.entries(limit.maxLimitRequestRatio ?? {})) {
    const said = `${name} max limit to request ratio per ${limit.type} is ${bound}`;
    const [request = 0, most = 0] = [asked.requests.get(name), asked.limits.get(name)];
    if (request === 0) errors.push(`${said}, but no request is specified or request is 0`);
    else if (most === 0) errors.push(`${said}, but no limit is specified or limit is 0`);
    else if ((most / request) * 1000 > milliValue(bound)) {
      errors.push(`${said}, but provided ratio is ${(most / request).toFixed(6)}`);
    }
  }
  return errors;
}
