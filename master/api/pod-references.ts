/** What a pod refers to by name: the kubelet watches it, and the API server lets the pod's node read it. */
import type { Pod } from './types.ts';

type Spec = NonNullable<Pod['spec']>;

/** What of a container refers to objects, whatever sort of container it is. */
type Environment = Pick<Spec['containers'][number], 'env' | 'envFrom'>;

/** Gives `add` every ConfigMap and Secret that the containers' environments and the volumes name. */
export function eachReference(
  containers: readonly Environment[],
  volumes: NonNullable<Spec['volumes']>,
  add: (resource: 'configmaps' | 'secrets', name: string | undefined) => void,
): void {
  for (const { env = [], envFrom = [] } of containers) {
    for (const { valueFrom } of env) {
      add('configmaps', valueFrom?.configMapKeyRef?.name);
      add('secrets', valueFrom?.secretKeyRef?.name);
    }
    for (const { configMapRef, secretRef } of envFrom) {
      add('configmaps', configMapRef?.name);
      add('secrets', secretRef?.name);
    }
  }
  for (const { configMap, secret, projected } of volumes) {
    add('configmaps', configMap?.name);
    add('secrets', secret?.secretName);
    for (const source of projected?.sources ?? []) {
      add('configmaps', source.configMap?.name);
      add('secrets', source.secret?.name);
    }
  }
}
