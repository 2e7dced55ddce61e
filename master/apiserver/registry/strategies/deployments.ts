/** Deployments (apps/v1). */
import { kinds } from '../../../api/kinds.ts';
import { deepEqual } from '../../../api/meta.ts';
import type { Deployment } from '../../../api/types.ts';
import { isDns1123Subdomain } from '../../../api/validation-names.ts';
import { ageColumn, column, containerColumns, nameColumn, selectorText, wideColumn } from '../columns/common.ts';
import { defaultTemplate } from '../defaults/pod-spec.ts';
import { type Strategy, statusOnly } from '../strategy.ts';
import type { FieldErrors } from '../validation/field-errors.ts';
import { numberOf, validateAtMostAll, validateIntOrPercent, validateNotNegative } from '../validation/numbers.ts';
import { workloadWarnings } from '../validation/pod/warnings.ts';
import { validateCounts, validateWorkload } from '../validation/workload.ts';
import { scaleOf } from './scale.ts';
import { withStatus } from './with-status.ts';

type Spec = NonNullable<Deployment['spec']>;

const validateStatus = ({ status }: Deployment, _old: Deployment, errors: FieldErrors): void => {
  const { replicas = 0 } = status ?? {};
  validateCounts(
    status,
    ['observedGeneration', 'replicas', 'updatedReplicas', 'readyReplicas', 'availableReplicas', 'unavailableReplicas'],
    errors,
  );
  for (const field of ['updatedReplicas', 'readyReplicas', 'availableReplicas'] as const) {
    const value = status?.[field] ?? 0;
    if (value > replicas) errors.invalid(`status.${field}`, value, 'cannot be greater than status.replicas');
  }
  const { availableReplicas = 0, readyReplicas = 0 } = status ?? {};
  if (availableReplicas > readyReplicas) {
    errors.invalid('status.availableReplicas', availableReplicas, 'cannot be greater than readyReplicas');
  }
};

const status = statusOnly<Deployment>(validateStatus);

export const deploymentStrategy: Strategy<Deployment> = {
  kind: kinds.deployments,
  columns: [
    nameColumn,
    column<Deployment>(
      'Ready',
      'Number of the pod with ready state',
      ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`,
    ),
    column<Deployment>(
      'Up-to-date',
      'Total number of non-terminated pods targeted by this deployment that have the desired template spec.',
      ({ status }) => String(status?.updatedReplicas ?? 0),
    ),
    column<Deployment>(
      'Available',
      'Total number of available non-terminating pods targeted by this deployment.',
      ({ status }) => String(status?.availableReplicas ?? 0),
    ),
    ageColumn,
    ...containerColumns(),
    wideColumn<Deployment>('Selector', 'Label selector for pods.', ({ spec }) => selectorText(spec?.selector)),
  ],
  nameErrors: isDns1123Subdomain,
  hasGeneration: true,
  // A Deployment's annotations are handed on to its ReplicaSets.
  changesGeneration: ({ spec, metadata }, old) =>
    !deepEqual(spec, old.spec) || !deepEqual(metadata?.annotations ?? {}, old.metadata?.annotations ?? {}),
  ...withStatus<Deployment>(),

  setDefaults({ spec }) {
    if (!spec) return;
    spec.replicas ??= 1;
    spec.strategy ??= {};
    spec.strategy.type ||= 'RollingUpdate';
    if (spec.strategy.type === 'RollingUpdate') {
      spec.strategy.rollingUpdate = { maxUnavailable: '25%', maxSurge: '25%', ...spec.strategy.rollingUpdate };
    }
    spec.revisionHistoryLimit ??= 10;
    spec.progressDeadlineSeconds ??= 600;
    defaultTemplate(spec.template);
  },
  warnings: workloadWarnings,
  validate({ spec }, errors) {
    const { replicas, minReadySeconds = 0, revisionHistoryLimit, progressDeadlineSeconds } = spec ?? {};
    validateNotNegative(replicas, 'spec.replicas', errors);
    validateWorkload(spec ?? {}, { emptyName: 'deployment', name: 'ReplicaSet' }, errors);
    if (spec?.strategy) validateRollout(spec.strategy, errors);
    validateNotNegative(minReadySeconds, 'spec.minReadySeconds', errors);
    validateNotNegative(revisionHistoryLimit, 'spec.revisionHistoryLimit', errors);
    if (progressDeadlineSeconds !== undefined) {
      const field = 'spec.progressDeadlineSeconds';
      validateNotNegative(progressDeadlineSeconds, field, errors);
      if (progressDeadlineSeconds <= minReadySeconds) {
        errors.invalid(field, progressDeadlineSeconds, 'must be greater than minReadySeconds');
      }
    }
  },
  validateUpdate({ spec }, old, errors) {
    errors.unchanged('spec.selector', spec?.selector, old.spec?.selector);
  },
  subresources: {
    status: {
      ...status,
      // Labels choose deployments, so they are no matter of who reports on one.
      apply(incoming: Deployment, old, now) {
        const { labels: _labels, ...metadata } = incoming.metadata ?? {};
        const { labels } = old.metadata ?? {};
        return status.apply({ ...incoming, metadata: { ...metadata, ...(labels && { labels }) } }, old, now);
      },
    },
    scale: scaleOf<Deployment>(({ spec }) => spec?.selector),
  },
};

function validateRollout({ type = '', rollingUpdate }: NonNullable<Spec['strategy']>, errors: FieldErrors): void {
  const field = 'spec.strategy.rollingUpdate';
  if (type === 'Recreate') {
    if (rollingUpdate) errors.forbidden(field, "may not be specified when strategy `type` is 'Recreate'");
  } else if (type === 'RollingUpdate') {
    const { maxUnavailable, maxSurge } = rollingUpdate ?? {};
    validateIntOrPercent(maxUnavailable, `${field}.maxUnavailable`, errors);
    validateIntOrPercent(maxSurge, `${field}.maxSurge`, errors);
    if (numberOf(maxUnavailable) === 0 && numberOf(maxSurge) === 0) {
      errors.invalid(`${field}.maxUnavailable`, maxUnavailable ?? 0, 'may not be 0 when `maxSurge` is 0');
    }
    validateAtMostAll(maxUnavailable, `${field}.maxUnavailable`, errors);
  } else errors.notSupported('spec.strategy.type', type, ['Recreate', 'RollingUpdate']);
}
