/** ReplicationControllers, and their scale. */
import { kinds } from '../../../api/kinds.ts';
import type { ReplicationController } from '../../../api/types.ts';
import { isDns1123Subdomain } from '../../../api/validation-names.ts';
import { ageColumn, integerColumn, labelText, nameColumn, wideColumn } from '../columns/common.ts';
import { defaultPodSpec } from '../defaults/pod-spec.ts';
import { type Strategy, statusOnly } from '../strategy.ts';
import { validateLabels } from '../validation/metadata.ts';
import { notNegative, validateNotNegative } from '../validation/numbers.ts';
import { workloadWarnings } from '../validation/pod/warnings.ts';
import { validateMatchingTemplate, validateServingTemplate } from '../validation/workload.ts';
import { scaleOf } from './scale.ts';

type Rc = ReplicationController;

const counts = ['replicas', 'fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'] as const;
export const replicationControllerStrategy: Strategy<Rc> = {
  kind: kinds.replicationcontrollers,
  columns: [
    nameColumn,
    integerColumn<Rc>('Desired', 'Replicas is the number of desired replicas.', ({ spec }) => spec?.replicas ?? 0),
    integerColumn<Rc>(
      'Current',
      'Replicas is the most recently observed number of replicas.',
      ({ status }) => status?.replicas ?? 0,
    ),
    integerColumn<Rc>(
      'Ready',
      'The number of ready replicas for this replication controller.',
      ({ status }) => status?.readyReplicas ?? 0,
    ),
    ageColumn,
    wideColumn<Rc>('Containers', 'Names of each container in the template.', (rc) => containers(rc, 'name')),
    wideColumn<Rc>('Images', 'Images referenced by each container in the template.', (rc) => containers(rc, 'image')),
    wideColumn<Rc>(
      'Selector',
      'Selector is a label query over pods that should match the Replicas count.',
      ({ spec }) => labelText(spec?.selector),
    ),
  ],
  fieldNames: ['status.replicas'],
  fieldValue: ({ status }) => String(status?.replicas ?? 0),
  nameErrors: isDns1123Subdomain,
  hasGeneration: true,
  // Kubernetes' core/v1 keeps the pods of a deleted controller unless the request says otherwise; kubectl always does.
  defaultPropagation: 'Orphan',

  setDefaults(rc) {
    rc.spec ??= {};
    const { template } = rc.spec;
    const labels = template?.metadata?.labels ?? {};
    if (Object.keys(labels).length > 0) {
      if (Object.keys(rc.spec.selector ?? {}).length === 0) rc.spec.selector = { ...labels };
      if (rc.metadata && Object.keys(rc.metadata.labels ?? {}).length === 0) rc.metadata.labels = { ...labels };
    }
    rc.spec.replicas ??= 1;
    if (template?.spec) defaultPodSpec(template.spec);
  },
  prepareForCreate(rc) {
    rc.status = { replicas: 0 };
  },
  prepareForUpdate(rc, old) {
    if (old.status) rc.status = old.status;
  },
  warnings: workloadWarnings,
  validate({ spec }, errors) {
    validateNotNegative(spec?.replicas, 'spec.replicas', errors);
    if (spec?.minReadySeconds !== undefined && spec.minReadySeconds < 0) {
      errors.invalid('spec.minReadySeconds', spec.minReadySeconds, notNegative);
    }
    const selector = spec?.selector ?? {};
    if (Object.keys(selector).length === 0) errors.required('spec.selector');
    validateLabels(spec?.selector, 'spec.selector', errors);
    validateMatchingTemplate(spec?.template, { matchLabels: selector }, errors);
    validateServingTemplate(spec?.template, 'ReplicationController', errors);
  },
  subresources: {
    status: statusOnly<Rc>(({ status }, _old, errors) => {
      for (const field of counts) {
        const value = status?.[field] ?? 0;
        if (value < 0) errors.invalid(`status.${field}`, value, notNegative);
        else if (field !== 'replicas' && value > (status?.replicas ?? 0)) {
          errors.invalid(`status.${field}`, value, 'cannot be greater than status.replicas');
        }
      }
    }),
    scale: scaleOf<Rc>(({ spec }) => ({ matchLabels: spec?.selector ?? {} })),
  },
};

function containers({ spec }: Rc, field: 'name' | 'image'): string {
  return (spec?.template?.spec?.containers ?? []).map((container) => container[field] ?? '').join(',');
}
