/**
 * What a schema does to an object before it is validated: fields that it does not know are dropped, and what is missing gets
 * its default. As Kubernetes' "Custom Resources": pruning, defaulting.
 */
import { decode } from '../schema/decode.ts';
import { isRecord, metadataShape, type ObjectShape } from '../schema/shape.ts';
import { child, keyed, type Schema } from './schema.ts';

type Json = Record<string, unknown>;

/** Every object has these; a schema need not say so. */
const always: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);

/** Of an object whose metadata alone has a known type. */
const outer = (): ObjectShape => ({
  is: 'object',
  name: '',
  atomic: false,
  fields: new Map([['metadata', metadataShape()]]),
});

/** How many unknown fields are told of. */
const maxUnknown = 100;

/** Drops, in place, what the schema does not know. Gives the paths of what was dropped. */
export function prune(schema: Schema, object: Json): string[] {
  const dropped: string[] = [];
  pruneValue({ ...schema, embedded: true }, object, '', dropped);
  return dropped;
}

function pruneValue(schema: Schema, value: unknown, path: string, dropped: string[]): void {
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items) for (const [index, item] of value.entries()) pruneValue(items, item, keyed(path, index), dropped);
    return;
  }
  if (!isRecord(value)) return;
  // The outermost object's metadata was looked at before.
  if (schema.embedded && path !== '' && isRecord(value.metadata)) {
    const { unknown } = decode(outer(), { metadata: value.metadata });
    for (const field of unknown) if (dropped.length < maxUnknown) dropped.push(child(path, field));
  }
  for (const name of Object.keys(value)) {
    if (schema.embedded && always.has(name)) continue;
    const known =
      schema.properties.get(name) ?? (typeof schema.additional === 'object' ? schema.additional : undefined);
    if (known) pruneValue(known, value[name], child(path, name), dropped);
    else if (!schema.preservesUnknown && schema.additional !== true && !schema.intOrString) {
      if (dropped.length < maxUnknown) dropped.push(child(path, name));
      delete value[name];
    }
  }
}

/** Whether there is any default in the schema, so that objects need not be walked for none. */
export function hasDefaults(schema: Schema): boolean {
  if (schema.default !== undefined) return true;
  if (schema.items && hasDefaults(schema.items)) return true;
  if (typeof schema.additional === 'object' && hasDefaults(schema.additional)) return true;
  return [...schema.properties.values()].some(hasDefaults);
}

/** Fills in, in place, what is missing. A null where none is allowed and there is a default is missing too. */
export function setDefaults(schema: Schema, value: unknown): void {
  if (Array.isArray(value)) {
    if (schema.items) for (const item of value) setDefaults(schema.items, item);
    return;
  }
  if (!isRecord(value)) return;
  for (const [name, property] of schema.properties) {
    const held = Object.hasOwn(value, name) ? value[name] : undefined;
    const missing = held === undefined || (held === null && !property.nullable);
    if (missing && property.default !== undefined) value[name] = structuredClone(property.default.value);
    setDefaults(property, value[name]);
  }
  const { additional } = schema;
  if (typeof additional !== 'object') return;
  for (const name of Object.keys(value)) {
    if (schema.properties.has(name)) continue;
    if (value[name] === null && !additional.nullable && additional.default !== undefined) {
      value[name] = structuredClone(additional.default.value);
    }
    setDefaults(additional, value[name]);
  }
}

/** Drops, in place, nulls that are not allowed and have no default: they mean "absent", as Kubernetes reads them. */
export function dropNulls(schema: Schema, value: unknown): void {
  if (Array.isArray(value)) {
    if (schema.items) for (const item of value) dropNulls(schema.items, item);
    return;
  }
  if (!isRecord(value)) return;
  for (const [name, property] of schema.properties) {
    if (value[name] === null && !property.nullable && property.default !== undefined) delete value[name];
    else dropNulls(property, value[name]);
  }
}
