/** The rules of numbers, and of numbers that may be percentages. */
import type { FieldErrors } from './field-errors.ts';

export const notNegative = 'must be greater than or equal to 0';

export function validateNotNegative(value: number | undefined, field: string, errors: FieldErrors): void {
  if (value !== undefined && value < 0) errors.invalid(field, value, notNegative);
}

/** An `intOrString` as the models declare it: text or number on the wire. */
export type IntOrPercent = number | string | object;

const percent =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

export function validateIntOrPercent(value: IntOrPercent | undefined, field: string, errors: FieldErrors): void {
  if (typeof value === 'number') validateNotNegative(value, field, errors);
  else if (typeof value === 'string' && !/^[0-9]+%$/.test(value)) errors.invalid(field, value, percent);
}

export function validateAtMostAll(value: IntOrPercent | undefined, field: string, errors: FieldErrors): void {
  if (typeof value === 'string' && /^[0-9]+%$/.test(value) && Number.parseInt(value, 10) > 100) {
    errors.invalid(field, value, 'must not be greater than 100%');
  }
}

/** The number that it is, in its own unit; 0 where it cannot be read. */
export function numberOf(value: IntOrPercent | undefined): number {
  if (typeof value === 'number') return value;
  return typeof value === 'string' ? Number.parseInt(value, 10) || 0 : 0;
}

/** Says that `value` is none of what is allowed. */
export function validateOneOf(value: string, allowed: readonly string[], field: string, errors: FieldErrors): void {
  if (!allowed.includes(value)) errors.notSupported(field, value, allowed);
}
