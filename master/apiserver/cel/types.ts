/**
 * The types of CEL's variables, and values on their way from JSON into CEL and back.
 *
 * JSON knows one kind of number and CEL knows three, so a value is read under its declared type: `int` becomes a
 * bigint, `double` a number. Under `dyn`, whole numbers are ints and the rest doubles, as in Kubernetes' unstructured
 * objects. Objects become Maps, so that no field's name can meet a property of JavaScript's objects.
 */
import { type Environment, Optional } from '@marcbachmann/cel-js';
import { Duration, UnsignedInt } from '@marcbachmann/cel-js/evaluator';

/** `raw` is for what no expression looks into: to CEL it may be anything, and it stays the JSON that it is. */
export type CelScalar =
  | 'dyn'
  | 'raw'
  | 'bool'
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  | 'timestamp'
  | 'duration';

/** A declared object has the fields that are named and no others; a field may be absent. */
export interface CelObjectType {
  readonly kind: 'object';
  /** Unique within one environment: `Object.spec`. */
  readonly name: string;
  readonly fields: Readonly<Record<string, CelType>>;
  /** The names that the fields have in JSON, where CEL has to write them in another way. */
  readonly jsonNames?: Readonly<Record<string, string>>;
}

export type CelType =
  | CelScalar
  | { readonly kind: 'list'; readonly element: CelType }
  | { readonly kind: 'map'; readonly value: CelType }
  | CelObjectType;

/** Fields by name; its own subclass for every declared object, which is how CEL tells their types apart. */
class CelObject extends Map<string, unknown> {}

/** The classes of the declared objects of one environment, each with the name by which the library knows it. */
export type ObjectClasses = Map<string, { readonly name: string; readonly objectClass: typeof CelObject }>;

const scalarNames: Partial<Record<CelScalar, string>> = {
  raw: 'dyn',
  timestamp: 'google.protobuf.Timestamp',
  duration: 'google.protobuf.Duration',
};

/** The type's name in CEL. Objects within it are registered with the environment on the way. */
export function registerType(environment: Environment, classes: ObjectClasses, type: CelType): string {
  if (typeof type === 'string') return scalarNames[type] ?? type;
  if (type.kind === 'list') return `list<${registerType(environment, classes, type.element)}>`;
  if (type.kind === 'map') return `map<string, ${registerType(environment, classes, type.value)}>`;
  const known = classes.get(type.name);
  if (known) return known.name;
  const fields: Record<string, string> = Object.create(null);
  for (const [name, field] of Object.entries(type.fields)) fields[name] = registerType(environment, classes, field);
  const objectClass = class extends CelObject {};
  const name = libraryName(type.name, classes);
  classes.set(type.name, { name, objectClass });
  environment.registerType(name, { ctor: objectClass, fields });
  environment.registerOperator(`${name} == ${name}`, sameValue);
  environment.registerOperator(`${name} == null`, () => false);
  return name;
}

/** The library's names are made of words and dots; two that differ in other characters only are told apart by a number. */
function libraryName(wanted: string, classes: ObjectClasses): string {
  const name = wanted.replaceAll(/[^\w.]/g, '_');
  const isTaken = [...classes.values()].some((other) => other.name === name);
  return isTaken ? `${name}_${classes.size}` : name;
}

/** A JSON value as CEL's, under its type. A value that is not of the type is handed on as it is: CEL names the mismatch. */
export function toCel(value: unknown, type: CelType, classes: ObjectClasses): unknown {
  if (value === null || value === undefined) return value;
  if (typeof type === 'string') return scalarToCel(value, type);
  if (type.kind === 'list') {
    return Array.isArray(value) ? value.map((item) => toCel(item, type.element, classes)) : value;
  }
  if (typeof value !== 'object' || Array.isArray(value)) return value;
  if (type.kind === 'map') {
    return new Map(Object.entries(value).map(([key, item]) => [key, toCel(item, type.value, classes)]));
  }
  const object = new (classes.get(type.name)?.objectClass ?? CelObject)();
  const fieldsOfValue = new Map(Object.entries(value));
  for (const [name, field] of Object.entries(type.fields)) {
    const item = fieldsOfValue.get(type.jsonNames?.[name] ?? name);
    if (item !== undefined) object.set(name, toCel(item, field, classes));
  }
  return object;
}

function scalarToCel(value: unknown, type: CelScalar): unknown {
  switch (type) {
    case 'dyn':
      return dynToCel(value);
    case 'int':
      return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value;
    case 'uint':
      return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? new UnsignedInt(value) : value;
    case 'bytes':
      return typeof value === 'string' ? Buffer.from(value, 'base64') : value;
    case 'timestamp':
      return typeof value === 'string' ? new Date(value) : value;
    case 'duration':
      return typeof value === 'string' ? parseDuration(value) : value;
    default:
      return value;
  }
}

/** Values that are CEL's already (results of other expressions, objects of libraries) pass as they are. */
function dynToCel(value: unknown): unknown {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(dynToCel);
  if (typeof value !== 'object' || value === null) return value;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  return new Map(Object.entries(value).map(([key, item]) => [key, dynToCel(item)]));
}

/** An optional, to be bound to a variable of type `dyn`: of the value, read as unstructured JSON, or empty. */
export const optionalOf = (held: { readonly value: unknown } | undefined): unknown =>
  held ? Optional.of(dynToCel(held.value)) : Optional.none();

/** A value of CEL as JSON: ints as numbers, times and durations as their texts, an empty optional as null. */
export function toJson(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value !== 'object' || value === null) return null;
  if (Array.isArray(value) || value instanceof Set) return [...value].map(toJson);
  if (value instanceof Map) return fromEntries(value);
  if (value instanceof UnsignedInt) return Number(value.valueOf());
  if (value instanceof Date) return value.toISOString().replace('.000Z', 'Z');
  if (value instanceof Optional) return value.hasValue() ? toJson(value.value()) : null;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return fromEntries(Object.entries(value));
  return String(value);
}

const fromEntries = (entries: Iterable<[unknown, unknown]>): Record<string, unknown> =>
  Object.fromEntries([...entries].map(([key, item]) => [String(toJson(key)), toJson(item)]));

/** Whether two values are equal as CEL compares them; int, uint and double compare by their value. */
export function sameValue(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (isNumber(left) && isNumber(right)) return Number(left) === Number(right);
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (left instanceof Date && right instanceof Date) return left.getTime() === right.getTime();
  if (left instanceof Duration && right instanceof Duration) return left.valueOf() === right.valueOf();
  if (left instanceof Uint8Array && right instanceof Uint8Array) return Buffer.compare(left, right) === 0;
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((item, index) => sameValue(item, right[index]));
  }
  const [a, b] = [entriesOf(left), entriesOf(right)];
  if (!a || !b || a.size !== b.size) return false;
  for (const [key, item] of a) if (!b.has(key) || !sameValue(item, b.get(key))) return false;
  return true;
}

const isNumber = (value: unknown): boolean =>
  typeof value === 'bigint' || typeof value === 'number' || value instanceof UnsignedInt;

function entriesOf(value: object): Map<unknown, unknown> | undefined {
  if (value instanceof Map) return value;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? new Map(Object.entries(value)) : undefined;
}

/** Go's durations, `1h2m3.5s`. A text that is none stays a text, which CEL then refuses by its type. */
export function parseDuration(text: string): Duration | string {
  const match = /^([+-])?((?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h))+$/.exec(text);
  if (!match) return text === '0' ? new Duration(0n, 0) : text;
  const units: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 6e10, h: 3.6e12 };
  let nanoseconds = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)/g)) {
    nanoseconds += Number(amount) * (units[unit ?? ''] ?? 0);
  }
  const sign = match[1] === '-' ? -1 : 1;
  const seconds = Math.trunc(nanoseconds / 1e9);
  return new Duration(BigInt(sign * seconds), sign * Math.round(nanoseconds - seconds * 1e9));
}
