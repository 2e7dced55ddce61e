/**
 * The three kinds of patch. Each takes the JSON text of the present object and gives a new object; what is wrong with a
 * patch gets the Status that Kubernetes gives it.
 */
import jsonPatch, { type Operation } from 'fast-json-patch';
import { badRequest, isStatusError, statusError } from '../../../api/errors.ts';
import type { KubeObject } from '../../../api/types.ts';
import type { Patch } from '../context.ts';
import { isRecord, type ObjectShape } from '../schema/shape.ts';
import { goText } from './go-text.ts';
import { mergePatch } from './merge-patch.ts';
import { strategicMerge } from './strategic-merge.ts';
import { unprocessable } from './unprocessable.ts';

const maxOperations = 10_000;

export function applyPatch({ type, patch }: Patch, original: string, shape: ObjectShape): KubeObject {
  const object: unknown = JSON.parse(original);
  const patched = patchedBy(type, patch, object, shape);
  if (!isRecord(patched)) throw unprocessable();
  return patched;
}

function patchedBy(type: Patch['type'], patch: unknown, object: unknown, shape: ObjectShape): unknown {
  if (type === 'json') return applyJsonPatch(patch, object);
  if (!isRecord(patch)) throw badRequest('invalid JSON document');
  return type === 'merge' ? mergePatch(object, patch) : strategicMerge(object, patch, shape);
}

/** The text that Kubernetes quotes when what a patch makes is no object of the kind: what it made, or the patch itself. */
export function quotedOf(source: PatchSource): string {
  const { patch, original, shape } = source;
  return patch.type === 'strategic' ? goText(patch.patch) : JSON.stringify(applyPatch(patch, original, shape));
}

/** How an object came about: by this patch of that JSON text. */
export interface PatchSource {
  readonly patch: Patch;
  readonly original: string;
  readonly shape: ObjectShape;
}

/** Throws a StatusError; its cause says which operation cannot be done. */
export function applyJsonPatch(patch: unknown, object: unknown): unknown {
  const operations = readOperations(patch);
  try {
    return jsonPatch.applyPatch(object, operations, true).newDocument;
  } catch (error) {
    if (isStatusError(error)) throw error;
    throw unprocessable(error);
  }
}

function readOperations(patch: unknown): Operation[] {
  if (!Array.isArray(patch)) throw badRequest('invalid JSON document');
  if (patch.length > maxOperations) {
    const why = `The allowed maximum operations in a JSON patch is ${maxOperations}, got ${patch.length}`;
    throw statusError('RequestEntityTooLarge', why);
  }
  const operations = patch.filter(isOperation);
  if (operations.length !== patch.length) throw unprocessable();
  return operations;
}

function isOperation(value: unknown): value is Operation {
  return isRecord(value) && typeof value.op === 'string' && typeof value.path === 'string';
}
