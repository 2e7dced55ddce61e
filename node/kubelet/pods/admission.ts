/** Whether a pod that was bound to this node can really run on it: the node's last word. Pure. */
import { milliValue, quantityToNumber } from '../../../master/api/quantity.ts';
import type { Container, Node, Pod } from '../../../master/api/types.ts';
import { allContainersOf, containersOf, initContainersOf, isSidecar } from './pod.ts';
import type { WaitingReason } from './status.ts';

/**
 * Undefined when it fits beside the pods that are admitted already; otherwise reason and message for its status.
 * Processor time is counted in thousandths, everything else in its unit, as the message of Kubernetes shows it.
 */
export function rejectionOf(pod: Pod, admitted: readonly Pod[], node: Node): WaitingReason | undefined {
  const selector = pod.spec?.nodeSelector ?? {};
  const labels = node.metadata?.labels ?? {};
  if (Object.entries(selector).some(([name, value]) => labels[name] !== value)) {
    return {
      reason: 'NodeAffinity',
      message: "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
    };
  }
  const allocatable = node.status?.allocatable ?? {};
  const outOf = (name: string, requested: number, used: number, capacity: number): WaitingReason => ({
    reason: `OutOf${name}`,
    message: `Pod was rejected: Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, capacity: ${capacity}`,
  });
  const mostPods = amount('pods', allocatable.pods ?? '110');
  if (admitted.length + 1 > mostPods) return outOf('pods', 1, admitted.length, mostPods);
  for (const [name, requested] of requestsOf(pod)) {
    if (requested === 0) continue;
    const used = admitted.reduce((sum, other) => sum + (requestsOf(other).get(name) ?? 0), 0);
    const capacity = amount(name, allocatable[name] ?? '0');
    if (used + requested > capacity) return outOf(name, requested, used, capacity);
  }
  return hostPortRejection(pod, admitted);
}

function hostPortRejection(pod: Pod, admitted: readonly Pod[]): WaitingReason | undefined {
  const taken = new Set(admitted.flatMap(hostPortsOf));
  if (!hostPortsOf(pod).some((port) => taken.has(port))) return undefined;
  return {
    reason: 'NodePorts',
    message: "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
  };
}

const hostPortsOf = (pod: Pod): string[] =>
  allContainersOf(pod).flatMap(({ ports = [] }) =>
    ports.filter(({ hostPort }) => hostPort).map(({ hostPort, protocol = 'TCP' }) => `${protocol}/${hostPort}`),
  );

/**
 * What the pod asks for: the main containers and sidecars together, or the largest init container (with the sidecars
 * started before it), if that is more; and the pod's overhead.
 */
export function requestsOf(pod: Pod): Map<string, number> {
  const running = new Map<string, number>();
  const peak = new Map<string, number>();
  for (const container of initContainersOf(pod)) {
    const asked = requests(container);
    if (isSidecar(container)) add(running, asked);
    const now = new Map(running);
    if (!isSidecar(container)) add(now, asked);
    for (const [name, value] of now) peak.set(name, Math.max(peak.get(name) ?? 0, value));
  }
  for (const container of containersOf(pod)) add(running, requests(container));
  for (const [name, value] of peak) running.set(name, Math.max(running.get(name) ?? 0, value));
  add(running, amounts(pod.spec?.overhead ?? {}));
  return running;
}

const requests = ({ resources }: Container): Map<string, number> =>
  amounts({ ...resources?.limits, ...resources?.requests });

const amounts = (list: Record<string, string>): Map<string, number> =>
  new Map(Object.entries(list).map(([name, quantity]) => [name, amount(name, quantity)]));

const amount = (name: string, quantity: string): number =>
  name === 'cpu' ? milliValue(quantity) : quantityToNumber(quantity);

function add(sum: Map<string, number>, more: ReadonlyMap<string, number>): void {
  for (const [name, value] of more) sum.set(name, (sum.get(name) ?? 0) + value);
}
