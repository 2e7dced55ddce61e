/**
 * Shapes: the schema's types as decoding, patches and merges walk them. Each type is one shape, made when first asked for.
 */
import { atomicMaps, listMerge } from './facts.ts';
import { type FieldType, fieldsOf, type ScalarName, typeName } from './types.ts';

export type Shape = ScalarShape | ObjectShape | ListShape | MapShape;
export type Scalar = ScalarName;
export interface ScalarShape {
  readonly is: 'scalar';
  readonly type: Scalar;
}
export interface ObjectShape {
  readonly is: 'object';
  /** Such as `core.v1.Container`. */
  readonly name: string;
  readonly fields: ReadonlyMap<string, Shape>;
  /** One value to server-side apply. */
  readonly atomic: boolean;
  /** How a whole object of this shape is read, where it is not as the built-in kinds are. See `decode.ts`. */
  readonly decode?: (object: Record<string, unknown>) => Decoding;
}
/** What reading an object brought to light. */
export interface Decoding {
  /** What is wrong first, in the words of Go's decoder, which Kubernetes' users know; absent when nothing is. */
  readonly wrong?: string;
  /** The same in the words of Kubernetes' conversion of patched objects, where they are others. */
  readonly unrestorable?: string | undefined;
  /** The paths of the fields that were dropped because the type does not have them. */
  readonly unknown: readonly string[];
}
export interface ListShape {
  readonly is: 'list';
  readonly items: Shape;
  /** Items of this key are one item to a strategic merge patch. Absent: the list is replaced as a whole. */
  readonly mergeKey?: string;
  /** A list of scalars that a strategic merge patch adds to. */
  readonly set?: boolean;
  /** What makes an item to server-side apply: keys, or ['*'] for its value. Absent: the list is one value. */
  readonly keys?: readonly string[];
}
export interface MapShape {
  readonly is: 'map';
  readonly values: Shape;
  /** One value to server-side apply. */
  readonly atomic?: boolean;
}

/** What may be anything. */
export const any: ScalarShape = { is: 'scalar', type: 'any' };

/** The shape of a kind's objects. Throws where the schema does not have the kind. */
export const shapeOf = (kind: { group: string; version: string; kind: string }): ObjectShape =>
  typeShape(typeName(kind));

/** The shape of every object's metadata. */
export const metadataShape = (): ObjectShape => typeShape('meta.v1.ObjectMeta');

/** The shape of what a deletion may say. */
export const deleteOptionsShape = (): ObjectShape => typeShape('meta.v1.DeleteOptions');

/** Whether a value is a JSON object: not null, not an array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

class TypeShape implements ObjectShape {
  readonly is = 'object';
  readonly name: string;
  #fields: ReadonlyMap<string, Shape> | undefined;

  readonly atomic: boolean;

  constructor(name: string) {
    this.name = name;
    this.atomic = atomicMaps.has(name);
  }

  /** Types hold one another, some of them themselves: what a type holds is looked at when it is wanted. */
  get fields(): ReadonlyMap<string, Shape> {
    this.#fields ??= new Map(
      fieldsOf(this.name).map(({ name, type }) => [name, withMerge(shaped(type), this.name, name)]),
    );
    return this.#fields;
  }
}

const types = new Map<string, TypeShape>();
const scalars = new Map<Scalar, ScalarShape>([['any', any]]);

function typeShape(name: string): ObjectShape {
  const known = types.get(name);
  if (known) return known;
  fieldsOf(name);
  const shape = new TypeShape(name);
  types.set(name, shape);
  return shape;
}

function shaped(type: FieldType): Shape {
  switch (type.is) {
    case 'list':
      return { is: 'list', items: shaped(type.of) };
    case 'map':
      return { is: 'map', values: shaped(type.of) };
    case 'type':
      return typeShape(type.name);
    case 'scalar': {
      const shape = scalars.get(type.scalar) ?? { is: 'scalar', type: type.scalar };
      scalars.set(type.scalar, shape);
      return shape;
    }
  }
}

function withMerge(shape: Shape, type: string, field: string): Shape {
  if (shape.is === 'map' && atomicMaps.has(`${type}.${field}`)) return { ...shape, atomic: true };
  const { patchKey, listKeys } = listMerge(type, field) ?? {};
  if (shape.is !== 'list') return shape;
  const merge = patchKey === undefined ? {} : patchKey === '*' ? { set: true } : { mergeKey: patchKey };
  return { ...shape, ...merge, ...(listKeys && { keys: listKeys }) };
}
