/** Parts of a running pod that are changed by paths of their own: `ephemeralcontainers` and `resize`. */
import { deepEqual } from '../../../api/meta.ts';
import type { Container, Pod, PodSpec } from '../../../api/types.ts';
import { defaultEphemeralContainer } from '../defaults/pod-spec.ts';
import { qosClass } from '../defaults/qos.ts';
import type { SubresourceStrategy } from '../strategy.ts';
import { mirrorAnnotation } from '../validation/pod/annotations.ts';
import { validatePodSpec } from '../validation/pod/pod-spec.ts';
import { validateResize } from '../validation/pod/resize.ts';

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
  validate({ metadata, spec }, old, errors) {
    const field = 'spec.ephemeralContainers';
    if (old.metadata?.annotations?.[mirrorAnnotation] !== undefined) {
      errors.forbidden('', 'static pods do not support ephemeral containers');
      return;
    }
    const now = spec?.ephemeralContainers ?? [];
    for (const before of old.spec?.ephemeralContainers ?? []) {
      const kept = now.find(({ name }) => name === before.name);
      const what = `existing ephemeral containers ${JSON.stringify(before.name)} may not be`;
      if (!kept) errors.forbidden(field, `${what} removed\n`);
      else if (!deepEqual(kept, before)) errors.forbidden(field, `${what} changed\n`);
    }
    validatePodSpec(spec ?? noContainers, 'spec', errors, metadata?.name ?? '');
  },
};

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
  validate({ metadata, spec }, old, errors) {
    if (!spec) return;
    const fixed = unresizable(old);
    if (fixed !== undefined) {
      errors.forbidden('', fixed);
      return;
    }
    validatePodSpec(spec, 'spec', errors, metadata?.name ?? '');
    const quality = qosClass(spec);
    if (quality !== qosClass(old.spec)) {
      errors.invalid('spec', quality, 'Pod QOS Class may not change as a result of resizing');
    }
    validateResize(spec, old.spec ?? noContainers, errors);
  },
};

/** Why the resources of a pod stay as they are. */
function unresizable({ metadata, spec }: Pod): string | undefined {
  if (metadata?.annotations?.[mirrorAnnotation] !== undefined) return 'static pods cannot be resized';
  if (spec?.os?.name === 'windows') return 'windows pods cannot be resized';
  return undefined;
}
