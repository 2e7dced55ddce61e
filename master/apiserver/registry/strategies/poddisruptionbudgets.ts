/** PodDisruptionBudgets (policy/v1). */
import { kinds } from '../../../api/kinds.ts';
import type { PodDisruptionBudget } from '../../../api/types.ts';
import { isDns1123Subdomain } from '../../../api/validation-names.ts';
import { ageColumn, column, integerColumn, nameColumn } from '../columns/common.ts';
import type { Strategy } from '../strategy.ts';
import { validateLabelSelector } from '../validation/label-selector.ts';
import { validateAtMostAll, validateIntOrPercent, validateOneOf } from '../validation/numbers.ts';
import { validateCounts } from '../validation/workload.ts';
import { withStatus } from './with-status.ts';

type Pdb = PodDisruptionBudget;

const text = (value: unknown): string => (value === undefined ? 'N/A' : String(value));

export const podDisruptionBudgetStrategy: Strategy<Pdb> = {
  kind: kinds.poddisruptionbudgets,
  columns: [
    nameColumn,
    column<Pdb>('Min Available', 'The minimum number of pods that must be available.', ({ spec }) =>
      text(spec?.minAvailable),
    ),
    column<Pdb>('Max Unavailable', 'The maximum number of pods that may be unavailable.', ({ spec }) =>
      text(spec?.maxUnavailable),
    ),
    integerColumn<Pdb>(
      'Allowed Disruptions',
      'Calculated number of pods that may be disrupted at this time.',
      ({ status }) => status?.disruptionsAllowed ?? 0,
    ),
    ageColumn,
  ],
  nameErrors: isDns1123Subdomain,
  hasGeneration: true,
  ...withStatus<Pdb>(
    () => ({ currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 }),
    ({ status }, _old, errors) => {
      validateCounts(status, ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'], errors);
    },
  ),

  validate({ spec }, errors) {
    const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy } = spec ?? {};
    if (minAvailable !== undefined && maxUnavailable !== undefined) {
      errors.invalid('spec', spec, 'minAvailable and maxUnavailable cannot be both set');
    }
    for (const [field, value] of Object.entries({ minAvailable, maxUnavailable })) {
      validateIntOrPercent(value, `spec.${field}`, errors);
      validateAtMostAll(value, `spec.${field}`, errors);
    }
    validateLabelSelector(selector, 'spec.selector', errors);
    if (unhealthyPodEvictionPolicy !== undefined) {
      const policies = ['IfHealthyBudget', 'AlwaysAllow'];
      validateOneOf(unhealthyPodEvictionPolicy, policies, 'spec.unhealthyPodEvictionPolicy', errors);
    }
  },
};
