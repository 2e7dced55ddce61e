/** What the downward API shows of a pod and its containers ("Downward API"). Pure. */
import { milliValue, quantityToNumber } from '../../../master/api/quantity.ts';
import type { Container, Pod } from '../../../master/api/types.ts';
import { allContainersOf } from './pod.ts';

/** What is known only on the node. */
export interface FieldContext {
  readonly podIp?: string;
  readonly hostIp: string;
  /** Stands in for a limit that a container does not have. */
  readonly allocatable: Readonly<Record<string, string>>;
}

/** The value of a fieldRef. Throws an Error for a path that is none. */
export function fieldValue(pod: Pod, path: string, context: FieldContext): string {
  const metadata = pod.metadata ?? {};
  const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (keyed) return metadata[keyed[1] === 'labels' ? 'labels' : 'annotations']?.[keyed[2] ?? ''] ?? '';
  switch (path) {
    case 'metadata.name':
      return metadata.name ?? '';
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid ?? '';
    case 'metadata.labels':
      return mapText(metadata.labels);
    case 'metadata.annotations':
      return mapText(metadata.annotations);
    case 'spec.nodeName':
      return pod.spec?.nodeName ?? '';
    case 'spec.serviceAccountName':
      return pod.spec?.serviceAccountName ?? '';
    case 'status.hostIP':
    case 'status.hostIPs':
      return context.hostIp;
    case 'status.podIP':
    case 'status.podIPs':
      return context.podIp ?? '';
    default:
      throw new Error(`unsupported fieldPath: ${path}`);
  }
}

interface ResourceReference {
  readonly containerName?: string;
  readonly resource: string;
  readonly divisor?: string;
}

/** The value of a resourceFieldRef: rounded up to the divisor. Throws an Error for a resource or container that is none. */
export function resourceValue(
  pod: Pod,
  container: Container | undefined,
  reference: ResourceReference,
  context: FieldContext,
): string {
  const { containerName, resource } = reference;
  const of = containerName ? allContainersOf(pod).find(({ name }) => name === containerName) : container;
  if (!of) throw new Error(`container ${containerName ?? ''} not found`);
  const [list, name = ''] = splitOnce(resource);
  if (list !== 'limits' && list !== 'requests') throw new Error(`unsupported container resource : ${resource}`);
  const quantity =
    of.resources?.[list]?.[name] ??
    (list === 'limits' ? context.allocatable[name] : undefined) ??
    (list === 'requests' ? of.resources?.limits?.[name] : undefined) ??
    '0';
  const divisor = reference.divisor && reference.divisor !== '0' ? reference.divisor : '1';
  if (name === 'cpu') return String(Math.ceil(milliValue(quantity) / milliValue(divisor)));
  return String(Math.ceil(quantityToNumber(quantity) / quantityToNumber(divisor)));
}

const splitOnce = (text: string): [string, string] => {
  const dot = text.indexOf('.');
  return dot < 0 ? [text, ''] : [text.slice(0, dot), text.slice(dot + 1)];
};

/** A line for each entry, sorted, with the value in quotes. */
const mapText = (map: Readonly<Record<string, string>> = {}): string =>
  Object.entries(map)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join('\n');
