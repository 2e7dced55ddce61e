/**
 * Whether a value is as its schema says, in the words of Kubernetes' validator (JSON schema as of OpenAPI 3.0).
 *
 * Ratcheting (KEP-4008): what an update leaves as it was is not held to a schema that has become stricter since.
 */
import { isIP } from 'node:net';
import { deepEqual } from '../../../api/meta.ts';
import { regexMatches } from '../../cel/regex.ts';
import { parseDuration } from '../../cel/types.ts';
import { isRecord } from '../schema/shape.ts';
import { FieldErrors } from '../validation/field-errors.ts';
import { validateEmbedded } from './embedded.ts';
import { child, keyed, type Schema } from './schema.ts';

/** Absent: there is no old value, or it cannot be told which one it is. */
export type Old = { readonly value: unknown } | undefined;

/** Adds what is wrong with an object to `errors`. */
export function validateValue(schema: Schema, value: unknown, old: Old, path: string, errors: FieldErrors): void {
  if (old && deepEqual(value, old.value)) return;
  if (value === null && schema.nullable) return;
  if (!hasRightType(schema, value)) {
    const found = typeOf(value);
    const wanted = schema.intOrString ? 'integer,string' : schema.type;
    errors.typeInvalid(path, found, `${inBody(path)} must be of type ${wanted}: ${JSON.stringify(found)}`);
    return;
  }
  validateChecks(schema, value, path, errors);
  if (Array.isArray(value)) validateList(schema, value, old, path, errors);
  else if (isRecord(value)) validateObject(schema, value, old, path, errors);
}

function validateList(schema: Schema, list: readonly unknown[], old: Old, path: string, errors: FieldErrors): void {
  const { items } = schema;
  if (!items) return;
  const seen = new Map<string, unknown>();
  const identity = schema.listType === 'set' || schema.listType === 'map';
  list.forEach((item, index) => {
    validateValue(items, item, oldItem(schema, item, old), keyed(path, index), errors);
    if (!identity) return;
    const id = identityOf(schema, item);
    const text = JSON.stringify(id);
    if (seen.has(text)) errors.duplicate(keyed(path, index), id);
    seen.set(text, item);
  });
}

/** The old item that an item of a list with keys comes from. Items of other lists cannot be told from each other. */
export function oldItem(schema: Schema, item: unknown, old: Old): Old {
  if (schema.listType !== 'map' || !old || !Array.isArray(old.value)) return undefined;
  const id = identityOf(schema, item);
  const value = old.value.find((other) => deepEqual(identityOf(schema, other), id));
  return value === undefined ? undefined : { value };
}

function identityOf({ listType, listKeys }: Schema, item: unknown): unknown {
  if (listType !== 'map' || !isRecord(item)) return item;
  return Object.fromEntries(listKeys.map((key) => [key, item[key]]));
}

function validateObject(
  schema: Schema,
  object: Record<string, unknown>,
  old: Old,
  path: string,
  errors: FieldErrors,
): void {
  if (schema.embedded && path !== '') validateEmbedded(object, path, errors);
  for (const [name, value] of Object.entries(object)) {
    const property = schema.properties.get(name);
    if (property) validateValue(property, value, memberOf(old, name), child(path, name), errors);
    else if (typeof schema.additional === 'object') {
      validateValue(schema.additional, value, memberOf(old, name), child(path, name), errors);
    }
  }
}

export function memberOf(old: Old, name: string): Old {
  return isRecord(old?.value) && Object.hasOwn(old.value, name) ? { value: old.value[name] } : undefined;
}

function hasRightType({ type, intOrString }: Schema, value: unknown): boolean {
  if (intOrString) return typeof value === 'string' || Number.isInteger(value);
  switch (type) {
    case '':
      return true;
    case 'object':
      return isRecord(value);
    case 'array':
      return Array.isArray(value);
    case 'integer':
      return Number.isInteger(value);
    case 'number':
      return typeof value === 'number';
    default:
      return typeof value === type;
  }
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value === 'object' ? 'object' : typeof value;
}

const inBody = (path: string): string => `${path === '' ? '<nil>' : path} in body`;

function validateChecks({ checks }: Schema, value: unknown, path: string, errors: FieldErrors): void {
  const wrong = (why: string): void => errors.invalid(path, value, `${inBody(path)} ${why}`);
  if (checks.enum && !checks.enum.some((allowed) => deepEqual(allowed, value))) {
    errors.notSupported(
      path,
      value,
      checks.enum.map((allowed) => (typeof allowed === 'string' ? allowed : JSON.stringify(allowed))),
    );
  }
  if (typeof value === 'string') validateText(checks, value, path, errors, wrong);
  else if (typeof value === 'number') validateNumber(checks, value, wrong);
  else if (Array.isArray(value)) {
    const { minItems, maxItems } = checks;
    if (minItems !== undefined && value.length < minItems) wrong(`should have at least ${minItems} items`);
    if (maxItems !== undefined && value.length > maxItems) errors.tooMany(path, value.length, maxItems);
  } else if (isRecord(value)) {
    const count = Object.keys(value).length;
    const { minProperties, maxProperties, required = [] } = checks;
    if (minProperties !== undefined && count < minProperties) wrong(`should have at least ${minProperties} properties`);
    if (maxProperties !== undefined && count > maxProperties) errors.tooMany(path, count, maxProperties);
    for (const name of required) if (value[name] === undefined) errors.required(child(path, name));
  }
  validateJunctors(checks, value, path, errors);
}

function validateText(
  checks: Schema['checks'],
  value: string,
  path: string,
  errors: FieldErrors,
  wrong: (why: string) => void,
): void {
  const { minLength, maxLength, pattern, format } = checks;
  const length = minLength === undefined && maxLength === undefined ? 0 : [...value].length;
  if (maxLength !== undefined && length > maxLength) errors.tooLong(path, maxLength);
  if (minLength !== undefined && length < minLength) wrong(`should be at least ${minLength} chars long`);
  if (pattern !== undefined && !matches(pattern, value)) wrong(`should match '${pattern}'`);
  if (format !== undefined && formats[format]?.(value) === false) {
    wrong(`must be of type ${format}: ${JSON.stringify(value)}`);
  }
}

/** A pattern that is none was refused with its definition. */
function matches(pattern: string, value: string): boolean {
  try {
    return regexMatches(pattern, value);
  } catch {
    return false;
  }
}

function validateNumber(checks: Schema['checks'], value: number, wrong: (why: string) => void): void {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, format } = checks;
  if (maximum !== undefined && (exclusiveMaximum ? value >= maximum : value > maximum)) {
    wrong(`should be less than ${exclusiveMaximum ? '' : 'or equal to '}${maximum}`);
  }
  if (minimum !== undefined && (exclusiveMinimum ? value <= minimum : value < minimum)) {
    wrong(`should be greater than ${exclusiveMinimum ? '' : 'or equal to '}${minimum}`);
  }
  if (multipleOf !== undefined && multipleOf > 0) {
    const times = value / multipleOf;
    if (Math.abs(times - Math.round(times)) > 1e-9) wrong(`should be a multiple of ${multipleOf}`);
  }
  if (format === 'int32' && (value > 2 ** 31 - 1 || value < -(2 ** 31))) wrong(`must be of type int32: ${value}`);
}

function validateJunctors(checks: Schema['checks'], value: unknown, path: string, errors: FieldErrors): void {
  const { allOf = [], anyOf, oneOf, not } = checks;
  for (const part of allOf) validateValue(part, value, undefined, path, errors);
  const holds = (part: Schema): boolean => {
    const tried = new FieldErrors();
    validateValue(part, value, undefined, path, tried);
    return !tried.any;
  };
  const said = (why: string): void => errors.invalid(path, value, `${JSON.stringify(path)} ${why}`);
  if (anyOf && !anyOf.some(holds)) said('must validate at least one schema (anyOf)');
  if (oneOf) {
    const right = oneOf.filter(holds).length;
    if (right === 0) said('must validate one and only one schema (oneOf). Found none valid');
    if (right > 1) said(`must validate one and only one schema (oneOf). Found ${right} valid alternatives`);
  }
  if (not && holds(not)) said('must not validate the schema (not)');
}

const isDate = (text: string): boolean => !Number.isNaN(Date.parse(text));

/** The formats that Kubernetes checks; others mean nothing to it. */
const formats: Readonly<Record<string, (text: string) => boolean>> = {
  'date-time': (text) => /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.test(text) && isDate(text),
  date: (text) => /^\d{4}-\d\d-\d\d$/.test(text) && isDate(text),
  duration: (text) => typeof parseDuration(text) !== 'string' || /^\d+(\.\d+)?\s*(weeks?|days?|hours?)$/.test(text),
  byte: (text) => text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text),
  ipv4: (text) => isIP(text) === 4,
  ipv6: (text) => isIP(text) === 6,
  cidr: (text) => /^[^/]+\/\d{1,3}$/.test(text) && isIP(text.split('/')[0] ?? '') > 0,
  mac: (text) => /^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i.test(text),
  uuid: (text) => /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(text),
  uri: (text) => URL.canParse(text) || text.startsWith('/'),
  email: (text) => /^[^\s@]+@[^\s@]+$/.test(text),
  hostname: (text) =>
    text.length <= 255 && /^([a-z0-9]([-a-z0-9]*[a-z0-9])?)(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\.?$/i.test(text),
};
