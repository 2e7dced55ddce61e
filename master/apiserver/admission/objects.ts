/** How plugins read what other resources say: out of the API server's own watch cache. */
import type { KubeObject, ResourceName, ResourceTypes } from '../../api/types.ts';
import { listPrefix, objectKey } from '../store/keys.ts';
import { anyRevision, consistent, type Store } from '../store/types.ts';

/** `any`: as the cache has it, a moment old perhaps. `consistent`: every write that was acknowledged before is seen. */
export type Freshness = 'any' | 'consistent';

export interface Objects {
  /** Undefined when there is none. Never change what is given. */
  get<Name extends ResourceName>(
    resource: Name,
    name: string,
    namespace?: string,
    freshness?: Freshness,
  ): Promise<ResourceTypes[Name] | undefined>;
  /** All of a namespace, or all, sorted by name, as the cache has them. */
  list<Name extends ResourceName>(resource: Name, namespace?: string): Promise<ResourceTypes[Name][]>;
}

export function objectsOf(store: Pick<Store, 'get' | 'list'>): Objects {
  return {
    async get(resource, name, namespace, freshness = 'any') {
      const key = objectKey(resource, namespace, name);
      const stored = await store.get(key, freshness === 'any' ? anyRevision : consistent);
      return stored && typed(resource, stored.object);
    },
    async list(resource, namespace) {
      const { items } = await store.list(listPrefix(resource, namespace), anyRevision);
      return items.map(({ object }) => typed(resource, object));
    },
  };
}

/** What is stored under a resource was validated as its type. */
function typed<Name extends ResourceName>(_resource: Name, object: KubeObject): ResourceTypes[Name] {
  return object as ResourceTypes[Name];
}
