/**
 * What a service's endpoints are made of: which of its pods count, under which ports, and how they may be used. Pure, shared
 * by Endpoints and EndpointSlices.
 */
import type { Pod, Service } from '../../api/types.ts';
import { isReady, isTerminated, isTerminating } from '../pod-facts.ts';

export const headlessLabel = 'service.kubernetes.io/headless';

export interface PortEntry {
  readonly name: string | undefined;
  readonly port: number | undefined;
  readonly protocol: string;
  readonly appProtocol?: string;
}

/** Whether the service's selector matches the pod. A service without selector has its endpoints from elsewhere. */
export function selectsPod(service: Service, pod: Pod): boolean {
  const selector = Object.entries(service.spec?.selector ?? {});
  if (selector.length === 0) return false;
  const labels = pod.metadata?.labels ?? {};
  return selector.every(([name, value]) => labels[name] === value);
}

export function hasSelector(service: Service): boolean {
  return Object.keys(service.spec?.selector ?? {}).length > 0 && service.spec?.type !== 'ExternalName';
}

export function isHeadless(service: Service): boolean {
  return service.spec?.clusterIP === 'None';
}

/** Whether the pod has a place among the endpoints: an address, and containers that have not ended for good. */
export function isEndpoint(pod: Pod, includeTerminating: boolean): boolean {
  if (isTerminated(pod) || !addressOf(pod)) return false;
  return includeTerminating || !isTerminating(pod);
}

/** The pod's IPv4 address. */
export function addressOf({ status }: Pod): string | undefined {
  const all = status?.podIPs?.map(({ ip }) => ip) ?? [];
  return [...all, status?.podIP].find((ip) => ip !== undefined && ip !== '' && !ip.includes(':'));
}

/**
 * The service's ports as this pod has them; a targetPort name is looked up in the pod's containers, and a port that the pod
 * does not name is left out. A headless service without ports has one entry without a number.
 */
export function portsFor(service: Service, pod: Pod): PortEntry[] {
  const declared = service.spec?.ports ?? [];
  const entries: PortEntry[] = [];
  for (const { name, port, targetPort, protocol = 'TCP', appProtocol } of declared) {
    const number = targetNumber(targetPort ?? port, protocol, pod);
    if (number === undefined) continue;
    entries.push({ name: name ?? '', port: number, protocol, ...(appProtocol && { appProtocol }) });
  }
  return entries;
}

function targetNumber(target: unknown, protocol: string, pod: Pod): number | undefined {
  if (typeof target === 'number') return target;
  const name = String(target);
  if (/^\d+$/.test(name)) return Number(name);
  const sidecars = (pod.spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  for (const container of [...(pod.spec?.containers ?? []), ...sidecars]) {
    for (const port of container.ports ?? []) {
      if (port.name === name && (port.protocol ?? 'TCP') === protocol) return port.containerPort;
    }
  }
  return undefined;
}

export interface EndpointConditions {
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
}

/** As the EndpointSlice API defines them: a terminating endpoint is never ready, though it may still serve. */
export function conditionsOf(service: Service, pod: Pod): EndpointConditions {
  const always = service.spec?.publishNotReadyAddresses === true;
  const terminating = isTerminating(pod);
  const serving = isReady(pod);
  return { ready: always || (serving && !terminating), serving, terminating };
}

/** The host name under which the pod is known in the service's domain, if it has one. */
export function hostnameFor(service: Service, pod: Pod): string | undefined {
  const { hostname, subdomain } = pod.spec ?? {};
  return hostname && subdomain === service.metadata?.name ? hostname : undefined;
}

/** The service's labels, and the mark of a headless one. `reserved` names are left out. */
export function labelsFor(service: Service, reserved: readonly string[] = []): Record<string, string> {
  const labels = Object.entries(service.metadata?.labels ?? {}).filter(
    ([name]) => name !== headlessLabel && !reserved.includes(name),
  );
  if (isHeadless(service)) labels.push([headlessLabel, '']);
  return Object.fromEntries(labels);
}
