/** Which part of an applied configuration counts: the object and its subresources are applied by paths of their own. */
import type { KubeObject } from '../../../api/types.ts';

/** For an apply to the object itself, if its status has a path of its own. */
export function withoutStatus(config: KubeObject, hasOwnPath: boolean): KubeObject {
  if (!hasOwnPath || !('status' in config)) return config;
  const { status: _, ...rest } = config;
  return rest;
}

/** For an apply to a subresource: of the metadata it says which object is meant, and of the rest only this field counts. */
export function onlyField({ apiVersion, kind, metadata, ...rest }: KubeObject, name: 'spec' | 'status'): KubeObject {
  const { name: itsName, namespace } = metadata ?? {};
  const field = Object.entries(rest).filter(([key]) => key === name);
  return {
    apiVersion,
    kind,
    metadata: { name: itsName, ...(namespace !== undefined && { namespace }) },
    ...Object.fromEntries(field),
  };
}
