/** The rules of label selectors (Kubernetes' `ValidateLabelSelector`). */
import type { LabelSelector } from '../../../api/types.ts';
import { isLabelValue, isQualifiedName } from '../../../api/validation-names.ts';
import type { FieldErrors } from './field-errors.ts';
import { validateLabels } from './metadata.ts';

/** Says what is wrong with a selector; one that is absent is right. */
export function validateLabelSelector(selector: LabelSelector | undefined, path: string, errors: FieldErrors): void {
  validateLabels(selector?.matchLabels, `${path}.matchLabels`, errors);
  (selector?.matchExpressions ?? []).forEach(({ key = '', operator = '', values = [] }, index) => {
    const field = `${path}.matchExpressions[${index}]`;
    validateSetOperator(operator, values, field, errors);
    errors.invalidFor(`${field}.key`, key, isQualifiedName(key));
    values.forEach((value, at) => {
      errors.invalidFor(`${field}.values[${at}]`, value, isLabelValue(value));
    });
  });
}

/** The operators of every selector, and how many values each wants. */
export function validateSetOperator(
  operator: string,
  values: readonly string[],
  field: string,
  errors: FieldErrors,
): void {
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) {
        errors.required(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'");
      }
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) {
        errors.forbidden(`${field}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
      }
      break;
    default:
      errors.invalid(`${field}.operator`, operator, 'not a valid selector operator');
  }
}

/** Whether the selector says nothing, and so selects everything. */
export const selectsAll = (selector: LabelSelector | undefined): boolean =>
  Object.keys(selector?.matchLabels ?? {}).length + (selector?.matchExpressions ?? []).length === 0;

/** How often the selector says something of labels with this key. */
export const timesSelected = (selector: LabelSelector | undefined, key: string): number =>
  (selector?.matchLabels?.[key] === undefined ? 0 : 1) +
  (selector?.matchExpressions ?? []).filter((requirement) => requirement.key === key).length;

const operators = ['In', 'NotIn', 'Exists', 'DoesNotExist'];

/** Whether the selector can be evaluated at all. */
export const isReadable = (selector: LabelSelector | undefined): boolean =>
  (selector?.matchExpressions ?? []).every(({ operator }) => operators.includes(operator ?? ''));
