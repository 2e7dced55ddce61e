/** Facts about a Pod that every part of the kubelet asks for. Pure. */
import { metaOf } from '../../../master/api/meta.ts';
import type { Container, Pod, PodSpec } from '../../../master/api/types.ts';
import type { PodIdentity } from '../../runtime/runtime.ts';

/** Invariant: a pod that came from the API server has a spec. */
export function specOf(pod: Pod): PodSpec {
  if (!pod.spec) throw new Error(`pod ${metaOf(pod).name} has no spec`);
  return pod.spec;
}

export const uidOf = (pod: Pod): string => metaOf(pod).uid ?? '';
export const nameOf = (pod: Pod): string => metaOf(pod).name ?? '';
export const namespaceOf = (pod: Pod): string => metaOf(pod).namespace ?? '';

export const identityOf = (pod: Pod): PodIdentity => ({
  uid: uidOf(pod),
  name: nameOf(pod),
  namespace: namespaceOf(pod),
});

/** `name_namespace(uid)`, as the kubelet's messages name a pod. */
export const podTitle = (pod: Pod): string => `${nameOf(pod)}_${namespaceOf(pod)}(${uidOf(pod)})`;

/** Succeeded or Failed: nothing of the pod runs ever again. */
export const hasFinished = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

export const isTerminating = (pod: Pod): boolean => pod.metadata?.deletionTimestamp !== undefined;

/** An init container that goes on running beside the main ones (a sidecar). */
export const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always';

export const initContainersOf = (pod: Pod): readonly Container[] => pod.spec?.initContainers ?? [];
export const containersOf = (pod: Pod): readonly Container[] => pod.spec?.containers ?? [];
/** Containers that somebody added to the running pod to look into it. They run once, and the pod's fate is not theirs. */
export const ephemeralContainersOf = (pod: Pod): readonly Container[] => pod.spec?.ephemeralContainers ?? [];
export const allContainersOf = (pod: Pod): readonly Container[] => [
  ...initContainersOf(pod),
  ...containersOf(pod),
  ...ephemeralContainersOf(pod),
];

/** How long the pod's containers get to end, in seconds: what the deletion asked for, else what the spec says. */
export const gracePeriodOf = (pod: Pod): number =>
  pod.metadata?.deletionGracePeriodSeconds ?? pod.spec?.terminationGracePeriodSeconds ?? 30;

/** `spec.containers{name}`: where an event about a container points. */
export function fieldPathOf(pod: Pod, container: string): string {
  const isIn = (containers: readonly Container[]): boolean => containers.some(({ name }) => name === container);
  const others = isIn(ephemeralContainersOf(pod)) ? 'ephemeralContainers' : 'containers';
  const list = isIn(initContainersOf(pod)) ? 'initContainers' : others;
  return `spec.${list}{${container}}`;
}
