/** What a row of the table of kinds says, and the ways to write one shortly. */

/** The names of one resource. Verbs and subresources are facts of discovery too, so they stand here. */
export interface Kind {
  readonly kind: string;
  /** Plural, lower case, as in URLs and in etcd keys. */
  readonly resource: string;
  readonly singular: string;
  /** '' is the core group. */
  readonly group: string;
  readonly version: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly subresources: readonly Subresource[];
  /** The kind of a list; absent: the kind with `List` after it. */
  readonly listKind?: string;
  /** The name under which the objects lie in the store; absent: the resource's. */
  readonly storedAs?: string;
  /** Absent: all that the registry gives to what is stored. */
  readonly verbs?: readonly string[];
  /** Given: who uses the resource is warned that he should not, in these words. */
  readonly deprecated?: string;
  /** A DELETE that ends the object is answered with it, and not with a Status. */
  readonly returnsDeleted?: true;
}

export interface Subresource {
  readonly name: string;
  readonly verbs: readonly string[];
  /** The kind that the subresource speaks, where it is not the resource's own, and its group and version. */
  readonly kind?: string;
  readonly group?: string;
  readonly version?: string;
}

export const scale: Subresource = {
  name: 'scale',
  verbs: ['get', 'patch', 'update'],
  kind: 'Scale',
  group: 'autoscaling',
  version: 'v1',
};

/** A part of the object that is read and written by itself, in the kind of the whole. */
export const part = (name: string): Subresource => ({ name, verbs: ['get', 'patch', 'update'] });

export const status = part('status');

/** Rows of one group whose version is v1. */
export const inGroup =
  (group: string) =>
  (kind: string, resource: string, names: Omit<Names, 'group'> = {}): Kind =>
    row(kind, resource, { ...names, group });

/** Requests that are passed on. */
export const proxy = (kind: string): Subresource => ({
  name: 'proxy',
  verbs: ['create', 'delete', 'get', 'patch', 'update'],
  kind,
});

export interface Names {
  group?: string;
  version?: string;
  namespaced?: boolean;
  shortNames?: string[];
  categories?: string[];
  subresources?: Subresource[];
  verbs?: string[];
  deprecated?: string;
  returnsDeleted?: true;
}

export function row(kind: string, resource: string, names: Names = {}): Kind {
  const { group = '', version = 'v1', namespaced = true, shortNames = [], categories = [], subresources = [] } = names;
  const singular = kind.toLowerCase();
  const own = { kind, resource, singular, group, version, namespaced, shortNames, categories, subresources };
  const { verbs, deprecated, returnsDeleted } = names;
  return {
    ...own,
    ...(verbs && { verbs }),
    ...(deprecated && { deprecated }),
    ...(returnsDeleted && { returnsDeleted }),
  };
}
