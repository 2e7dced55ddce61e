/** ReplicaSets (apps/v1). */
import { kinds } from '../../../api/kinds.ts';
import type { ReplicaSet } from '../../../api/types.ts';
import { isDns1123Subdomain } from '../../../api/validation-names.ts';
import { ageColumn, containerColumns, integerColumn, nameColumn, selectorText, wideColumn } from '../columns/common.ts';
import { defaultTemplate } from '../defaults/pod-spec.ts';
import type { Strategy } from '../strategy.ts';
import { validateNotNegative } from '../validation/numbers.ts';
import { workloadWarnings } from '../validation/pod/warnings.ts';
import { validateCounts, validateWorkload } from '../validation/workload.ts';
import { scaleOf } from './scale.ts';
import { withStatus } from './with-status.ts';

const counts = ['replicas', 'fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'] as const;

const { subresources, ...statusHooks } = withStatus<ReplicaSet>(
  () => ({ replicas: 0 }),
  ({ status }, _old, errors) => {
    validateCounts(status, [...counts, 'observedGeneration'], errors);
    for (const field of counts) {
      const value = status?.[field] ?? 0;
      if (value > (status?.replicas ?? 0)) {
        errors.invalid(`status.${field}`, value, 'cannot be greater than status.replicas');
      }
    }
    if ((status?.availableReplicas ?? 0) > (status?.readyReplicas ?? 0)) {
      errors.invalid('status.availableReplicas', status?.availableReplicas, 'cannot be greater than readyReplicas');
    }
  },
);

export const replicaSetStrategy: Strategy<ReplicaSet> = {
  kind: kinds.replicasets,
  columns: [
    nameColumn,
    integerColumn<ReplicaSet>('Desired', 'Replicas is the number of desired pods.', ({ spec }) => spec?.replicas ?? 0),
    integerColumn<ReplicaSet>(
      'Current',
      'Replicas is the most recently observed number of non-terminating pods.',
      ({ status }) => status?.replicas ?? 0,
    ),
    integerColumn<ReplicaSet>(
      'Ready',
      'The number of non-terminating pods targeted by this ReplicaSet with a Ready Condition.',
      ({ status }) => status?.readyReplicas ?? 0,
    ),
    ageColumn,
    ...containerColumns(),
    wideColumn<ReplicaSet>('Selector', 'Selector is a label query over pods.', ({ spec }) =>
      selectorText(spec?.selector),
    ),
  ],
  fieldNames: ['status.replicas'],
  fieldValue: ({ status }) => String(status?.replicas ?? 0),
  nameErrors: isDns1123Subdomain,
  hasGeneration: true,
  ...statusHooks,

  setDefaults({ spec }) {
    if (!spec) return;
    spec.replicas ??= 1;
    defaultTemplate(spec.template);
  },
  warnings: workloadWarnings,
  validate({ spec }, errors) {
    validateNotNegative(spec?.replicas, 'spec.replicas', errors);
    validateNotNegative(spec?.minReadySeconds, 'spec.minReadySeconds', errors);
    // Kubernetes' own message says "deployment" here.
    validateWorkload(spec ?? {}, { emptyName: 'deployment', name: 'ReplicaSet' }, errors);
  },
  validateUpdate({ spec }, old, errors) {
    errors.unchanged('spec.selector', spec?.selector, old.spec?.selector);
  },
  subresources: { ...subresources, scale: scaleOf<ReplicaSet>(({ spec }) => spec?.selector) },
};
