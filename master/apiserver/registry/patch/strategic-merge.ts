/**
 * Strategic merge patch: a merge patch that knows, from the shapes, which lists are really sets of items by a key. The
 * directives are those of Kubernetes' "Update API Objects in Place Using kubectl patch" and its design document.
 */
import { badRequest, statusError } from '../../../api/errors.ts';
import { deepEqual } from '../../../api/meta.ts';
import { any, isRecord, type ListShape, type Shape } from '../schema/shape.ts';
import { goText } from './go-text.ts';
import { set } from './merge-patch.ts';
import { unprocessable } from './unprocessable.ts';

type Json = Record<string, unknown>;

const directiveKey = '$patch';
const retainKey = '$retainKeys';
const deletePrefix = '$deleteFromPrimitiveList/';
const orderPrefix = '$setElementOrder/';

/** Changes `original` in place and returns the result. Throws BadRequest or Invalid for what is no proper patch. */
export function strategicMerge(original: unknown, patch: Json, shape: Shape): Json {
  const directive = patch[directiveKey];
  if (directive === 'replace') return withoutDirectives(patch, shape);
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge') throw unknownDirective(directive, patch);

  const result: Json = isRecord(original) ? original : {};
  const live = { ...result };
  retainKeys(result, patch);
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith('$')) continue;
    if (value === null) delete result[key];
    else set(result, key, merged(Object.hasOwn(result, key) ? result[key] : undefined, value, fieldShape(shape, key)));
  }
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(deletePrefix)) deleteFrom(result, key.slice(deletePrefix.length), value);
  }
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(orderPrefix)) order(result, key.slice(orderPrefix.length), value, live, shape);
  }
  return result;
}

function merged(original: unknown, patch: unknown, shape: Shape | undefined): unknown {
  if (isRecord(patch)) return strategicMerge(original, patch, shape ?? any);
  if (!Array.isArray(patch)) return patch;
  const before = Array.isArray(original) ? original : [];
  if (shape?.is === 'list' && shape.mergeKey !== undefined) return mergeItems(before, patch, shape, shape.mergeKey);
  if (shape?.is === 'list' && shape.set) return [...before, ...patch.filter((item) => !before.includes(item))];
  return plainList(patch, shape);
}

/** Items with a key that is known are merged, others are added; an item may say that its like goes, or all others. */
function mergeItems(before: unknown[], patch: unknown[], shape: ListShape, mergeKey: string): unknown[] {
  const items = patch.map((item) => {
    if (!isRecord(item)) throw badRequest(`list element types are not identical: ${goText([before, patch])}`);
    return item;
  });
  const replaces = items.some((item) => item[directiveKey] === 'replace');
  if (replaces) {
    const rest = items.filter((item) => item[directiveKey] === undefined);
    return rest.map((item) => withoutDirectives(item, shape.items));
  }
  const result = [...before];
  for (const item of items) {
    const key = item[mergeKey];
    if (key === undefined) throw noMergeKey(item, mergeKey);
    const found = result.findIndex((other) => isRecord(other) && deepEqual(other[mergeKey], key));
    if (item[directiveKey] === 'delete') {
      if (found >= 0) result.splice(found, 1);
    } else if (found >= 0) {
      result[found] = strategicMerge(result[found], item, shape.items);
    } else {
      result.push(strategicMerge({}, item, shape.items));
    }
  }
  return result;
}

function retainKeys(result: Json, patch: Json): void {
  const retain = patch[retainKey];
  if (retain === undefined) return;
  if (!Array.isArray(retain)) throw badRequest('invalid patch format of retainKeys');
  for (const key of Object.keys(patch)) {
    if (!key.startsWith('$') && patch[key] !== null && !retain.includes(key)) {
      throw unprocessable(`patch content doesn't match retainKeys list: ${key}`);
    }
  }
  for (const key of Object.keys(result)) if (!retain.includes(key)) delete result[key];
}

function deleteFrom(result: Json, key: string, values: unknown): void {
  if (!Array.isArray(values)) throw badRequest('invalid patch format of primitive list');
  const list = result[key];
  if (Array.isArray(list)) result[key] = list.filter((item) => !values.includes(item));
}

/**
 * Puts the items that the client knows of in its order, and those that only the server knows where they stood among them.
 */
function order(result: Json, key: string, wanted: unknown, before: Json, shape: Shape): void {
  if (!Array.isArray(wanted)) throw badRequest('invalid patch format of setElementOrder list');
  const items = result[key];
  if (!Array.isArray(items)) return;
  const listShape = fieldShape(shape, key);
  const mergeKey = listShape?.is === 'list' ? listShape.mergeKey : undefined;
  const identity = (item: unknown): unknown => (mergeKey !== undefined && isRecord(item) ? item[mergeKey] : item);
  const place = (list: unknown[], item: unknown): number =>
    list.findIndex((other) => deepEqual(identity(other), identity(item)));
  const live: unknown[] = Array.isArray(before[key]) ? before[key] : items;

  const known = items.filter((item) => place(wanted, item) >= 0).sort((a, b) => place(wanted, a) - place(wanted, b));
  const serverOnly = items.filter((item) => place(wanted, item) < 0);
  let from = 0;
  for (const item of serverOnly) {
    const mine = place(live, item);
    let at = from;
    while (at < known.length && place(live, known[at]) <= mine) at++;
    known.splice(at, 0, item);
    from = at + 1;
  }
  result[key] = known;
}

/** The patch's own content, for where there is nothing to merge it with. */
function withoutDirectives(patch: Json, shape: Shape): Json {
  const { [directiveKey]: _directive, ...content } = patch;
  return strategicMerge({}, content, shape);
}

function plainList(patch: unknown[], shape: Shape | undefined): unknown[] {
  const items = shape?.is === 'list' ? shape.items : any;
  return patch
    .filter((item) => !(isRecord(item) && directiveKey in item && Object.keys(item).length === 1))
    .map((item) => (isRecord(item) ? withoutDirectives(item, items) : item));
}

function fieldShape(shape: Shape, key: string): Shape | undefined {
  if (shape.is === 'object') return shape.fields.get(key);
  return shape.is === 'map' ? shape.values : undefined;
}

const unknownDirective = (directive: unknown, patch: Json): Error =>
  badRequest(`unknown patch type: ${goText(directive)} in map: ${goText(patch)}`);

const noMergeKey = (item: Json, mergeKey: string): Error =>
  statusError('Invalid', `map: ${goText(item)} does not contain declared merge key: ${mergeKey}`, {});
