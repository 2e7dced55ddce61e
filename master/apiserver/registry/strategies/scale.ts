/** The subresource `scale` (autoscaling/v1): how many replicas are wanted, and how many there are, of any kind that has some. */
import { labelSelectorText } from '../../../api/selectors.ts';
import type { KubeObject, LabelSelector, Scale } from '../../../api/types.ts';
import type { SubresourceStrategy } from '../strategy.ts';
import { validateNotNegative } from '../validation/numbers.ts';

interface Scalable extends KubeObject {
  spec?: { replicas?: number };
  status?: { replicas?: number };
}

/** `selectorOf` gives the label selector of the object's pods. */
export function scaleOf<T extends Scalable>(
  selectorOf: (object: T) => LabelSelector | undefined,
): SubresourceStrategy<T> {
  return {
    view: {
      kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
      of: (object: T): Scale => {
        const selector = labelSelectorText(selectorOf(object));
        return {
          apiVersion: 'autoscaling/v1',
          kind: 'Scale',
          metadata: scaleMetadata(object.metadata),
          spec: { replicas: object.spec?.replicas ?? 0 },
          status: { replicas: object.status?.replicas ?? 0, ...(selector !== '' && { selector }) },
        };
      },
      field: { here: ['spec', 'replicas'], inObject: ['spec', 'replicas'] },
    },
    apply: (incoming: Scale, old) => {
      const { resourceVersion } = incoming.metadata ?? {};
      const metadata = { ...old.metadata, ...(resourceVersion ? { resourceVersion } : {}) };
      return { ...old, metadata, spec: { ...old.spec, replicas: incoming.spec?.replicas ?? 0 } };
    },
    validate: ({ spec }, _old, errors) => validateNotNegative(spec?.replicas, 'spec.replicas', errors),
  };
}

export function scaleMetadata({
  name,
  namespace,
  uid,
  resourceVersion,
  creationTimestamp,
}: KubeObject['metadata'] = {}): Scale['metadata'] {
  return {
    ...(name !== undefined && { name }),
    ...(namespace !== undefined && { namespace }),
    ...(uid !== undefined && { uid }),
    ...(resourceVersion !== undefined && { resourceVersion }),
    ...(creationTimestamp !== undefined && { creationTimestamp }),
  };
}
