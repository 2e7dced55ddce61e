/** The layout of keys in etcd: `/registry/<resource>/<namespace>/<name>` or `/registry/<resource>/<name>`. */
import type { Fence } from '../../api/fence.ts';

const root = '/registry/';

/** The key of an object. */
export function objectKey(resource: string, namespace: string | undefined, name: string): string {
  return namespace === undefined ? `${root}${resource}/${name}` : `${root}${resource}/${namespace}/${name}`;
}

/** The prefix of all objects of a resource, or of those in one namespace. */
export function listPrefix(resource: string, namespace?: string): string {
  return namespace === undefined ? `${root}${resource}/` : `${root}${resource}/${namespace}/`;
}

/** The key whose value is the generation of a lease: what a fenced write compares against. */
export function fenceKey(fence: Pick<Fence, 'namespace' | 'lease'>): string {
  return `${root}fences/${fence.namespace}/${fence.lease}`;
}

/** `/registry/pods/` of `/registry/pods/default/a`: the part of the key that says which collection it belongs to. */
export function collectionOf(key: string): string {
  const slash = key.indexOf('/', root.length);
  return key.startsWith(root) && slash > 0 ? key.slice(0, slash + 1) : '';
}
