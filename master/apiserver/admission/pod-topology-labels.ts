/**
 * PodTopologyLabels: a pod has the zone and region of the node that it is bound to, so that its containers can be told
 * (KEP-4742). The binding carries them; a pod that is made for a node has them from the start.
 */
import type { Binding, KubeObject, Pod } from '../../api/types.ts';
import type { Objects } from './objects.ts';
import type { AdmissionPlugin, AdmissionRequest } from './types.ts';

const topology = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region'];

export function podTopologyLabels(objects: Objects): AdmissionPlugin {
  return {
    name: 'PodTopologyLabels',
    resources: ['pods'],
    admit(request) {
      const { operation, object } = request;
      const node = operation === 'CREATE' ? nodeOf(request) : undefined;
      return node && object ? label(object, node) : undefined;
    },
  };

  async function label(object: KubeObject, node: string): Promise<void> {
    const known = (await objects.get('nodes', node))?.metadata?.labels ?? {};
    const labels = Object.fromEntries(topology.flatMap((key) => (known[key] === undefined ? [] : [[key, known[key]]])));
    if (Object.keys(labels).length === 0) return;
    object.metadata = { ...object.metadata, labels: { ...object.metadata?.labels, ...labels } };
  }
}

/** The node that the request puts a pod on. */
function nodeOf({ subresource, object }: AdmissionRequest): string | undefined {
  if (subresource === 'binding') return targetOf(object);
  const pod: Partial<Pod> = object ?? {};
  return subresource === undefined ? pod.spec?.nodeName : undefined;
}

function targetOf(object: KubeObject | undefined): string | undefined {
  const binding: Partial<Binding> = object ?? {};
  return binding.target?.name;
}
