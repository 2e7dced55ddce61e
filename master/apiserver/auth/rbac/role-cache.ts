/**
 * All roles and bindings, as this server knows them, so that a decision asks nobody. Like any cache of Kubernetes' it is a
 * moment behind the writes of other servers.
 */
import { sleep } from '../../../api/clock.ts';
import type { Logger } from '../../../api/logging.ts';
import { Follower, type Sink } from '../../store/follower.ts';
import { listPrefix } from '../../store/keys.ts';
import type { Store } from '../../store/types.ts';
import { RoleIndex, type Roles, rbacResources } from './role-index.ts';

const lookAgainMs = 10;

export class RoleCache {
  readonly #index = new RoleIndex();
  readonly #followers: readonly Follower[];

  constructor(store: Store, logger: Logger) {
    this.#followers = rbacResources.map((resource) => {
      const sink: Sink = {
        replace: (items) => {
          this.#index.replace(
            resource,
            items.map(({ key, object }) => [key, object]),
          );
        },
        change: (events) => {
          for (const { key, current } of events) this.#index.put(resource, key, current?.object);
        },
      };
      return new Follower(store, listPrefix(resource), sink, logger);
    });
  }

  get roles(): Roles {
    return this.#index;
  }

  /** Reads everything as soon as the store can, and follows it until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#followers.map((follower) => follower.run(signal)));
  }

  /** Resolves once every change up to this revision is known here. */
  async reached(revision: number, signal: AbortSignal): Promise<void> {
    const all = (): boolean => this.#followers.every((follower) => follower.revision >= revision);
    while (!signal.aborted && !all()) await sleep(lookAgainMs, signal);
  }
}
