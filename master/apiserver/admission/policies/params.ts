/** The parameters that a binding of a policy refers to: ConfigMaps, custom resources, or whatever its `paramKind` names. */
import type { KubeObject, LabelSelector, ValidatingAdmissionPolicyBinding } from '../../../api/types.ts';
import type { Policy } from './policy.ts';

type ParamRef = NonNullable<NonNullable<ValidatingAdmissionPolicyBinding['spec']>['paramRef']>;

/** Reads objects of any kind that is served, as the cache has them. */
export interface ParamReader {
  /** Undefined when nothing of this kind is served. */
  find(apiVersion: string, kind: string): ParamSource | undefined;
}

export interface ParamSource {
  readonly namespaced: boolean;
  get(namespace: string | undefined, name: string): Promise<KubeObject | undefined>;
  list(namespace: string | undefined, selector: LabelSelector): Promise<readonly KubeObject[]>;
}

const noneFound = 'no params found for policy binding with `Deny` parameterNotFoundAction';

/**
 * One evaluation for each: `[undefined]` for a policy without parameters, none where a binding lets what is missing pass. Throws an
 * Error, in Kubernetes' words, for what is missing otherwise and for what cannot be.
 */
export async function paramsFor(
  { paramKind }: Policy,
  paramRef: ParamRef | undefined,
  namespace: string | undefined,
  reader: ParamReader,
): Promise<readonly (KubeObject | undefined)[]> {
  if (!paramKind) return [undefined];
  const source = reader.find(paramKind.apiVersion, paramKind.kind);
  if (!source) {
    const named = `${paramKind.apiVersion}, Kind=${paramKind.kind}`;
    throw new Error(`failed to find resource referenced by paramKind: '${named}'`);
  }
  if (!paramRef) return [undefined];
  const where = whereOf(source, paramRef, namespace);
  const found = await read(source, paramRef, where);
  if (found.length > 0 || paramRef.parameterNotFoundAction === 'Allow') return found;
  throw new Error(noneFound);
}

async function read(source: ParamSource, { name, selector }: ParamRef, namespace?: string): Promise<KubeObject[]> {
  if (name !== undefined && name !== '') {
    const found = await source.get(namespace, name);
    return found ? [found] : [];
  }
  return selector ? [...(await source.list(namespace, selector))] : [];
}

function whereOf({ namespaced }: ParamSource, { namespace = '' }: ParamRef, ofRequest?: string): string | undefined {
  if (!namespaced) {
    if (namespace !== '') throw new Error('paramRef.namespace must not be provided for a cluster-scoped `paramKind`');
    return undefined;
  }
  if (namespace !== '') return namespace;
  if (ofRequest !== undefined) return ofRequest;
  throw new Error('cannot use namespaced paramRef in policy binding that matches cluster-scoped resources');
}
