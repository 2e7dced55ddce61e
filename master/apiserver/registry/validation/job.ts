/** The rules of a job's spec, wherever it stands (Kubernetes' `validateJobSpec`). */
import type { Job } from '../../../api/types.ts';
import { isDns1123Subdomain } from '../../../api/validation-names.ts';
import type { FieldErrors } from './field-errors.ts';
import { validatePodFailurePolicy, validateSuccessPolicy } from './job-policies.ts';
import { validateNotNegative, validateOneOf } from './numbers.ts';
import { templateWarnings } from './pod/warnings.ts';

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

const mostIndexes = 100_000;
/** Above so many completions there are further limits where each index has a number of failures of its own (KEP-3850). */
const manyCompletions = 100_000;
const mostOfMany = 10_000;
const maxManagerLength = 63;

/** Beside the template as such, which is validated with or without a selector. */
export function validateJobSpec(spec: Spec, path: string, errors: FieldErrors): void {
  for (const field of numbers) validateNotNegative(spec[field], `${path}.${field}`, errors);
  const { completionMode, managedBy, template, podFailurePolicy, podReplacementPolicy } = spec;
  if (managedBy !== undefined) {
    if (!isDomainPath(managedBy)) {
      errors.invalid(`${path}.managedBy`, managedBy, 'must be a domain-prefixed path (such as "acme.io/foo")');
    }
    if (managedBy.length > maxManagerLength) errors.tooLong(`${path}.managedBy`, maxManagerLength);
  }
  if (completionMode !== undefined) {
    validateOneOf(completionMode, ['NonIndexed', 'Indexed'], `${path}.completionMode`, errors);
  }
  if (completionMode === 'Indexed') validateIndexed(spec, path, errors);
  else {
    for (const field of ['backoffLimitPerIndex', 'maxFailedIndexes', 'successPolicy'] as const) {
      if (spec[field] !== undefined) {
        errors.invalid(`${path}.${field}`, spec[field], 'requires indexed completion mode');
      }
    }
  }
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) {
    errors.required(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified');
  }
  const { restartPolicy } = template?.spec ?? {};
  const at = `${path}.template.spec.restartPolicy`;
  if (restartPolicy === 'Always' || restartPolicy === undefined) {
    errors.required(at, 'valid values: "OnFailure", "Never"');
  } else if (restartPolicy === 'OnFailure' && podFailurePolicy) {
    errors.invalid(at, restartPolicy, 'only "Never" is supported when podFailurePolicy is specified');
  }
  if (podFailurePolicy) validatePodFailurePolicy(spec, `${path}.podFailurePolicy`, errors);
  if (podReplacementPolicy !== undefined) {
    const allowed = podFailurePolicy ? ['Failed'] : ['Failed', 'TerminatingOrFailed'];
    validateOneOf(podReplacementPolicy, allowed, `${path}.podReplacementPolicy`, errors);
  }
}

function validateIndexed(spec: Spec, path: string, errors: FieldErrors): void {
  const { completions, parallelism = 0, maxFailedIndexes, backoffLimitPerIndex } = spec;
  if (completions === undefined) errors.required(`${path}.completions`, 'when completion mode is Indexed');
  if (parallelism > mostIndexes) {
    const why = `must be less than or equal to ${mostIndexes} when completion mode is Indexed`;
    errors.invalid(`${path}.parallelism`, parallelism, why);
  }
  if (spec.successPolicy) validateSuccessPolicy(spec, `${path}.successPolicy`, errors);
  if (completions === undefined) return;
  if (maxFailedIndexes !== undefined && maxFailedIndexes > completions) {
    errors.invalid(`${path}.maxFailedIndexes`, maxFailedIndexes, 'must be less than or equal to completions');
  }
  if (backoffLimitPerIndex === undefined || completions <= manyCompletions) return;
  if (maxFailedIndexes === undefined) {
    errors.required(`${path}.maxFailedIndexes`, `must be specified when completions is above ${manyCompletions}`);
  }
  for (const [field, value = 0] of Object.entries({ parallelism, maxFailedIndexes })) {
    if (value <= mostOfMany) continue;
    const why = `must be less than or equal to ${mostOfMany} when completions are above ${manyCompletions} and used with backoff limit per index`;
    errors.invalid(`${path}.${field}`, value, why);
  }
}

/** `example.com/what` */
function isDomainPath(text: string): boolean {
  const [domain = '', ...path] = text.split('/');
  return path.length > 0 && path.join('/') !== '' && isDns1123Subdomain(domain).length === 0;
}

/** What Kubernetes warns of in a Job's spec that it takes; `path` is where the spec stands. */
export function jobWarnings(spec: Spec | undefined, path: string): string[] {
  const { completionMode, completions = 0, parallelism = 0, template } = spec ?? {};
  const isVast = completionMode === 'Indexed' && completions > manyCompletions && parallelism > mostOfMany;
  const why =
    'In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail';
  return [...(isVast ? [`${path}: ${why}`] : []), ...templateWarnings(template, `${path}.template`)];
}
