/** Stores over real etcd members for tests, and a listener that remembers what a watch told. */
import { setTimeout as delay } from 'node:timers/promises';
import { createLogger } from '../../master/api/logging.ts';
import type { ConfigMap } from '../../master/api/types.ts';
import { EtcdStore, type EtcdStoreOptions } from '../../master/apiserver/store/etcd-store.ts';
import type { Store, StoreEvent, WatchSource } from '../../master/apiserver/store/types.ts';

/** Starts a store and waits until its cache is filled. */
export async function startStore(
  endpoints: readonly string[],
  options: Partial<EtcdStoreOptions> = {},
): Promise<{ store: EtcdStore; stop: () => Promise<void> }> {
  const logger = createLogger('store', process.env.TEST_LOG_LEVEL ?? 'silent');
  const store = new EtcdStore({ endpoints, logger, ...options });
  const stopping = new AbortController();
  const running = store.run(stopping.signal);
  await store.filled(stopping.signal);
  return {
    store,
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

export function configMap(namespace: string, name: string, data?: Record<string, string>): ConfigMap {
  return { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name, namespace }, ...(data && { data }) };
}

/** Watches and keeps every event. */
export class Recorder {
  readonly events: StoreEvent[] = [];
  /** How the store ended the watch. */
  readonly ended: Promise<Error>;
  readonly #source: WatchSource;

  constructor(store: Store, prefix: string, from: number) {
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.ended = promise;
    this.#source = store.watch(prefix, from, { onEvents: (events) => this.events.push(...events), onEnd: resolve });
  }

  /** Resolves when everything up to this revision was delivered. */
  async reached(revision: number, timeoutMs = 20_000): Promise<void> {
    const giveUpAt = Date.now() + timeoutMs;
    while (this.#source.revision < revision) {
      if (Date.now() > giveUpAt) throw new Error(`the watch is at ${this.#source.revision}, not at ${revision}`);
      await delay(2);
    }
  }

  close(): void {
    this.#source.close();
  }
}
