/**
 * Custom resources: kinds that a CustomResourceDefinition adds while the server runs.
 *
 * A definition's version becomes a strategy (`strategy.ts`), and with it a resource like any other: the generic verbs, watches,
 * tables, patches and server-side apply know no difference. This folder holds what a schema means (here, `decoding.ts`,
 * `values.ts`, `rules.ts`), what a definition must be (`definition.ts`, `structural.ts`), how its objects are kept in one
 * version and read in others (`custom-store.ts`), and the table of what is served (`custom-kinds.ts`), which follows
 * the definitions in the store.
 *
 * Guarantees: what is stored was pruned, defaulted and valid under the version it was written in; a schema that
 * cannot be served is refused when the definition is written, never met by a request.
 */
import { isRecord } from '../schema/shape.ts';

/** One place of a structural schema (`openAPIV3Schema`), read from JSON that may be anything. */
export interface Schema {
  /** '' where there is none. */
  readonly type: string;
  readonly nullable: boolean;
  readonly properties: ReadonlyMap<string, Schema>;
  readonly items: Schema | undefined;
  /** For objects that are maps: of what; true: of anything. */
  readonly additional: Schema | boolean | undefined;
  /** Absent: none. */
  readonly default?: { readonly value: unknown };
  readonly preservesUnknown: boolean;
  readonly embedded: boolean;
  readonly intOrString: boolean;
  readonly listType: string;
  readonly listKeys: readonly string[];
  readonly mapType: string;
  readonly checks: Checks;
  readonly rules: readonly Rule[];
}

/** What JSON schema says of a value beside its structure. */
export interface Checks {
  readonly format?: string;
  readonly pattern?: string;
  readonly enum?: readonly unknown[];
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly exclusiveMaximum?: boolean;
  readonly multipleOf?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly required?: readonly string[];
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly not?: Schema;
}

/** One of `x-kubernetes-validations`. */
export interface Rule {
  readonly rule: string;
  readonly message: string;
  readonly messageExpression: string;
  readonly reason: string;
  readonly fieldPath: string;
  readonly optionalOldSelf: boolean;
}

/** Reads a schema. What has no meaning in a schema is passed over: `structural.ts` says what is wrong with it. */
export function readSchema(json: unknown): Schema {
  const raw = isRecord(json) ? json : {};
  const text = (name: string): string => (typeof raw[name] === 'string' ? raw[name] : '');
  const flag = (name: string): boolean => raw[name] === true;
  const texts = (name: string): string[] => strings(raw[name]);
  const { additionalProperties } = raw;
  return {
    type: text('type'),
    nullable: flag('nullable'),
    properties: new Map(Object.entries(record(raw.properties)).map(([name, value]) => [name, readSchema(value)])),
    items: isRecord(raw.items) ? readSchema(raw.items) : undefined,
    additional: isRecord(additionalProperties)
      ? readSchema(additionalProperties)
      : typeof additionalProperties === 'boolean'
        ? additionalProperties
        : undefined,
    ...(Object.hasOwn(raw, 'default') && raw.default !== undefined && { default: { value: raw.default } }),
    preservesUnknown: flag('x-kubernetes-preserve-unknown-fields'),
    embedded: flag('x-kubernetes-embedded-resource'),
    intOrString: flag('x-kubernetes-int-or-string'),
    listType: text('x-kubernetes-list-type'),
    listKeys: texts('x-kubernetes-list-map-keys'),
    mapType: text('x-kubernetes-map-type'),
    checks: readChecks(raw),
    rules: list(raw['x-kubernetes-validations']).filter(isRecord).map(readRule),
  };
}

const numbers = [
  ...['minLength', 'maxLength', 'minimum', 'maximum', 'multipleOf'],
  ...['minItems', 'maxItems', 'minProperties', 'maxProperties'],
] as const;

function readChecks(raw: Record<string, unknown>): Checks {
  const checks: Record<string, unknown> = {};
  for (const name of ['format', 'pattern']) if (typeof raw[name] === 'string') checks[name] = raw[name];
  for (const name of numbers) if (typeof raw[name] === 'number') checks[name] = raw[name];
  for (const name of ['exclusiveMinimum', 'exclusiveMaximum']) if (raw[name] === true) checks[name] = true;
  for (const name of ['allOf', 'anyOf', 'oneOf']) {
    const schemas = list(raw[name]).map(readSchema);
    if (schemas.length > 0) checks[name] = schemas;
  }
  if (Array.isArray(raw.enum) && raw.enum.length > 0) checks.enum = raw.enum;
  const required = strings(raw.required);
  if (required.length > 0) checks.required = required;
  if (isRecord(raw.not)) checks.not = readSchema(raw.not);
  return checks;
}

function readRule(raw: Record<string, unknown>): Rule {
  const text = (name: string): string => (typeof raw[name] === 'string' ? raw[name] : '');
  return {
    rule: text('rule'),
    message: text('message').trim(),
    messageExpression: text('messageExpression').trim(),
    reason: text('reason'),
    fieldPath: text('fieldPath').trim(),
    optionalOldSelf: raw.optionalOldSelf === true,
  };
}

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const record = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : {});
const strings = (value: unknown): string[] => list(value).filter((item): item is string => typeof item === 'string');

/** `spec.items[0].name`, with keys of maps in brackets, as Kubernetes writes paths. */
export const child = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);
export const keyed = (path: string, key: string | number): string => `${path}[${key}]`;
