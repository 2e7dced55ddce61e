/** Classes that pods name: PriorityClasses (scheduling.k8s.io/v1) and RuntimeClasses (node.k8s.io/v1). */
import { kinds } from '../../../api/kinds.ts';
import { deepEqual } from '../../../api/meta.ts';
import type { PriorityClass, RuntimeClass } from '../../../api/types.ts';
import { isDns1123Label, isDns1123Subdomain } from '../../../api/validation-names.ts';
import { ageColumn, booleanColumn, column, integerColumn, nameColumn } from '../columns/common.ts';
import type { Strategy } from '../strategy.ts';
import { validateLabels } from '../validation/metadata.ts';
import { validateOneOf } from '../validation/numbers.ts';
import { validateResources } from '../validation/pod/resources.ts';
import { validateTolerations } from '../validation/pod/tolerations.ts';

/** What users may give; above are the system's own classes. */
const highestUserPriority = 1_000_000_000;
const systemPrefix = 'system-';

/** The classes that every cluster has, and what pods of the system's own get by them. */
export const systemPriorityClasses: readonly PriorityClass[] = [
  {
    metadata: { name: 'system-cluster-critical' },
    value: 2_000_000_000,
    description:
      'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  },
  {
    metadata: { name: 'system-node-critical' },
    value: 2_000_001_000,
    description: 'Used for system critical pods that must not be moved from their current node.',
  },
];

export const priorityClassStrategy: Strategy<PriorityClass> = {
  kind: kinds.priorityclasses,
  columns: [
    nameColumn,
    integerColumn<PriorityClass>('Value', 'The priority that pods of this class get.', ({ value = 0 }) => value),
    booleanColumn<PriorityClass>(
      'Global-Default',
      'Whether pods that name no class get this one.',
      ({ globalDefault = false }) => globalDefault,
    ),
    ageColumn,
    column<PriorityClass>(
      'PreemptionPolicy',
      'Whether pods of this class take the place of others.',
      ({ preemptionPolicy = '' }) => preemptionPolicy,
    ),
  ],
  nameErrors: isDns1123Subdomain,
  hasGeneration: true,
  // What counts in it never changes.
  changesGeneration: () => false,
  setDefaults(priorityClass) {
    priorityClass.preemptionPolicy ??= 'PreemptLowerPriority';
  },
  validate({ metadata, value = 0, globalDefault, preemptionPolicy }, errors) {
    const { name = '' } = metadata ?? {};
    if (name.startsWith(systemPrefix)) {
      const known = systemPriorityClasses.find((one) => one.metadata?.name === name);
      if (known?.value !== value || globalDefault) {
        const why = `priority class names with '${systemPrefix}' prefix are reserved for system use only. error: ${name} is not a known system priority class`;
        errors.forbidden('metadata.name', why);
      }
    } else if (value > highestUserPriority) {
      errors.forbidden('value', `maximum allowed value of a user defined priority is ${highestUserPriority}`);
    }
    if (preemptionPolicy) {
      validateOneOf(preemptionPolicy, ['Never', 'PreemptLowerPriority'], 'preemptionPolicy', errors);
    }
  },
  validateUpdate(now, old, errors) {
    if ((now.value ?? 0) !== (old.value ?? 0)) errors.forbidden('value', 'may not be changed in an update.');
    errors.unchanged('preemptionPolicy', now.preemptionPolicy, old.preemptionPolicy);
  },
};

export const runtimeClassStrategy: Strategy<RuntimeClass> = {
  kind: kinds.runtimeclasses,
  columns: [
    nameColumn,
    column<RuntimeClass>('Handler', 'What the container runtime calls it.', ({ handler = '' }) => handler),
    ageColumn,
  ],
  nameErrors: isDns1123Subdomain,
  validate({ handler = '', overhead, scheduling }, errors) {
    errors.invalidFor('handler', handler, isDns1123Label(handler));
    validateResources({ limits: overhead?.podFixed ?? {} }, new Set(), 'overhead', errors);
    validateLabels(scheduling?.nodeSelector, 'scheduling.nodeSelector', errors);
    const tolerations = scheduling?.tolerations ?? [];
    validateTolerations(tolerations, 'scheduling.tolerations', errors);
    tolerations.forEach((toleration, index) => {
      if (tolerations.slice(0, index).some((other) => deepEqual(other, toleration))) {
        errors.duplicate(`scheduling[${index}]`, toleration);
      }
    });
  },
  validateUpdate({ handler }, old, errors) {
    errors.unchanged('handler', handler, old.handler);
  },
};
