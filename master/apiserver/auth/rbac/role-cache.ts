/**
 * All roles and bindings, as this server knows them: read once from the store and then kept up by its watch, so that a
 * decision asks nobody. Like any cache of Kubernetes' it is a moment behind the writes of other servers.
 */
import { sleep } from '../../../api/clock.ts';
import type { Logger } from '../../../api/logging.ts';
import { listPrefix } from '../../store/keys.ts';
import { anyRevision, type Store, type WatchSource } from '../../store/types.ts';
import { type RbacResource, RoleIndex, type Roles, rbacResources } from './role-index.ts';

const retryMs = 100;
const lookAgainMs = 10;

export class RoleCache {
  readonly #index = new RoleIndex();
  readonly #store: Store;
  readonly #logger: Logger;
  readonly #sources = new Map<RbacResource, WatchSource>();

  constructor(store: Store, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  get roles(): Roles {
    return this.#index;
  }

  /** Reads everything as soon as the store can, and follows it until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(rbacResources.map((resource) => this.#follow(resource, signal)));
  }

  /** Resolves once every change up to this revision is known here. */
  async reached(revision: number, signal: AbortSignal): Promise<void> {
    const hasReached = (resource: RbacResource): boolean => (this.#sources.get(resource)?.revision ?? -1) >= revision;
    while (!signal.aborted && !rbacResources.every(hasReached)) await sleep(lookAgainMs, signal);
  }

  async #follow(resource: RbacResource, signal: AbortSignal): Promise<void> {
    const prefix = listPrefix(resource);
    while (!signal.aborted) {
      try {
        const { items, revision } = await this.#store.list(prefix, anyRevision);
        this.#index.replace(
          resource,
          items.map(({ key, object }) => [key, object]),
        );
        await this.#watch(resource, prefix, revision, signal);
      } catch (error) {
        this.#logger.debug({ resource, err: error }, 'roles cannot be read yet');
        await sleep(retryMs, signal);
      }
    }
  }

  /** Resolves when the watch has ended; what is known stays known until the next list. */
  #watch(resource: RbacResource, prefix: string, from: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const source = this.#store.watch(prefix, from, {
        onEvents: (events) => {
          for (const { key, current } of events) this.#index.put(resource, key, current?.object);
        },
        onEnd: () => resolve(),
      });
      this.#sources.set(resource, source);
      const close = (): void => {
        source.close();
        resolve();
      };
      signal.addEventListener('abort', close, { once: true });
    });
  }
}
