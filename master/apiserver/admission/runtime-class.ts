/** RuntimeClass: a pod's class says what running it costs beside its containers, and on which nodes it can run (KEP-585, KEP-688). */
import { forbidden, type StatusError } from '../../api/errors.ts';
import { deepEqual } from '../../api/meta.ts';
import type { Pod, PodSpec, RuntimeClass } from '../../api/types.ts';
import type { Objects } from './objects.ts';
import type { AdmissionPlugin, AdmissionRequest } from './types.ts';

export function runtimeClass(objects: Objects): AdmissionPlugin {
  return {
    name: 'RuntimeClass',
    resources: ['pods'],
    async admit(request) {
      const spec = newPod(request);
      const found = spec && (await classOf(request, spec));
      if (!spec || !found) return;
      setOverhead(request, spec, found);
      setScheduling(request, spec, found);
    },
    async validate(request) {
      const spec = newPod(request);
      if (!spec?.overhead) return;
      const wanted = (await classOf(request, spec))?.overhead;
      if (!wanted) throw refuse(request, 'Pod Overhead set without corresponding RuntimeClass defined Overhead');
    },
  };

  async function classOf(request: AdmissionRequest, spec: PodSpec): Promise<RuntimeClass | undefined> {
    const { runtimeClassName: name } = spec;
    if (!name) return undefined;
    const found =
      (await objects.get('runtimeclasses', name)) ??
      (await objects.get('runtimeclasses', name, undefined, 'consistent'));
    if (!found) throw refuse(request, `RuntimeClass "${name}" not found`);
    return found;
  }
}

function newPod({ operation, subresource, object }: AdmissionRequest): PodSpec | undefined {
  if (operation !== 'CREATE' || subresource !== undefined) return undefined;
  const pod: Pod | undefined = object;
  return pod?.spec;
}

function setOverhead(request: AdmissionRequest, spec: PodSpec, { overhead }: RuntimeClass): void {
  if (!overhead) return;
  const fixed = overhead.podFixed ?? {};
  if (spec.overhead && !deepEqual(spec.overhead, fixed)) {
    throw refuse(request, "Pod's Overhead doesn't match RuntimeClass's defined Overhead");
  }
  spec.overhead = { ...fixed };
}

function setScheduling(request: AdmissionRequest, spec: PodSpec, { scheduling }: RuntimeClass): void {
  if (!scheduling) return;
  const { nodeSelector = {}, tolerations = [] } = scheduling;
  for (const [label, value] of Object.entries(nodeSelector)) {
    const own = spec.nodeSelector?.[label];
    if (own === undefined || own === value) continue;
    const why = `conflict: runtimeClass.scheduling.nodeSelector[${label}] = ${value}; pod.spec.nodeSelector[${label}] = ${own}`;
    throw forbidden(request.kind, request.name, why);
  }
  if (Object.keys(nodeSelector).length > 0) spec.nodeSelector = { ...spec.nodeSelector, ...nodeSelector };
  const own = spec.tolerations ?? [];
  const more = tolerations.filter((toleration) => !own.some((other) => deepEqual(other, toleration)));
  if (more.length > 0) spec.tolerations = [...own, ...more];
}

const refuse = ({ kind, name }: AdmissionRequest, why: string): StatusError =>
  forbidden(kind, name, `pod rejected: ${why}`);
