/**
 * Whether a schema may be served: structural, as Kubernetes' "Custom Resources: specifying a structural schema" says, with values that can be read.
 * What hangs below `items`, `additionalProperties` and the like was never decoded, so nothing about it is taken for granted.
 */
import { compileRegex } from '../../cel/regex.ts';
import { isRecord } from '../schema/shape.ts';
import type { FieldErrors } from '../validation/field-errors.ts';
import { prune } from './decoding.ts';
import { readSchema } from './schema.ts';
import { validateValue } from './values.ts';

type Json = Record<string, unknown>;

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const maxDepth = 64;

/** What JSON schema has and Kubernetes does not. */
const unsupported: Readonly<Record<string, string>> = {
  $ref: '$ref is not supported',
  $schema: '$schema is not supported',
  id: 'id is not supported',
  definitions: 'definitions is not supported',
  dependencies: 'dependencies is not supported',
  patternProperties: 'patternProperties is not supported',
  additionalItems: 'additionalItems is not supported',
};

const numbers = [
  ...['minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties'],
  ...['minimum', 'maximum', 'multipleOf'],
];
const flags = [
  ...['nullable', 'exclusiveMinimum', 'exclusiveMaximum', 'uniqueItems', 'x-kubernetes-preserve-unknown-fields'],
  ...['x-kubernetes-embedded-resource', 'x-kubernetes-int-or-string'],
];
const texts = ['type', 'format', 'pattern', 'description', 'title', 'x-kubernetes-list-type', 'x-kubernetes-map-type'];
const lists = ['required', 'enum', 'allOf', 'anyOf', 'oneOf', 'x-kubernetes-list-map-keys', 'x-kubernetes-validations'];

/** What junctors (allOf and its kin) may not say, because the structure around them says it. */
const structureOnly = [
  ...['description', 'default', 'additionalProperties', 'nullable', 'title', 'x-kubernetes-preserve-unknown-fields'],
  ...[
    'x-kubernetes-embedded-resource',
    'x-kubernetes-int-or-string',
    'x-kubernetes-list-type',
    'x-kubernetes-map-type',
  ],
];

/** Adds what is wrong with a version's schema. */
export function validateSchema(raw: unknown, path: string, errors: FieldErrors): void {
  const before = errors.causes.length;
  const where = { place: 'at the root', depth: 0 };
  if (!isRecord(raw)) {
    errors.required(path, 'schemas are required');
    return;
  }
  if (raw.type !== undefined && raw.type !== '' && raw.type !== 'object') {
    errors.invalid(`${path}.type`, raw.type, 'must be object at the root');
  }
  if (raw.nullable === true) errors.forbidden(`${path}.nullable`, 'nullable cannot be true at the root');
  validateMetadataSchema(raw, path, errors);
  validateNode(raw, path, where, errors);
  if (errors.causes.length === before) validateDefaults(raw, path, errors);
}

interface Where {
  /** For messages: what the node is. */
  readonly place: string;
  readonly depth: number;
}

function validateNode(raw: unknown, path: string, { place, depth }: Where, errors: FieldErrors): void {
  if (!isRecord(raw)) {
    errors.invalid(path, raw, 'must be a schema object');
    return;
  }
  if (depth > maxDepth) {
    errors.forbidden(path, `must not be nested more than ${maxDepth} levels deep`);
    return;
  }
  if (!validateForms(raw, path, errors)) return;
  const { type = '', properties, items, additionalProperties } = raw;
  const free = raw['x-kubernetes-preserve-unknown-fields'] === true;
  if (type === '') {
    if (raw['x-kubernetes-int-or-string'] !== true && !(free && depth > 0)) {
      errors.required(`${path}.type`, `must not be empty ${place}`);
    }
  } else if (typeof type === 'string' && !types.includes(type)) errors.notSupported(`${path}.type`, type, types);
  validateExtensions(raw, path, errors);
  validateKeywords(raw, path, errors);
  const below = depth + 1;
  if (isRecord(properties)) {
    for (const [name, inner] of Object.entries(properties)) {
      const at = { place: 'for specified object fields', depth: below };
      validateNode(inner, `${path}.properties[${name}]`, at, errors);
    }
  }
  if (type === 'array' && items === undefined) errors.required(`${path}.items`, 'must be specified');
  if (Array.isArray(items)) errors.forbidden(`${path}.items`, 'items must be a schema object and not an array');
  else if (items !== undefined) {
    validateNode(items, `${path}.items`, { place: 'for specified array items', depth: below }, errors);
  }
  if (isRecord(additionalProperties)) {
    const at = { place: 'for specified object fields', depth: below };
    validateNode(additionalProperties, `${path}.additionalProperties`, at, errors);
  } else if (additionalProperties === false) {
    errors.forbidden(`${path}.additionalProperties`, 'additionalProperties cannot be set to false');
  }
  if (additionalProperties !== undefined && isRecord(properties) && Object.keys(properties).length > 0) {
    errors.forbidden(`${path}.additionalProperties`, 'additionalProperties and properties are mutual exclusive');
  }
  validateJunctors(raw, path, below, errors);
}

/** Whether every keyword has a value of its type, so that the rest need not look again. */
function validateForms(raw: Json, path: string, errors: FieldErrors): boolean {
  const before = errors.causes.length;
  const check = (names: readonly string[], right: (value: unknown) => boolean, wanted: string): void => {
    for (const name of names) {
      const value = raw[name];
      if (value !== undefined && value !== null && !right(value))
        errors.invalid(`${path}.${name}`, value, `must be ${wanted}`);
    }
  };
  check(numbers, (value) => typeof value === 'number', 'a number');
  check(flags, (value) => typeof value === 'boolean', 'a boolean');
  check(texts, (value) => typeof value === 'string', 'a string');
  check(lists, Array.isArray, 'an array');
  check(['properties'], isRecord, 'an object');
  for (const name of ['required', 'x-kubernetes-list-map-keys']) {
    const value = raw[name];
    if (Array.isArray(value))
      check([name], () => value.every((item) => typeof item === 'string'), 'an array of strings');
  }
  return errors.causes.length === before;
}

function validateKeywords(raw: Json, path: string, errors: FieldErrors): void {
  for (const [name, why] of Object.entries(unsupported)) {
    if (raw[name] !== undefined && raw[name] !== null) errors.forbidden(`${path}.${name}`, why);
  }
  if (raw.uniqueItems === true) {
    errors.forbidden(
      `${path}.uniqueItems`,
      'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
    );
  }
  if (typeof raw.pattern !== 'string') return;
  try {
    compileRegex(raw.pattern);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    errors.invalid(`${path}.pattern`, raw.pattern, `must be a valid regular expression, but isn't: ${why}`);
  }
}

function validateExtensions(raw: Json, path: string, errors: FieldErrors): void {
  const { type = '', properties } = raw;
  if (raw['x-kubernetes-int-or-string'] === true && type !== '') {
    errors.invalid(`${path}.type`, type, 'must be empty if x-kubernetes-int-or-string is true');
  }
  if (raw['x-kubernetes-embedded-resource'] === true) {
    if (type !== 'object')
      errors.invalid(`${path}.type`, type, 'must be object if x-kubernetes-embedded-resource is true');
    const free = raw['x-kubernetes-preserve-unknown-fields'] === true;
    if (!free && !(isRecord(properties) && Object.keys(properties).length > 0)) {
      const why =
        'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields';
      errors.required(`${path}.properties`, why);
    }
  }
  const mapType = raw['x-kubernetes-map-type'];
  if (mapType !== undefined) {
    if (mapType !== 'atomic' && mapType !== 'granular') {
      errors.notSupported(`${path}.x-kubernetes-map-type`, mapType, ['atomic', 'granular']);
    }
    if (type !== 'object') errors.invalid(`${path}.type`, type, 'must be object if x-kubernetes-map-type is specified');
  }
  validateListType(raw, path, errors);
}

function validateListType(raw: Json, path: string, errors: FieldErrors): void {
  const { type = '', items } = raw;
  const listType = raw['x-kubernetes-list-type'];
  const keys: unknown = raw['x-kubernetes-list-map-keys'];
  const names = Array.isArray(keys) ? keys.map(String) : [];
  if (listType === undefined) {
    if (names.length > 0)
      errors.forbidden(`${path}.x-kubernetes-list-map-keys`, 'must not be used without x-kubernetes-list-type: map');
    return;
  }
  if (type !== 'array') errors.invalid(`${path}.type`, type, 'must be array if x-kubernetes-list-type is specified');
  const known = ['atomic', 'map', 'set'];
  if (!known.includes(String(listType))) errors.notSupported(`${path}.x-kubernetes-list-type`, listType, known);
  if (listType !== 'map') return;
  const item = isRecord(items) ? items : {};
  if (item.type !== 'object') {
    errors.invalid(
      `${path}.items.type`,
      item.type ?? '',
      "must be object if parent array's x-kubernetes-list-type is map",
    );
  }
  if (names.length === 0) {
    errors.required(`${path}.x-kubernetes-list-map-keys`, 'must not be empty if x-kubernetes-list-type is map');
  }
  const properties = isRecord(item.properties) ? item.properties : {};
  const required = Array.isArray(item.required) ? item.required : [];
  names.forEach((name, index) => {
    const at = `${path}.x-kubernetes-list-map-keys[${index}]`;
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (!isRecord(property)) {
      errors.invalid(at, name, 'entries must all be names of item properties');
      return;
    }
    if (property.type === 'array' || property.type === 'object') {
      errors.invalid(
        `${path}.items.properties[${name}].type`,
        property.type,
        "must be a scalar type if parent array's x-kubernetes-list-type is map",
      );
    }
    if (property.default === undefined && !required.includes(name)) {
      const why = `this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property`;
      errors.required(`${path}.items.properties[${name}].default`, why);
    }
  });
}

function validateJunctors(raw: Json, path: string, depth: number, errors: FieldErrors): void {
  const each = (name: string, part: unknown, index?: number): void => {
    const at = index === undefined ? `${path}.${name}` : `${path}.${name}[${index}]`;
    validateValueOnly(part, at, depth, raw['x-kubernetes-int-or-string'] === true, errors);
  };
  for (const name of ['allOf', 'anyOf', 'oneOf']) {
    const parts = raw[name];
    if (Array.isArray(parts)) for (const [index, part] of parts.entries()) each(name, part, index);
  }
  if (raw.not !== undefined && raw.not !== null) each('not', raw.not);
}

/** A schema within a junctor: it may ask for values, and must leave the structure alone. */
function validateValueOnly(raw: unknown, path: string, depth: number, mayType: boolean, errors: FieldErrors): void {
  if (!isRecord(raw)) {
    errors.invalid(path, raw, 'must be a schema object');
    return;
  }
  if (depth > maxDepth) {
    errors.forbidden(path, `must not be nested more than ${maxDepth} levels deep`);
    return;
  }
  if (!validateForms(raw, path, errors)) return;
  for (const name of structureOnly) {
    if (raw[name] !== undefined && raw[name] !== false)
      errors.forbidden(`${path}.${name}`, 'must be empty to be structural');
  }
  if (raw.type !== undefined && raw.type !== '' && !mayType) {
    errors.forbidden(`${path}.type`, 'must be empty to be structural');
  }
  validateKeywords(raw, path, errors);
  if (isRecord(raw.properties)) {
    for (const [name, inner] of Object.entries(raw.properties)) {
      validateValueOnly(inner, `${path}.properties[${name}]`, depth + 1, mayType, errors);
    }
  }
  if (raw.items !== undefined) validateValueOnly(raw.items, `${path}.items`, depth + 1, mayType, errors);
  validateJunctors(raw, path, depth + 1, errors);
}

/** Of an object's own metadata a schema may say something of the names only. */
function validateMetadataSchema(raw: Json, path: string, errors: FieldErrors): void {
  const metadata = isRecord(raw.properties) ? raw.properties.metadata : undefined;
  if (!isRecord(metadata)) return;
  const allowed = new Set(['type', 'description', 'properties']);
  const inner = isRecord(metadata.properties) ? Object.keys(metadata.properties) : [];
  const more = Object.keys(metadata).some((name) => !allowed.has(name));
  if (more || inner.some((name) => name !== 'name' && name !== 'generateName')) {
    errors.forbidden(
      `${path}.properties[metadata]`,
      'must not specify anything other than name and generateName, but metadata is implicitly specified',
    );
  }
}

/** Defaults are what objects will hold, so they must be right themselves. */
function validateDefaults(raw: Json, path: string, errors: FieldErrors): void {
  if (raw.default !== undefined) {
    const schema = readSchema(raw);
    const value = structuredClone(raw.default);
    validateValue(schema, value, undefined, `${path}.default`, errors);
    if (
      isRecord(value) &&
      !schema.embedded &&
      prune({ ...schema, properties: new Map(schema.properties) }, value).length > 0
    ) {
      errors.invalid(`${path}.default`, raw.default, 'must not have unknown fields');
    }
  }
  const { properties, items, additionalProperties } = raw;
  if (isRecord(properties)) {
    for (const [name, inner] of Object.entries(properties)) {
      if (isRecord(inner)) validateDefaults(inner, `${path}.properties[${name}]`, errors);
    }
  }
  if (isRecord(items)) validateDefaults(items, `${path}.items`, errors);
  if (isRecord(additionalProperties)) validateDefaults(additionalProperties, `${path}.additionalProperties`, errors);
}
