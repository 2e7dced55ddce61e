/** When a job fails, and when it has done enough (Kubernetes' "Jobs" page, KEP-3329 and KEP-3998). */
import type { Job } from '../../../api/types.ts';
import { isQualifiedName } from '../../../api/validation-names.ts';
import type { FieldErrors } from './field-errors.ts';
import { validateNotNegative, validateOneOf } from './numbers.ts';

type Spec = NonNullable<Job['spec']>;
type FailureRule = NonNullable<Spec['podFailurePolicy']>['rules'][number];
type SuccessRule = NonNullable<Spec['successPolicy']>['rules'][number];

const actions = ['Count', 'FailIndex', 'FailJob', 'Ignore'];
const operators = ['In', 'NotIn'];
const statuses = ['False', 'True', 'Unknown'];
const maxRules = 20;
const maxPatterns = 20;
const maxCodes = 255;
const maxIndexesBytes = 64 * 1024;

/** As Go prints a list of texts. */
const listed = (values: readonly string[]): string => `valid values: [${values.map((one) => `"${one}"`).join(' ')}]`;

export function validatePodFailurePolicy(spec: Spec, path: string, errors: FieldErrors): void {
  const rules = spec.podFailurePolicy?.rules ?? [];
  const field = `${path}.rules`;
  if (rules.length > maxRules) errors.tooMany(field, rules.length, maxRules);
  const { containers = [], initContainers = [] } = spec.template?.spec ?? {};
  const names = new Set([...containers, ...initContainers].map(({ name }) => name));
  rules.forEach((rule, index) => {
    validateRule(rule, spec, names, `${field}[${index}]`, errors);
  });
}

function validateRule(
  { action = '', onExitCodes, onPodConditions = [] }: FailureRule,
  spec: Spec,
  names: ReadonlySet<string>,
  path: string,
  errors: FieldErrors,
): void {
  if (action === '') errors.required(`${path}.action`, listed(actions));
  else if (action !== 'FailIndex') validateOneOf(action, actions, `${path}.action`, errors);
  else if (spec.backoffLimitPerIndex === undefined) {
    errors.invalid(`${path}.action`, action, 'requires the backoffLimitPerIndex to be set');
  }
  if (onExitCodes) validateExitCodes(onExitCodes, names, `${path}.onExitCodes`, errors);
  validateConditions(onPodConditions, `${path}.onPodConditions`, errors);
  if (onExitCodes && onPodConditions.length > 0) {
    errors.invalidWhole(path, 'specifying both OnExitCodes and OnPodConditions is not supported');
  } else if (!onExitCodes && onPodConditions.length === 0) {
    errors.invalidWhole(path, 'specifying one of OnExitCodes and OnPodConditions is required');
  }
}

function validateConditions(
  patterns: NonNullable<FailureRule['onPodConditions']>,
  path: string,
  errors: FieldErrors,
): void {
  if (patterns.length > maxPatterns) errors.tooMany(path, patterns.length, maxPatterns);
  patterns.forEach(({ type = '', status = '' }, index) => {
    const field = `${path}[${index}]`;
    errors.invalidFor(`${field}.type`, type, isQualifiedName(type));
    if (status === '') errors.required(`${field}.status`, listed(statuses));
    else validateOneOf(status, statuses, `${field}.status`, errors);
  });
}

function validateExitCodes(
  { operator = '', containerName, values = [] }: NonNullable<FailureRule['onExitCodes']>,
  names: ReadonlySet<string>,
  path: string,
  errors: FieldErrors,
): void {
  if (operator === '') errors.required(`${path}.operator`, listed(operators));
  else validateOneOf(operator, operators, `${path}.operator`, errors);
  if (containerName !== undefined && !names.has(containerName)) {
    const why = 'must be one of the container or initContainer names in the pod template';
    errors.invalid(`${path}.containerName`, containerName, why);
  }
  const field = `${path}.values`;
  if (values.length === 0) errors.invalid(field, values, 'at least one value is required');
  else if (values.length > maxCodes) errors.tooMany(field, values.length, maxCodes);
  values.forEach((value, index) => {
    if (operator === 'In' && value === 0)
      errors.invalid(`${field}[${index}]`, value, 'must not be 0 for the In operator');
    if (values.indexOf(value) < index) errors.duplicate(`${field}[${index}]`, value);
  });
  if (values.some((value, index) => value < (values[index - 1] ?? value))) {
    errors.invalid(field, values, 'must be ordered');
  }
}

export function validateSuccessPolicy(spec: Spec, path: string, errors: FieldErrors): void {
  const rules = spec.successPolicy?.rules ?? [];
  const field = `${path}.rules`;
  if (rules.length === 0)
    errors.required(field, 'at least one rules must be specified when the successPolicy is specified');
  if (rules.length > maxRules) errors.tooMany(field, rules.length, maxRules);
  rules.forEach((rule, index) => {
    validateSuccessRule(rule, spec.completions ?? 0, `${field}[${index}]`, errors);
  });
}

function validateSuccessRule(
  { succeededCount: count, succeededIndexes: indexes }: SuccessRule,
  completions: number,
  path: string,
  errors: FieldErrors,
): void {
  if (count === undefined && indexes === undefined) {
    errors.required(path, 'at least one of succeededCount or succeededIndexes must be specified');
  }
  const field = `${path}.succeededIndexes`;
  let chosen = completions;
  if (indexes !== undefined) {
    if (indexes.length > maxIndexesBytes) errors.tooLong(field, maxIndexesBytes);
    const counted = countIndexes(indexes, completions);
    if (typeof counted === 'number') chosen = counted;
    else errors.invalid(field, indexes, `error parsing succeededIndexes: ${counted}`);
  }
  if (count === undefined) return;
  const at = `${path}.succeededCount`;
  validateNotNegative(count, at, errors);
  const atMost = 'must be less than or equal to';
  if (count > completions) {
    errors.invalid(at, count, `${atMost} ${completions} (the number of specified completions)`);
  }
  if (indexes !== undefined && count > chosen) {
    const why = `${atMost} ${chosen} (the number of indexes in the specified succeededIndexes field)`;
    errors.invalid(at, count, why);
  }
}

/** How many indexes a text such as `1,3-5` names; or what is wrong with it. */
function countIndexes(text: string, completions: number): number | string {
  let total = 0;
  let last = -1;
  if (text === '') return 0;
  for (const interval of text.split(',')) {
    const ends = interval.split('-');
    if (ends.length > 2)
      return `the fragment "${interval}" violates the requirement that an index interval can have at most two parts separated by '-'`;
    for (const [position, end] of ends.entries()) {
      if (!/^\d+$/.test(end)) return `cannot convert string to integer for index: "${end}"`;
      const index = Number(end);
      if (index >= completions) return `too large index: "${end}"`;
      if (index <= last) return `non-increasing order, previous: ${last}, current: ${index}`;
      total += position === 0 ? 1 : index - last;
      last = index;
    }
  }
  return total;
}
