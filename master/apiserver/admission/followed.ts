/** The objects of one resource that plugins work by, followed in the API server's own memory. */
import type { KubeObject, ResourceName, ResourceTypes } from '../../api/types.ts';
import { Follower } from '../store/follower.ts';
import { listPrefix } from '../store/keys.ts';
import type { Store } from '../store/types.ts';

export type FollowStore = Pick<Store, 'list' | 'watch'>;

/** What a plugin may wait for before it can judge. */
export interface Followed {
  /** Whether the objects are known. */
  readonly known: boolean;
  /** Resolves when they are; throws a StatusError when that takes too long. */
  readonly filled: Promise<void>;
  run(signal: AbortSignal): Promise<void>;
}

/** Tells of all objects, sorted by name, at first and after every change. */
export function followed<Name extends ResourceName>(
  store: FollowStore,
  resource: Name,
  changed: (all: readonly ResourceTypes[Name][]) => void,
): Followed {
  const objects = new Map<string, KubeObject>();
  let known = false;
  const tell = (): void => {
    const all = [...objects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
    // What is stored under a resource was validated as its type.
    changed(all as ResourceTypes[Name][]);
    known = true;
  };
  const follower = new Follower(store, listPrefix(resource), {
    replace(items) {
      objects.clear();
      for (const { key, object } of items) objects.set(key, object);
      tell();
    },
    change(events) {
      for (const { key, current } of events) {
        if (current) objects.set(key, current.object);
        else objects.delete(key);
      }
      tell();
    },
  });
  return {
    get known() {
      return known;
    },
    filled: follower.filled,
    run: (signal) => follower.run(signal),
  };
}
