/** What the store tells Prometheus: looked up when it is asked for, so it costs the reads and writes nothing. */
import { Gauge, type Registry } from 'prom-client';
import type { EtcdStore } from './etcd-store.ts';
import { rootPrefix } from './keys.ts';

export function registerStoreMetrics(store: EtcdStore, registry: Registry): void {
  const registers = [registry];
  new Gauge({
    name: 'apiserver_storage_objects',
    help: 'Objects in the watch cache, by resource.',
    labelNames: ['resource'],
    registers,
    collect() {
      for (const [prefix, count] of store.objectCounts) {
        this.set({ resource: prefix.slice(rootPrefix.length, -1) }, count);
      }
    },
  });
  new Gauge({
    name: 'apiserver_registered_watchers',
    help: 'Watches that are open on the watch cache.',
    registers,
    collect() {
      this.set(store.watcherCount);
    },
  });
  new Gauge({
    name: 'apiserver_watch_cache_resource_version',
    help: 'The etcd revision that the watch cache has reached.',
    registers,
    collect() {
      this.set(store.cacheRevision);
    },
  });
  new Gauge({
    name: 'trimaster_etcd_member_healthy',
    help: '1 while this etcd member answers linearizable reads, as this API server sees it.',
    labelNames: ['member'],
    registers,
    collect() {
      for (const { url, healthy } of store.members) this.set({ member: url }, healthy ? 1 : 0);
    },
  });
}
