/** StatefulSets (apps/v1). */
import { kinds } from '../../../api/kinds.ts';
import { deepEqual } from '../../../api/meta.ts';
import type { StatefulSet } from '../../../api/types.ts';
import { isDns1123Label, isDns1123Subdomain } from '../../../api/validation-names.ts';
import { ageColumn, column, containerColumns, nameColumn } from '../columns/common.ts';
import { defaultTemplate } from '../defaults/pod-spec.ts';
import type { Strategy } from '../strategy.ts';
import type { FieldErrors } from '../validation/field-errors.ts';
import {
  numberOf,
  validateAtMostAll,
  validateIntOrPercent,
  validateNotNegative,
  validateOneOf,
} from '../validation/numbers.ts';
import { servingWarnings } from '../validation/pod/warnings.ts';
import { validateCounts, validateWorkload } from '../validation/workload.ts';
import { scaleOf } from './scale.ts';
import { withStatus } from './with-status.ts';

type Spec = NonNullable<StatefulSet['spec']>;

/** What an update may change, in the order in which Kubernetes names them. */
const changeable = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
] as const;
const changeableText = `${changeable
  .slice(0, -1)
  .map((field) => `'${field}'`)
  .join(', ')} and '${changeable.at(-1)}'`;

const { subresources, ...statusHooks } = withStatus<StatefulSet>(
  () => ({ replicas: 0 }),
  ({ status }, _old, errors) => {
    const within = ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'] as const;
    validateCounts(status, ['replicas', ...within, 'observedGeneration', 'collisionCount'], errors);
    for (const field of within) {
      const value = status?.[field] ?? 0;
      if (value > (status?.replicas ?? 0)) {
        errors.invalid(`status.${field}`, value, 'cannot be greater than status.replicas');
      }
    }
  },
);

export const statefulSetStrategy: Strategy<StatefulSet> = {
  kind: kinds.statefulsets,
  columns: [
    nameColumn,
    column<StatefulSet>(
      'Ready',
      'Number of the pod with ready state',
      ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`,
    ),
    ageColumn,
    ...containerColumns(),
  ],
  nameErrors: isDns1123Subdomain,
  hasGeneration: true,
  ...statusHooks,

  setDefaults({ spec }) {
    if (!spec) return;
    spec.podManagementPolicy ||= 'OrderedReady';
    spec.updateStrategy ??= {};
    spec.updateStrategy.type ||= 'RollingUpdate';
    if (spec.updateStrategy.type === 'RollingUpdate') {
      spec.updateStrategy.rollingUpdate = { partition: 0, ...spec.updateStrategy.rollingUpdate };
    }
    spec.persistentVolumeClaimRetentionPolicy = {
      whenDeleted: 'Retain',
      whenScaled: 'Retain',
      ...spec.persistentVolumeClaimRetentionPolicy,
    };
    spec.replicas ??= 1;
    spec.revisionHistoryLimit ??= 10;
    for (const claim of spec.volumeClaimTemplates ?? []) {
      claim.apiVersion = 'v1';
      claim.kind = 'PersistentVolumeClaim';
      claim.spec ??= {};
      claim.spec.volumeMode ||= 'Filesystem';
      claim.status = { phase: 'Pending' };
    }
    defaultTemplate(spec.template);
  },
  warnings: servingWarnings,
  validate({ spec }, errors) {
    const { podManagementPolicy = '', replicas, serviceName, ordinals } = spec ?? {};
    if (podManagementPolicy === '') errors.required('spec.podManagementPolicy');
    else if (podManagementPolicy !== 'OrderedReady' && podManagementPolicy !== 'Parallel') {
      errors.invalid('spec.podManagementPolicy', podManagementPolicy, "must be 'OrderedReady' or 'Parallel'");
    }
    if (spec?.updateStrategy) validateUpdateStrategy(spec.updateStrategy, errors);
    for (const [name, policy = ''] of Object.entries(spec?.persistentVolumeClaimRetentionPolicy ?? {})) {
      validateOneOf(policy, ['Retain', 'Delete'], `spec.persistentVolumeClaimRetentionPolicy.${name}`, errors);
    }
    validateNotNegative(replicas, 'spec.replicas', errors);
    validateNotNegative(spec?.minReadySeconds, 'spec.minReadySeconds', errors);
    validateNotNegative(spec?.revisionHistoryLimit, 'spec.revisionHistoryLimit', errors);
    validateNotNegative(ordinals?.start, 'spec.ordinals.start', errors);
    if (serviceName) errors.invalidFor('spec.serviceName', serviceName, isDns1123Label(serviceName));
    validateWorkload(spec ?? {}, { emptyName: 'statefulset', name: 'StatefulSet' }, errors);
  },
  validateUpdate({ spec }, old, errors) {
    if (!deepEqual(fixed(spec), fixed(old.spec))) {
      errors.forbidden('spec', `updates to statefulset spec for fields other than ${changeableText} are forbidden`);
    }
  },
  subresources: { ...subresources, scale: scaleOf<StatefulSet>(({ spec }) => spec?.selector) },
};

/** The fields that stay as they were at first. */
function fixed(spec: Spec | undefined): Partial<Spec> {
  const rest: Partial<Spec> = { ...spec };
  for (const field of changeable) delete rest[field];
  return rest;
}

function validateUpdateStrategy(
  { type = '', rollingUpdate }: NonNullable<Spec['updateStrategy']>,
  errors: FieldErrors,
): void {
  const field = 'spec.updateStrategy';
  if (type === '') errors.required(field);
  else if (type === 'OnDelete') {
    if (rollingUpdate) {
      errors.invalid(`${field}.rollingUpdate`, rollingUpdate, "only allowed for updateStrategy 'RollingUpdate'");
    }
  } else if (type === 'RollingUpdate') {
    validateNotNegative(rollingUpdate?.partition, `${field}.rollingUpdate.partition`, errors);
    const { maxUnavailable } = rollingUpdate ?? {};
    if (maxUnavailable !== undefined) {
      const at = `${field}.rollingUpdate.maxUnavailable`;
      validateIntOrPercent(maxUnavailable, at, errors);
      if (numberOf(maxUnavailable) === 0) errors.invalid(at, maxUnavailable, 'cannot be 0');
      validateAtMostAll(maxUnavailable, at, errors);
    }
  } else errors.invalid(field, { type, rollingUpdate }, "must be 'RollingUpdate' or 'OnDelete'");
}
