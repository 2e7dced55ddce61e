/**
 * Values by their shapes, as server-side apply sees them: which fields a value has, what differs between two, what comes of
 * putting one over another, and taking fields away. Nothing here changes its arguments.
 */
import { badRequest } from '../../../api/errors.ts';
import { deepEqual } from '../../../api/meta.ts';
import { any, isRecord, type ListShape, type Shape } from '../schema/shape.ts';
import { type FieldSet, fieldSet, itself, noFields } from './field-set.ts';

type Json = Record<string, unknown>;

/** All fields that the value says. */
export function fieldsIn(shape: Shape, value: unknown): FieldSet {
  const parts = partsOf(shape, value);
  if (!parts) return itself;
  return fieldSet(
    false,
    [...parts].map(([step, part]) => {
      const set = fieldsIn(part.shape, part.value);
      const isMember = !step.startsWith('f:') || shape.is === 'map' || isEmptyRecord(part.value);
      return [step, isMember ? { self: true, children: set.children } : set];
    }),
  );
}

/** A part with all that it holds: each part is a field itself. */
function wholeOf(shape: Shape, value: unknown): FieldSet {
  const parts = partsOf(shape, value);
  if (!parts) return itself;
  return { self: true, children: new Map([...parts].map(([step, part]) => [step, wholeOf(part.shape, part.value)])) };
}

/** What is new or other in `after`, and what it no longer has. */
export function difference(shape: Shape, before: unknown, after: unknown): { changed: FieldSet; removed: FieldSet } {
  const old = partsOf(shape, before);
  const now = partsOf(shape, after);
  if (!old || !now) return { changed: deepEqual(before, after) ? noFields : itself, removed: noFields };
  const changed: [string, FieldSet][] = [];
  const removed: [string, FieldSet][] = [];
  for (const [step, part] of now) {
    const was = old.get(step);
    if (was) {
      const inner = difference(part.shape, was.value, part.value);
      changed.push([step, inner.changed]);
      removed.push([step, inner.removed]);
    } else {
      changed.push([step, wholeOf(part.shape, part.value)]);
    }
  }
  for (const [step, part] of old) {
    if (!now.has(step)) removed.push([step, wholeOf(part.shape, part.value)]);
  }
  return { changed: fieldSet(false, changed), removed: fieldSet(false, removed) };
}

/** `over` put over `under`: what it says counts, what it does not say stays. */
export function merged(shape: Shape, under: unknown, over: unknown): unknown {
  const below = partsOf(shape, under);
  const above = partsOf(shape, over);
  if (!below || !above) return over;
  const values = new Map([...below].map(([step, { value }]) => [step, value]));
  for (const [step, part] of above) {
    values.set(step, below.has(step) ? merged(part.shape, values.get(step), part.value) : part.value);
  }
  return shape.is === 'list' ? inOrder(values, below, above) : recordOf(values);
}

/** The value without the fields of `last` that are not in `kept`, nor within or around one that is. */
export function pruned(shape: Shape, value: unknown, last: FieldSet, kept: FieldSet): unknown {
  const parts = partsOf(shape, value);
  if (!parts) return value;
  const values = new Map<string, unknown>();
  for (const [step, part] of parts) {
    const was = last.children.get(step);
    const stays = kept.children.get(step);
    if (!was) values.set(step, part.value);
    else if (stays) values.set(step, pruned(part.shape, part.value, was, stays));
  }
  return shape.is === 'list' ? [...values.values()] : recordOf(values);
}

interface Part {
  readonly shape: Shape;
  readonly value: unknown;
}

/** The parts that are owned one by one; undefined where the value is owned as a whole. */
function partsOf(shape: Shape, value: unknown): Map<string, Part> | undefined {
  switch (shape.is) {
    case 'scalar':
      return undefined;
    case 'list': {
      const { keys } = shape;
      if (!keys || !Array.isArray(value)) return undefined;
      return new Map(value.map((item) => [itemStep(shape, keys, item), { shape: shape.items, value: item }]));
    }
    case 'map':
    case 'object':
      if (shape.atomic || !isRecord(value)) return undefined;
      return new Map(
        Object.keys(value).map((name) => {
          const inner = shape.is === 'map' ? shape.values : (shape.fields.get(name) ?? any);
          return [`f:${name}`, { shape: inner, value: value[name] }];
        }),
      );
  }
}

/** Keys that have a value also where nothing is said. */
const keyDefaults: Readonly<Json> = { protocol: 'TCP' };

/** The step to an item of a list whose items have keys. Throws 400 for an item without one of them. */
export function itemStep({ items }: ListShape, keys: readonly string[], item: unknown): string {
  if (keys[0] === '*') return `v:${JSON.stringify(item)}`;
  const values = [...keys].sort().map((key) => {
    const value = (isRecord(item) ? item[key] : undefined) ?? keyDefaults[key];
    if (value === undefined) {
      const type = items.is === 'object' ? items.name : 'list';
      throw badRequest(`associative list with keys has an element that omits key field "${key}" (${type})`);
    }
    return [key, value];
  });
  return `k:${JSON.stringify(Object.fromEntries(values))}`;
}

/** The items that were put over in their order; the others where they stood among them. */
function inOrder(values: Map<string, unknown>, below: Map<string, Part>, above: Map<string, Part>): unknown[] {
  const steps = [...above.keys()];
  const old = [...below.keys()];
  let at = 0;
  for (const step of old) {
    const known = steps.indexOf(step, 0);
    if (known >= 0) at = Math.max(at, known + 1);
    else steps.splice(at++, 0, step);
  }
  return steps.map((step) => values.get(step));
}

function recordOf(values: ReadonlyMap<string, unknown>): Json {
  return Object.fromEntries([...values].map(([step, value]) => [step.slice(2), value]));
}

const isEmptyRecord = (value: unknown): boolean => isRecord(value) && Object.keys(value).length === 0;
