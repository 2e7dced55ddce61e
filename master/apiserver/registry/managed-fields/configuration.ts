/** Which part of an applied configuration counts: the object and its status are applied by paths of their own. */
import { statusError } from '../../../api/errors.ts';
import type { KubeObject } from '../../../api/types.ts';

/** For an apply to the object itself, if its status has a path of its own. */
export function withoutStatus(config: KubeObject, hasOwnPath: boolean): KubeObject {
  if (!hasOwnPath || !('status' in config)) return config;
  const { status: _, ...rest } = config;
  return rest;
}

/** For an apply to the status. */
export function onlyStatus({ apiVersion, kind, metadata, ...rest }: KubeObject): KubeObject {
  const { name, namespace } = metadata ?? {};
  const status = 'status' in rest ? { status: rest.status } : {};
  return { apiVersion, kind, metadata: { name, ...(namespace !== undefined && { namespace }) }, ...status };
}

/** A scale is a view of an object, and has no fields that anybody could manage; parts of a spec are managed with the whole. */
export const takesNoApply = (subresource: string | undefined): Error =>
  statusError('UnsupportedMediaType', `${subresource} takes no apply patch: apply to the object that it belongs to`);
