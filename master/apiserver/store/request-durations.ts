/** How long etcd takes to answer, by operation and resource, under Kubernetes' name. */
import { Durations } from './durations.ts';
import { collectionOf, rootPrefix } from './keys.ts';
import type { RangeRequest, TxnRequest } from './wire.ts';

/** Kubernetes' own. */
const bounds = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];

export class RequestDurations {
  readonly #durations = new Durations(
    'etcd_request_duration_seconds',
    'Etcd request latency in seconds for each operation and object type.',
    bounds,
  );

  /** `startedAt` on the clock of `performance.now`. */
  ranged({ key, rangeEnd }: RangeRequest, startedAt: number): void {
    this.#observe(rangeEnd === undefined ? 'get' : 'list', key, startedAt);
  }

  wrote({ compare, success }: TxnRequest, startedAt: number): void {
    const [first] = success;
    const [condition] = compare;
    const isNew = condition !== undefined && 'modRevision' in condition && condition.modRevision === 0;
    const operation = first?.type === 'delete' ? 'delete' : isNew ? 'create' : 'update';
    this.#observe(operation, first?.key ?? '', startedAt);
  }

  text(): string {
    return this.#durations.text();
  }

  #observe(operation: string, key: string, startedAt: number): void {
    const collection = collectionOf(key);
    const name = `${operation} ${collection}`;
    const series =
      this.#durations.series(name) ??
      this.#durations.begin(name, { operation, type: collection.slice(rootPrefix.length, -1) });
    this.#durations.observe(series, (performance.now() - startedAt) / 1000);
  }
}
