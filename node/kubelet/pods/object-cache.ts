/**
 * The ConfigMaps and Secrets that this node's pods refer to, each watched by name while a pod needs it.
 *
 * A pod is told when one of its objects appears or changes. What was seen once stays known while the API is unreachable.
 */
import type { Client } from '../../../master/api/client.ts';
import { aborted } from '../../../master/api/clock.ts';
import { Informer } from '../../../master/api/informer.ts';
import type { Logger } from '../../../master/api/logging.ts';
import { eachReference } from '../../../master/api/pod-references.ts';
import type { ConfigMap, Pod, Secret } from '../../../master/api/types.ts';
import { allContainersOf, namespaceOf, uidOf } from './pod.ts';

type Referable = 'configmaps' | 'secrets';

interface Watched {
  readonly informer: Informer<Referable>;
  readonly stop: AbortController;
  readonly users: Set<string>;
}

export interface ObjectCacheOptions {
  readonly client: Client;
  readonly logger: Logger;
  /** Told the uid of each pod that uses what changed. */
  readonly changed: (podUid: string) => void;
}

export class ObjectCache {
  readonly #options: ObjectCacheOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #byPod = new Map<string, readonly string[]>();

  constructor(options: ObjectCacheOptions) {
    this.#options = options;
  }

  /** Watches what the pod refers to, and resolves once each was asked for. */
  async use(pod: Pod, signal: AbortSignal): Promise<void> {
    const uid = uidOf(pod);
    if (!this.#byPod.has(uid)) {
      const keys = referencesOf(pod).map(({ resource, name }) => `${resource}/${namespaceOf(pod)}/${name}`);
      this.#byPod.set(uid, keys);
      for (const key of keys) this.#watch(key).users.add(uid);
    }
    const synced = (this.#byPod.get(uid) ?? []).map((key) => this.#watched.get(key)?.informer.synced);
    await Promise.race([Promise.all(synced), aborted(signal)]);
  }

  /** The pod is gone. */
  release(uid: string): void {
    for (const key of this.#byPod.get(uid) ?? []) {
      const watched = this.#watched.get(key);
      watched?.users.delete(uid);
      if (watched?.users.size !== 0) continue;
      watched.stop.abort();
      this.#watched.delete(key);
    }
    this.#byPod.delete(uid);
  }

  configMap(namespace: string, name: string): ConfigMap | undefined {
    return this.#get('configmaps', namespace, name);
  }

  secret(namespace: string, name: string): Secret | undefined {
    return this.#get('secrets', namespace, name);
  }

  close(): void {
    for (const { stop } of this.#watched.values()) stop.abort();
    this.#watched.clear();
  }

  #get(resource: Referable, namespace: string, name: string): (ConfigMap & Secret) | undefined {
    return this.#watched.get(`${resource}/${namespace}/${name}`)?.informer.get(`${namespace}/${name}`);
  }

  #watch(key: string): Watched {
    const known = this.#watched.get(key);
    if (known) return known;
    const [resource = '', namespace = '', name = ''] = key.split('/');
    const { client, logger, changed } = this.#options;
    const fieldSelector = `metadata.name=${name}`;
    const informer = new Informer<Referable>(client, resource === 'secrets' ? 'secrets' : 'configmaps', {
      namespace,
      fieldSelector,
      logger,
    });
    const watched: Watched = { informer, stop: new AbortController(), users: new Set() };
    const tell = (): void => {
      for (const uid of watched.users) changed(uid);
    };
    informer.addHandler({ added: tell, updated: tell, deleted: tell });
    this.#watched.set(key, watched);
    informer.run(watched.stop.signal).catch((error: unknown) => logger.error({ err: error, key }, 'watch failed'));
    return watched;
  }
}

/** Every ConfigMap and Secret that the pod, its containers and its volumes name. */
export function referencesOf(pod: Pod): { resource: Referable; name: string }[] {
  const found = new Map<string, { resource: Referable; name: string }>();
  const add = (resource: Referable, name: string | undefined): void => {
    if (name) found.set(`${resource}/${name}`, { resource, name });
  };
  for (const { name } of pod.spec?.imagePullSecrets ?? []) add('secrets', name);
  eachReference(allContainersOf(pod), pod.spec?.volumes ?? [], add);
  return [...found.values()];
}
