/** A schema as the shape by which patches and server-side apply walk objects, and by which a request's body is read. */
import { decode } from '../schema/decode.ts';
import { any, isRecord, type MapShape, metadataShape, type ObjectShape, type Shape } from '../schema/shape.ts';
import { dropNulls, prune } from './decoding.ts';
import type { Schema } from './schema.ts';

/** What no schema describes: objects are merged field by field, all else is one value. */
const deduced: MapShape = {
  is: 'map',
  get values(): Shape {
    return deduced;
  },
};

/** What no schema looks into may be nested without end, and everything that walks it has a stack that ends. */
const maxDepth = 500;

function isDeep(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((item) => isDeep(item, levels - 1));
}

/** `name` is of use for messages only. */
export function customShape(schema: Schema, name: string): ObjectShape {
  const shape = objectShape(schema, name);
  const fields = new Map<string, Shape>([...shape.fields, ['apiVersion', any], ['kind', any]]);
  const metadata = metadataShape();
  const outer: ObjectShape = { is: 'object', name, atomic: false, fields: new Map([['metadata', metadata]]) };
  return {
    ...shape,
    fields: fields.set('metadata', metadata),
    decode(object) {
      if (isDeep(object, maxDepth)) return { wrong: 'exceeded max depth', unknown: [] };
      dropNulls(schema, object);
      const held = object.metadata;
      if (held === null) delete object.metadata;
      // Of metadata the type is known; of all else the schema says what is wrong with it, after defaulting.
      const wrapper = isRecord(object.metadata) || object.metadata === undefined ? object.metadata : held;
      const { wrong, unknown } =
        wrapper === undefined ? { wrong: undefined, unknown: [] } : decode(outer, { metadata: wrapper });
      if (wrong !== undefined) return { wrong, unknown };
      return { unknown: [...unknown, ...prune(schema, object)] };
    },
  };
}

function shapeOf(schema: Schema, name: string): Shape {
  if (schema.intOrString) return any;
  switch (schema.type) {
    case 'object':
      if (typeof schema.additional === 'object') {
        const map: MapShape = { is: 'map', values: shapeOf(schema.additional, name) };
        return schema.mapType === 'atomic' ? { ...map, atomic: true } : map;
      }
      if (schema.properties.size === 0) return schema.mapType === 'atomic' ? any : deduced;
      return objectShape(schema, name);
    case 'array': {
      const list: Shape = { is: 'list', items: schema.items ? shapeOf(schema.items, name) : any };
      if (schema.listType === 'set') return { ...list, keys: ['*'] };
      return schema.listType === 'map' ? { ...list, keys: schema.listKeys } : list;
    }
    case '':
      return schema.preservesUnknown ? deduced : any;
    default:
      return any;
  }
}

function objectShape(schema: Schema, name: string): ObjectShape {
  const fields = new Map([...schema.properties].map(([field, inner]) => [field, shapeOf(inner, `${name}.${field}`)]));
  return { is: 'object', name, fields, atomic: schema.mapType === 'atomic' };
}
