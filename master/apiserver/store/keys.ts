/** The layout of keys in etcd: `/registry/<resource>/<namespace>/<name>` or `/registry/<resource>/<name>`. */

/** Every object lies under this prefix. */
export const rootPrefix = '/registry/';

/** What the store keeps for itself; no object, never listed. */
export const ownPrefix = '/trimaster/';

/** The key of an object. */
export function objectKey(resource: string, namespace: string | undefined, name: string): string {
  return namespace === undefined ? `${rootPrefix}${resource}/${name}` : `${rootPrefix}${resource}/${namespace}/${name}`;
}

/** The prefix of all objects of a resource, or of those in one namespace. */
export function listPrefix(resource: string, namespace?: string): string {
  return namespace === undefined ? `${rootPrefix}${resource}/` : `${rootPrefix}${resource}/${namespace}/`;
}

/** `/registry/pods/` of `/registry/pods/default/a`: which collection a key or prefix belongs to; '' for none. */
export function collectionOf(key: string): string {
  if (!key.startsWith(rootPrefix)) return '';
  const slash = key.indexOf('/', rootPrefix.length);
  return slash < 0 ? '' : key.slice(0, slash + 1);
}

/** The first key after all that start with this prefix, which ends in a slash: '/' is followed by '0'. */
export function prefixEnd(prefix: string): string {
  return `${prefix.slice(0, -1)}0`;
}
