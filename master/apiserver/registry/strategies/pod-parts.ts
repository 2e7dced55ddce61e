/** Parts of a running pod that are changed by paths of their own: `ephemeralcontainers` and `resize`. */
import { deepEqual } from '../../../api/meta.ts';
import type { Container, Pod, PodSpec } from '../../../api/types.ts';
import { isDns1123Label } from '../../../api/validation-names.ts';
import { defaultEphemeralContainer } from '../defaults/pod-spec.ts';
import { qosClass } from '../defaults/qos.ts';
import type { SubresourceStrategy } from '../strategy.ts';
import type { FieldErrors } from '../validation/field-errors.ts';
import { validatePodSpec } from '../validation/pod-spec.ts';

type Ephemeral = NonNullable<PodSpec['ephemeralContainers']>[number];

const noContainers: PodSpec = { containers: [] };

/** Containers to debug with: added, and never changed or taken away. */
export const ephemeralContainers: SubresourceStrategy<Pod> = {
  partOfSpec: [['spec', 'ephemeralContainers']],
  apply(incoming: Pod, old) {
    const containers = incoming.spec?.ephemeralContainers ?? [];
    for (const container of containers) defaultEphemeralContainer(container);
    const { ephemeralContainers: _, ...spec } = old.spec ?? noContainers;
    return {
      ...old,
      metadata: incoming.metadata,
      spec: containers.length === 0 ? spec : { ...spec, ephemeralContainers: containers },
    };
  },
  validate({ spec }, old, errors) {
    const field = 'spec.ephemeralContainers';
    const now = spec?.ephemeralContainers ?? [];
    for (const before of old.spec?.ephemeralContainers ?? []) {
      const kept = now.find(({ name }) => name === before.name);
      const what = `existing ephemeral containers ${JSON.stringify(before.name)} may not be`;
      if (!kept) errors.forbidden(field, `${what} removed\n`);
      else if (!deepEqual(kept, before)) errors.forbidden(field, `${what} changed\n`);
    }
    validateEphemeralContainers(now, spec ?? noContainers, errors);
  },
};

/** What a container of a running pod cannot be given any more. */
const notForEphemeral = [
  'ports',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
  'resources',
  'resizePolicy',
] as const satisfies (keyof Container)[];

function validateEphemeralContainers(containers: readonly Ephemeral[], spec: PodSpec, errors: FieldErrors): void {
  const others = [...(spec.containers ?? []), ...(spec.initContainers ?? [])].map(({ name }) => name);
  const names = new Set(others);
  containers.forEach((container, index) => {
    const field = `spec.ephemeralContainers[${index}]`;
    const { name = '', image = '', targetContainerName } = container;
    if (name === '') errors.required(`${field}.name`);
    else {
      errors.invalidFor(`${field}.name`, name, isDns1123Label(name));
      if (names.has(name)) errors.duplicate(`${field}.name`, name);
      names.add(name);
    }
    if (image === '') errors.required(`${field}.image`);
    for (const part of notForEphemeral) {
      const value: unknown = container[part];
      if (value !== undefined && !deepEqual(value, {})) {
        errors.forbidden(`${field}.${part}`, 'cannot be set for an Ephemeral Container');
      }
    }
    if (targetContainerName && !others.includes(targetContainerName)) {
      errors.notFound(`${field}.targetContainerName`, targetContainerName);
    }
  });
}

/** How much processor and memory the containers of a pod that lives have (KEP-1287). */
export const resize: SubresourceStrategy<Pod> = {
  partOfSpec: ['containers', 'initContainers'].flatMap((list) => [
    ['spec', list, '*', 'resources'],
    ['spec', list, '*', 'resizePolicy'],
  ]),
  apply(incoming: Pod, old) {
    const before = old.spec ?? noContainers;
    const resized = (list: readonly Container[] | undefined, asked: readonly Container[] | undefined) =>
      list?.map((container): Container => {
        const found = asked?.find(({ name }) => name === container.name);
        if (!found) return container;
        const { resources, resizePolicy } = found;
        return { ...container, ...(resources && { resources }), ...(resizePolicy && { resizePolicy }) };
      });
    const initContainers = resized(before.initContainers, incoming.spec?.initContainers);
    return {
      ...old,
      metadata: incoming.metadata,
      spec: {
        ...before,
        containers: resized(before.containers, incoming.spec?.containers) ?? [],
        ...(initContainers && { initContainers }),
      },
    };
  },
  validate({ spec }, old, errors) {
    if (!spec) return;
    validatePodSpec(spec, 'spec', errors);
    const quality = qosClass(spec);
    if (quality !== qosClass(old.spec)) {
      errors.invalid('spec', quality, 'Pod QOS Class may not change as a result of resizing');
    }
    for (const list of ['containers', 'initContainers'] as const) {
      (spec[list] ?? []).forEach((container, index) => {
        const before = old.spec?.[list]?.[index];
        if (!deepEqual(otherResources(container), otherResources(before))) {
          errors.forbidden(`spec.${list}[${index}].resources`, 'only cpu and memory resources are mutable');
        }
      });
    }
  },
};

function otherResources(container: Container | undefined): unknown {
  const { limits, requests, claims } = container?.resources ?? {};
  const others = (amounts: Record<string, string> = {}): [string, string][] =>
    Object.entries(amounts).filter(([name]) => name !== 'cpu' && name !== 'memory');
  return { limits: others(limits), requests: others(requests), claims };
}
