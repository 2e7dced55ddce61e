/**
 * Shapes: what JSON a field may hold, as far as the registry relies on it, and how lists merge in a strategic merge
 * patch. One description of each type serves both.
 *
 * Guarantees: after `conform`, every field that the shape names is absent or of the type that it says, so that
 * defaulting and validation need not look again. Fields that a shape does not name pass as they are.
 */

import { isQuantity, quantityPattern } from '../../../api/quantity.ts';

export type Shape = ScalarShape | ObjectShape | ListShape | MapShape | AnyShape;
export type Scalar = 'string' | 'integer' | 'number' | 'boolean' | 'quantity' | 'intOrString';
export interface ScalarShape {
  readonly is: 'scalar';
  readonly type: Scalar;
}
export interface ObjectShape {
  readonly is: 'object';
  readonly fields: Readonly<Record<string, Shape>>;
  /** A strategic merge patch of this object may use `$retainKeys`, and clients do. */
  readonly retainKeys?: boolean;
}
export interface ListShape {
  readonly is: 'list';
  readonly items: Shape;
  /** Items of this key are one item to a strategic merge patch. Absent: the list is replaced as a whole. */
  readonly mergeKey?: string;
  /** A list of scalars that a strategic merge patch adds to. */
  readonly set?: boolean;
}
export interface MapShape {
  readonly is: 'map';
  readonly values: Shape;
}
export interface AnyShape {
  readonly is: 'any';
}

const scalar = (type: Scalar): ScalarShape => ({ is: 'scalar', type });
export const string = scalar('string');
export const integer = scalar('integer');
export const number = scalar('number');
export const boolean = scalar('boolean');
/** A quantity such as "100m"; a plain number is taken as its text, as Kubernetes does. */
export const quantity = scalar('quantity');
export const intOrString = scalar('intOrString');
export const any: AnyShape = { is: 'any' };
export const object = (fields: Record<string, Shape>): ObjectShape => ({ is: 'object', fields });
/** A list that a patch replaces whole. */
export const list = (items: Shape): ListShape => ({ is: 'list', items });
/** A list whose items a strategic merge patch finds by this key. */
export const listBy = (mergeKey: string, items: Shape): ListShape => ({ is: 'list', items, mergeKey });
export const setOf = (items: Shape): ListShape => ({ is: 'list', items, set: true });
export const map = (values: Shape): MapShape => ({ is: 'map', values });
export const stringMap = map(string);

/**
 * Checks types, and drops nulls (which mean "absent", as Go reads them), in place. Returns what is wrong first, in the
 * words of Go's decoder, which Kubernetes' users know; undefined when nothing is.
 */
export function conform(shape: Shape, value: unknown, root: string): string | undefined {
  const wrong = firstMismatch(shape, value, '');
  if (!wrong) return undefined;
  if (wrong.expected === badQuantity) return `quantities must match the regular expression '${quantityPattern}'`;
  const place = wrong.path === '' ? 'Go value' : `Go struct field ${root}.${wrong.path}`;
  return `json: cannot unmarshal ${wrong.found} into ${place} of type ${wrong.expected}`;
}

/** A text where a quantity stands, but none that is one. */
const badQuantity = 'quantity text';

interface Mismatch {
  path: string;
  found: string;
  expected: string;
}

function firstMismatch(shape: Shape, value: unknown, path: string): Mismatch | undefined {
  switch (shape.is) {
    case 'any':
      return undefined;
    case 'scalar':
      if (!isScalar(shape.type, value)) return { path, found: foundType(value), expected: goType(shape) };
      if (shape.type === 'quantity' && !isQuantity(value)) return { path, found: '', expected: badQuantity };
      return undefined;
    case 'list': {
      if (!Array.isArray(value)) return { path, found: foundType(value), expected: goType(shape) };
      for (const item of value) {
        const wrong = firstMismatch(shape.items, item, path);
        if (wrong) return wrong;
      }
      return undefined;
    }
    case 'map':
    case 'object': {
      if (!isRecord(value)) return { path, found: foundType(value), expected: goType(shape) };
      return inFields(shape, value, path);
    }
  }
}

function inFields(shape: ObjectShape | MapShape, value: Record<string, unknown>, path: string): Mismatch | undefined {
  for (const name of Object.keys(value)) {
    const held = value[name];
    const inner =
      shape.is === 'map' ? shape.values : Object.hasOwn(shape.fields, name) ? shape.fields[name] : undefined;
    if (held === null && inner?.is !== 'any') {
      if (shape.is === 'map' && inner?.is === 'scalar' && inner.type === 'string') value[name] = '';
      else delete value[name];
      continue;
    }
    const wrong = inner && firstMismatch(inner, held, path === '' ? name : `${path}.${name}`);
    if (wrong) return wrong;
    if (inner?.is === 'scalar' && inner.type === 'quantity' && typeof held === 'number') value[name] = String(held);
  }
  return undefined;
}

/** Whether a value is a JSON object: not null, not an array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isScalar(type: Scalar, value: unknown): boolean {
  switch (type) {
    case 'string':
      return typeof value === 'string';
    case 'integer':
      return typeof value === 'number' && Number.isSafeInteger(value);
    case 'number':
      return typeof value === 'number';
    case 'boolean':
      return typeof value === 'boolean';
    case 'quantity':
      return typeof value === 'string' || typeof value === 'number';
    case 'intOrString':
      return typeof value === 'string' || (typeof value === 'number' && Number.isSafeInteger(value));
  }
}

function foundType(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (value === null) return 'null';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return Number.isSafeInteger(value) ? 'number' : `number ${value}`;
  return typeof value;
}

const goScalars: Record<Scalar, string> = {
  string: 'string',
  integer: 'int64',
  number: 'float64',
  boolean: 'bool',
  quantity: 'resource.Quantity',
  intOrString: 'intstr.IntOrString',
};

function goType(shape: Shape): string {
  switch (shape.is) {
    case 'scalar':
      return goScalars[shape.type];
    case 'list':
      return `[]${goType(shape.items)}`;
    case 'map':
      return `map[string]${goType(shape.values)}`;
    case 'object':
      return 'object';
    case 'any':
      return 'interface {}';
  }
}
