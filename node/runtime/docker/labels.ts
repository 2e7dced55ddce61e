/** How the engine's containers say whose they are. Only what carries this node's label is ever listed or touched. */
import type { PodIdentity } from '../runtime.ts';

export const labels = {
  podName: 'io.kubernetes.pod.name',
  podNamespace: 'io.kubernetes.pod.namespace',
  podUid: 'io.kubernetes.pod.uid',
  containerName: 'io.kubernetes.container.name',
  type: 'io.kubernetes.docker.type',
  sandboxId: 'io.kubernetes.sandbox.id',
  attempt: 'io.kubernetes.container.restartCount',
  hash: 'io.kubernetes.container.hash',
  grace: 'io.kubernetes.pod.terminationGracePeriod',
  messageFile: 'trimaster.terminationMessageFile',
  image: 'trimaster.image',
  node: 'trimaster.node',
} as const;

/** What kind of container of ours this is. */
export const types = { sandbox: 'podsandbox', container: 'container' } as const;

export function podLabels(node: string, pod: PodIdentity): Record<string, string> {
  return {
    [labels.node]: node,
    [labels.podUid]: pod.uid,
    [labels.podName]: pod.name,
    [labels.podNamespace]: pod.namespace,
  };
}

export function podOf(of: Readonly<Record<string, string>>): PodIdentity {
  return { uid: of[labels.podUid] ?? '', name: of[labels.podName] ?? '', namespace: of[labels.podNamespace] ?? '' };
}

/** `k8s_<container>_<pod>_<namespace>_<uid>_<attempt>`: the name under which `docker ps` shows it. */
export const containerName = (name: string, pod: PodIdentity, attempt: number): string =>
  `k8s_${name}_${pod.name}_${pod.namespace}_${pod.uid}_${attempt}`;
