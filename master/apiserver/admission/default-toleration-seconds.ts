/** DefaultTolerationSeconds: how long a pod stays on a node that fails, where the pod does not say so itself, or no longer. */
import type { Pod, Toleration } from '../../api/types.ts';
import type { AdmissionPlugin } from './types.ts';

const notReady = 'node.kubernetes.io/not-ready';
const unreachable = 'node.kubernetes.io/unreachable';

export function defaultTolerationSeconds(notReadySeconds: number, unreachableSeconds: number): AdmissionPlugin {
  return {
    name: 'DefaultTolerationSeconds',
    resources: ['pods'],
    admit({ operation, subresource, object }) {
      if ((operation !== 'CREATE' && operation !== 'UPDATE') || subresource !== undefined || !object) return;
      addTolerations(object, [
        { key: notReady, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: notReadySeconds },
        { key: unreachable, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: unreachableSeconds },
      ]);
    },
  };
}

function addTolerations(pod: Pod, defaults: readonly Toleration[]): void {
  if (!pod.spec) return;
  const given = pod.spec.tolerations ?? [];
  const missing = defaults.filter(({ key = '' }) => !given.some((toleration) => covers(toleration, key)));
  if (missing.length > 0) pod.spec.tolerations = [...given, ...missing];
}

/** Whether the pod has its own say on this taint when it would put the pod out. */
function covers({ key = '', effect = '' }: Toleration, taint: string): boolean {
  return (key === taint || key === '') && (effect === 'NoExecute' || effect === '');
}
