/** DaemonSets (apps/v1). */
import { kinds } from '../../../api/kinds.ts';
import type { DaemonSet } from '../../../api/types.ts';
import { isDns1123Subdomain } from '../../../api/validation-names.ts';
import {
  ageColumn,
  column,
  containerColumns,
  integerColumn,
  labelText,
  nameColumn,
  selectorText,
  wideColumn,
} from '../columns/common.ts';
import { defaultTemplate } from '../defaults/pod-spec.ts';
import type { Strategy } from '../strategy.ts';
import type { FieldErrors } from '../validation/field-errors.ts';
import { numberOf, validateAtMostAll, validateIntOrPercent, validateNotNegative } from '../validation/numbers.ts';
import { servingWarnings } from '../validation/pod/warnings.ts';
import { validateCounts, validateWorkload } from '../validation/workload.ts';
import { withStatus } from './with-status.ts';

type Status = NonNullable<DaemonSet['status']>;

const counts = [
  'currentNumberScheduled',
  'numberMisscheduled',
  'desiredNumberScheduled',
  'numberReady',
  'updatedNumberScheduled',
  'numberAvailable',
  'numberUnavailable',
  'observedGeneration',
] as const;

const count = (name: string, description: string, field: (typeof counts)[number] & keyof Status) =>
  integerColumn<DaemonSet>(name, description, ({ status }) => status?.[field] ?? 0);

export const daemonSetStrategy: Strategy<DaemonSet> = {
  kind: kinds.daemonsets,
  columns: [
    nameColumn,
    count('Desired', 'The number of nodes that should be running the daemon pod.', 'desiredNumberScheduled'),
    count('Current', 'The number of nodes that run at least one daemon pod and should.', 'currentNumberScheduled'),
    count('Ready', 'The number of nodes whose daemon pod is ready.', 'numberReady'),
    count('Up-to-date', 'The number of nodes that run the updated daemon pod.', 'updatedNumberScheduled'),
    count('Available', 'The number of nodes whose daemon pod is available.', 'numberAvailable'),
    column<DaemonSet>('Node Selector', 'The labels of the nodes that the pods are for.', ({ spec }) =>
      labelText(spec?.template?.spec?.nodeSelector),
    ),
    ageColumn,
    ...containerColumns(),
    wideColumn<DaemonSet>('Selector', 'A label query over pods that are managed by the daemon set.', ({ spec }) =>
      selectorText(spec?.selector),
    ),
  ],
  nameErrors: isDns1123Subdomain,
  hasGeneration: true,
  ...withStatus<DaemonSet>(
    () => ({ currentNumberScheduled: 0, desiredNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 }),
    ({ status }, _old, errors) => validateCounts(status, counts, errors),
  ),

  setDefaults({ spec }) {
    if (!spec) return;
    spec.updateStrategy ??= {};
    spec.updateStrategy.type ||= 'RollingUpdate';
    if (spec.updateStrategy.type === 'RollingUpdate') {
      spec.updateStrategy.rollingUpdate = { maxUnavailable: 1, maxSurge: 0, ...spec.updateStrategy.rollingUpdate };
    }
    spec.revisionHistoryLimit ??= 10;
    defaultTemplate(spec.template);
  },
  warnings: servingWarnings,
  validate({ spec }, errors) {
    validateWorkload(spec ?? {}, { emptyName: 'daemonset', name: 'DaemonSet' }, errors);
    validateNotNegative(spec?.minReadySeconds, 'spec.minReadySeconds', errors);
    if (spec?.updateStrategy) validateUpdateStrategy(spec.updateStrategy, errors);
    validateNotNegative(spec?.revisionHistoryLimit, 'spec.revisionHistoryLimit', errors);
  },
  validateUpdate({ spec }, old, errors) {
    errors.unchanged('spec.selector', spec?.selector, old.spec?.selector);
  },
};

type UpdateStrategy = NonNullable<NonNullable<DaemonSet['spec']>['updateStrategy']>;

function validateUpdateStrategy({ type = '', rollingUpdate }: UpdateStrategy, errors: FieldErrors): void {
  const field = 'spec.updateStrategy';
  if (type === 'OnDelete') return;
  if (type !== 'RollingUpdate') {
    errors.notSupported(`${field}.type`, type, ['RollingUpdate', 'OnDelete']);
    return;
  }
  const { maxUnavailable, maxSurge } = rollingUpdate ?? {};
  for (const [name, value] of Object.entries({ maxUnavailable, maxSurge })) {
    validateIntOrPercent(value, `${field}.rollingUpdate.${name}`, errors);
    validateAtMostAll(value, `${field}.rollingUpdate.${name}`, errors);
  }
  const [unavailable, surge] = [numberOf(maxUnavailable), numberOf(maxSurge)];
  if (unavailable !== 0 && surge !== 0) {
    errors.invalid(`${field}.rollingUpdate.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero');
  }
  if (unavailable === 0 && surge === 0) {
    errors.required(`${field}.rollingUpdate.maxUnavailable`, 'cannot be 0 when maxSurge is 0');
  }
}
