/** The rules of a job's spec, wherever it stands (Kubernetes' `validateJobSpec`). */
import type { Job } from '../../../api/types.ts';
import type { FieldErrors } from './field-errors.ts';
import { validateNotNegative, validateOneOf } from './numbers.ts';

type Spec = NonNullable<Job['spec']>;

const numbers = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
] as const;

const actions = ['Count', 'FailIndex', 'FailJob', 'Ignore'];
const mostIndexes = 100_000;

/** Beside the template as such, which is validated with or without a selector. */
export function validateJobSpec(spec: Spec, path: string, errors: FieldErrors): void {
  for (const field of numbers) validateNotNegative(spec[field], `${path}.${field}`, errors);
  const { completionMode, completions, template, podFailurePolicy, podReplacementPolicy } = spec;
  if (completionMode !== undefined) {
    validateOneOf(completionMode, ['NonIndexed', 'Indexed'], `${path}.completionMode`, errors);
  }
  if (completionMode === 'Indexed' && completions === undefined) {
    errors.required(`${path}.completions`, 'when completion mode is Indexed');
  }
  if (completionMode === 'Indexed' && (spec.parallelism ?? 0) > mostIndexes) {
    const why = `must be less than or equal to ${mostIndexes} when completion mode is Indexed`;
    errors.invalid(`${path}.parallelism`, spec.parallelism, why);
  }
  if (completionMode !== 'Indexed') {
    for (const field of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const) {
      if (spec[field] !== undefined) {
        errors.invalid(`${path}.${field}`, spec[field], 'requires indexed completion mode');
      }
    }
    if (spec.successPolicy)
      errors.invalid(`${path}.successPolicy`, spec.successPolicy, 'requires indexed completion mode');
  }
  const { restartPolicy } = template?.spec ?? {};
  const at = `${path}.template.spec.restartPolicy`;
  if (restartPolicy === 'Always' || restartPolicy === undefined) {
    errors.required(at, 'valid values: "OnFailure", "Never"');
  } else if (restartPolicy === 'OnFailure' && podFailurePolicy) {
    errors.invalid(at, restartPolicy, 'only "Never" is supported when podFailurePolicy is specified');
  }
  (podFailurePolicy?.rules ?? []).forEach(({ action = '', onExitCodes, onPodConditions }, index) => {
    const rule = `${path}.podFailurePolicy.rules[${index}]`;
    if (action === '') errors.required(`${rule}.action`, `valid values: ${actions.map(quoted).join(', ')}`);
    else validateOneOf(action, actions, `${rule}.action`, errors);
    const some = (onPodConditions?.length ?? 0) > 0;
    if (onExitCodes && some) {
      errors.invalid(rule, { action }, 'specifying both OnExitCodes and OnPodConditions is not supported');
    } else if (!onExitCodes && !some) {
      errors.invalid(rule, { action }, 'specifying one of OnExitCodes and OnPodConditions is required');
    }
  });
  if (podReplacementPolicy !== undefined) {
    const allowed = podFailurePolicy ? ['Failed'] : ['Failed', 'TerminatingOrFailed'];
    validateOneOf(podReplacementPolicy, allowed, `${path}.podReplacementPolicy`, errors);
  }
}

const quoted = (text: string): string => JSON.stringify(text);
