/** The shape of any kind that is served, built-in or custom, for whoever has only its row. */
import type { Kind } from '../../../api/kinds.ts';
import { type ObjectShape, shapeOf } from '../schema/shape.ts';
import { customShape } from './custom-shape.ts';
import { readSchema } from './schema.ts';
import { isCustomKind } from './strategy.ts';

const shapes = new WeakMap<Kind, ObjectShape>();

export function shapeOfKind(kind: Kind): ObjectShape {
  if (!isCustomKind(kind)) return shapeOf(kind);
  const known = shapes.get(kind);
  if (known) return known;
  const shape = customShape(readSchema(kind.custom.schema), `${kind.group}.${kind.version}.${kind.kind}`);
  shapes.set(kind, shape);
  return shape;
}
