/** What the store tells Prometheus: looked up when it is asked for, so it costs the reads and writes nothing. */
import { Counter, Gauge, type Registry } from 'prom-client';
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
    name: 'apiserver_watch_cache_resource_version',
    help: 'The etcd revision that the watch cache has reached.',
    registers,
    collect() {
      this.set(store.cacheRevision);
    },
  });
  new Counter({
    name: 'trimaster_fenced_writes_total',
    help: 'Writes that carried the generation of a leader: accepted, or refused because another generation has begun.',
    labelNames: ['lease', 'outcome'],
    registers,
    collect() {
      this.reset();
      for (const [lease, counts] of store.fencedWrites) {
        for (const [outcome, count] of Object.entries(counts)) this.inc({ lease, outcome }, count);
      }
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
  registerMemberStatus(store, registers);
}

/** The members are asked when the metrics are, once for all three. */
function registerMemberStatus(store: EtcdStore, registers: Registry[]): void {
  let asking: ReturnType<EtcdStore['memberStatuses']> | undefined;
  const statuses = (): ReturnType<EtcdStore['memberStatuses']> => {
    asking ??= store.memberStatuses().finally(() => {
      asking = undefined;
    });
    return asking;
  };
  const sizes = {
    trimaster_etcd_db_size_bytes: ['dbSize', 'The size of the database of this etcd member.'],
    trimaster_etcd_db_in_use_bytes: ['dbSizeInUse', 'What of the database of this etcd member holds data.'],
  } as const;
  for (const [name, [field, help]] of Object.entries(sizes)) {
    new Gauge({
      name,
      help,
      labelNames: ['member'],
      registers,
      async collect() {
        this.reset();
        for (const status of await statuses()) this.set({ member: status.url }, status[field]);
      },
    });
  }
  new Gauge({
    name: 'trimaster_etcd_alarm',
    help: '1 while this alarm of etcd is raised. NOSPACE: the database has reached its bound, and writes are refused.',
    labelNames: ['alarm'],
    registers,
    async collect() {
      const raised = new Set((await statuses()).flatMap(({ alarms }) => alarms));
      for (const alarm of ['NOSPACE', 'CORRUPT']) this.set({ alarm }, raised.has(alarm) ? 1 : 0);
    },
  });
}
