/**
 * The three kinds of patch. Each takes the JSON text of the present object and gives a new object; what is wrong with a
 * patch gets the Status that Kubernetes gives it.
 */
import jsonPatch, { type Operation } from 'fast-json-patch';
import { badRequest, isStatusError, statusError } from '../../../api/errors.ts';
import type { KubeObject } from '../../../api/types.ts';
import type { Patch } from '../context.ts';
import { isRecord, type ObjectShape } from '../schema/shape.ts';
import { mergePatch } from './merge-patch.ts';
import { strategicMerge } from './strategic-merge.ts';

const maxOperations = 10_000;

export function applyPatch({ type, patch }: Patch, original: string, shape: ObjectShape): KubeObject {
  const object: unknown = JSON.parse(original);
  const patched = patchedBy(type, patch, object, shape);
  if (!isRecord(patched)) throw unprocessable();
  return patched;
}

function patchedBy(type: Patch['type'], patch: unknown, object: unknown, shape: ObjectShape): unknown {
  if (type === 'json') return applyJsonPatch(patch, object);
  if (!isRecord(patch)) {
    const found = Array.isArray(patch) ? 'array' : patch === null ? 'null' : typeof patch;
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${found} into Go value of type map[string]interface {}`,
    );
  }
  return type === 'merge' ? mergePatch(object, patch) : strategicMerge(object, patch, shape);
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
  if (!Array.isArray(patch)) {
    throw badRequest('error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch');
  }
  if (patch.length > maxOperations) {
    const why = `The allowed maximum operations in a JSON patch is ${maxOperations}, got ${patch.length}`;
    throw statusError('RequestEntityTooLarge', why);
  }
  const operations = patch.filter(isOperation);
  if (operations.length !== patch.length) throw badRequest('error decoding patch: an operation needs op and path');
  return operations;
}

function isOperation(value: unknown): value is Operation {
  return isRecord(value) && typeof value.op === 'string' && typeof value.path === 'string';
}

/** A patch that can be read but cannot be applied to this object. */
function unprocessable(cause?: unknown): Error {
  const message = 'the server rejected our request due to an error in our request';
  return statusError('Invalid', message, {}, { cause });
}
