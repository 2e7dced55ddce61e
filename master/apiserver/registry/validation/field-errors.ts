/**
 * What is wrong with an object, field by field, in Kubernetes' words (its `field.Error`): the message says the kind of
 * error, the value, and why.
 */
import type { Cause, CauseReason } from '../../../api/errors.ts';
import { deepEqual } from '../../../api/meta.ts';

/** Collects causes. Paths are text such as `spec.containers[0].name`. */
export class FieldErrors {
  readonly causes: Cause[] = [];

  get any(): boolean {
    return this.causes.length > 0;
  }

  required(field: string, why = ''): void {
    this.#add('FieldValueRequired', field, withDetail('Required value', why));
  }

  invalid(field: string, value: unknown, why: string): void {
    this.#add('FieldValueInvalid', field, withDetail(`Invalid value: ${quoted(value)}`, why));
  }

  /** The value is wrong as a whole, and too much to be said again. */
  invalidWhole(field: string, why: string): void {
    this.#add('FieldValueInvalid', field, withDetail('Invalid value', why));
  }

  /** The value is of another type; Kubernetes quotes the type that it found. */
  typeInvalid(field: string, found: string, why: string): void {
    this.#add('FieldValueTypeInvalid', field, withDetail(`Invalid value: ${quoted(found)}`, why));
  }

  tooMany(field: string, count: number, max: number): void {
    this.#add('FieldValueTooMany', field, `Too many: ${count}: must have at most ${max} items`);
  }

  forbidden(field: string, why: string): void {
    this.#add('FieldValueForbidden', field, withDetail('Forbidden', why));
  }

  duplicate(field: string, value: unknown, why = ''): void {
    this.#add('FieldValueDuplicate', field, withDetail(`Duplicate value: ${quoted(value)}`, why));
  }

  notFound(field: string, value: unknown, why = ''): void {
    this.#add('FieldValueNotFound', field, withDetail(`Not found: ${quoted(value)}`, why));
  }

  notSupported(field: string, value: unknown, supported: readonly string[]): void {
    this.noneOf(field, value, [...supported].sort());
  }

  /** The same, with the supported values in the order in which they are given. */
  noneOf(field: string, value: unknown, supported: readonly string[]): void {
    const values = supported.map((text) => JSON.stringify(text));
    const why = values.length > 0 ? `supported values: ${values.join(', ')}` : '';
    this.#add('FieldValueNotSupported', field, withDetail(`Unsupported value: ${quoted(value)}`, why));
  }

  tooLong(field: string, maxBytes: number): void {
    this.#add('FieldValueTooLong', field, `Too long: may not be more than ${maxBytes} bytes`);
  }

  /** One error for each message that a name or label rule gave. */
  invalidFor(field: string, value: unknown, messages: readonly string[]): void {
    for (const message of messages) this.invalid(field, value, message);
  }

  /** Says that the field must not change, unless it did not. */
  immutable(field: string, value: unknown, unchanged: boolean): void {
    if (!unchanged) this.invalid(field, value ?? '', 'field is immutable');
  }

  /** Says that the field must not change, if it did. */
  unchanged(field: string, value: unknown, old: unknown): void {
    this.immutable(field, value, deepEqual(value, old));
  }

  #add(reason: CauseReason, field: string, message: string): void {
    this.causes.push({ reason, field, message });
  }
}

const withDetail = (head: string, why: string): string => (why === '' ? head : `${head}: ${why}`);

function quoted(value: unknown): string {
  return JSON.stringify(value ?? 'null');
}
