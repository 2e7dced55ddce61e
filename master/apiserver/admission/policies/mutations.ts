/**
 * What the value of a mutation's expression makes of an object: an apply configuration is merged into it as server-side apply
 * merges, a list of JSON patch operations is done to it. In the words of Kubernetes' mutating policies.
 */
import { internalError } from '../../../api/errors.ts';
import type { KubeObject } from '../../../api/types.ts';
import { Message, toJson } from '../../cel/environment.ts';
import { merged } from '../../registry/managed-fields/typed.ts';
import { applyJsonPatch } from '../../registry/patch/apply.ts';
import { decode } from '../../registry/schema/decode.ts';
import { isRecord, type ObjectShape, type Shape } from '../../registry/schema/shape.ts';

/** Throws an Error for what is no configuration of such an object. */
export function applied(value: unknown, object: KubeObject, shape: ObjectShape): KubeObject {
  if (!(value instanceof Message)) throw new Error('unsupported return type from ApplyConfiguration expression');
  checkTypeNames(value, value.typeName);
  const { apiVersion, kind } = object;
  const patch = toJson(value);
  const typed: unknown = isRecord(patch) ? { ...patch, apiVersion, kind } : patch;
  const { wrong, unknown } = decode(shape, structuredClone(typed));
  const why = wrong ?? unknown.map((path) => `.${path}: field not declared in schema`).join('\n');
  if (why !== '') throw new Error(`error applying patch: failed to convert patch object to typed object: ${why}`);
  const atomics = atomicsIn(shape, typed, '');
  if (atomics.length > 0) {
    const what = `may not mutate atomic arrays, maps or structs: ${atomics.join(', ')}`;
    throw new Error(`error applying patch: invalid ApplyConfiguration: ${what}`);
  }
  const result: unknown = structuredClone(merged(shape, object, typed));
  if (!isRecord(result)) throw new Error('error applying patch: failed to merge patch');
  return result;
}

/** A failed test leaves the object as it is. Throws an Error for what cannot be done, a StatusError for what is no object then. */
export function jsonPatched(value: unknown, object: KubeObject, shape: ObjectShape): KubeObject {
  if (!Array.isArray(value)) throw new Error('type mismatch: JSONPatchType.expression should evaluate to array');
  const operations = value.map(operationOf);
  let patched: unknown;
  try {
    patched = applyJsonPatch(operations, structuredClone(object));
  } catch (error) {
    const { cause } = error instanceof Error ? error : {};
    const failure = cause instanceof Error ? cause : error;
    if (failure instanceof Error && failure.name === 'TEST_OPERATION_FAILED') return object;
    throw new Error(`JSON Patch: ${failure instanceof Error ? failure.message.split('\n', 1)[0] : String(failure)}`);
  }
  const { wrong, unknown } = decode(shape, structuredClone(patched));
  const strict = unknown.map((path) => `unknown field ${JSON.stringify(path)}`).join(', ');
  if (wrong !== undefined || !isRecord(patched)) throw internalError(wrong ?? 'the patch leaves no object');
  if (strict !== '') throw internalError(`strict decoding error: ${strict}`);
  return patched;
}

function operationOf(value: unknown): Record<string, unknown> {
  if (!(value instanceof Message)) {
    throw new Error('type mismatch: JSONPatchType.expression should evaluate to array of JSONPatch');
  }
  const held = value.get('value');
  if (held instanceof Message) checkTypeNames(held, held.typeName);
  const { op = '', path = '', from, ...rest } = Object.fromEntries(value);
  return { op, path, ...(from ? { from } : {}), ...('value' in rest && { value: toJson(held) }) };
}

/** The name of a type is the way to it from the object that it is a part of. */
function checkTypeNames(value: unknown, expected: string): void {
  if (Array.isArray(value)) for (const item of value) checkTypeNames(item, expected);
  if (!(value instanceof Map)) return;
  if (value instanceof Message && value.typeName !== expected) {
    const names = `unexpected type name ${JSON.stringify(value.typeName)}, expected ${JSON.stringify(expected)}`;
    throw new Error(`type mismatch: ${names}, which matches field name path from root Object type`);
  }
  for (const [name, held] of value) checkTypeNames(held, value instanceof Message ? `${expected}.${name}` : expected);
}

/** The paths of what would be replaced as a whole: whoever means to change a part of it would lose the rest. */
function atomicsIn(shape: Shape, value: unknown, path: string): string[] {
  if (shape.is === 'list' && Array.isArray(value)) {
    const own = shape.keys ? [] : [path];
    return [...own, ...value.flatMap((item, index) => atomicsIn(shape.items, item, `${path}[${index}]`))];
  }
  if ((shape.is !== 'map' && shape.is !== 'object') || !isRecord(value)) return [];
  const own = shape.atomic ? [path] : [];
  const inner = Object.entries(value).flatMap(([name, held]) => {
    const field = shape.is === 'map' ? shape.values : shape.fields.get(name);
    return field ? atomicsIn(field, held, `${path}.${name}`) : [];
  });
  return [...own, ...inner];
}
