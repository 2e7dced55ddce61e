/** What becomes of an object that somebody from outside changed: in the request's own version again, and whole. */
import { deepEqual } from '../../api/meta.ts';
import type { KubeObject } from '../../api/types.ts';
import type { Seen } from './seen.ts';
import type { AdmissionRequest } from './types.ts';

/** Puts the changed object, which was seen as `seen`, into the request. Whether that makes a difference. */
export async function putInto(request: AdmissionRequest, seen: Seen, changed: KubeObject): Promise<boolean> {
  const { object } = request;
  if (!object) return false;
  const whole = seen.back ? structuredClone(await seen.back(changed)) : changed;
  request.complete?.(whole);
  if (deepEqual(whole, object)) return false;
  for (const key of Object.keys(object)) delete object[key as keyof KubeObject];
  Object.assign(object, whole);
  return true;
}
