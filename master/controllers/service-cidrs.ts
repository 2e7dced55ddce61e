/**
 * The controller of ServiceCIDRs (KEP-1880): says of each that addresses are given out of it, and keeps one that is being deleted while
 * an address of a Service is in no other.
 */
import { hasHost, overlap } from '../api/addresses.ts';
import type { ReconcileResult } from '../api/controller.ts';
import { deepEqual, keyOf, nowSeconds, setCondition } from '../api/meta.ts';
import { unlessOvertaken } from '../api/overtaken.ts';
import type { IPAddress, ServiceCIDR } from '../api/types.ts';
import { type ControllerContext, newQueue, work } from './context.ts';

export const rangeFinalizer = 'networking.k8s.io/service-cidr-finalizer';
/** By then every API server knows that a range is being deleted, and gives out no address of it. */
const graceMs = 10_000;

const ready = { type: 'Ready', status: 'True', reason: '', message: 'Kubernetes Service CIDR is ready' };
const terminating = {
  type: 'Ready',
  status: 'False',
  reason: 'Terminating',
  message: 'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR',
};

export async function startServiceCidrs(context: ControllerContext): Promise<void> {
  const { caches, clock, client, signal } = context;
  const ranges = caches.informers.for('servicecidrs');
  const addresses = caches.informers.for('ipaddresses');
  const queue = newQueue(context, 'servicecidrs');
  /** Since when each is being deleted, as this process has seen it. */
  const deletedMs = new Map<string, number>();

  const enqueue = (range: ServiceCIDR): void => {
    queue.add(keyOf(range));
    for (const other of ranges.list()) if (overlaps(range, other)) queue.add(keyOf(other));
  };
  const enqueueHolders = (address: IPAddress): void => {
    // The others want nothing of addresses.
    for (const range of ranges.list()) {
      if (range.metadata?.deletionTimestamp && holds(range, address)) queue.add(keyOf(range));
    }
  };
  ranges.addHandler({ added: enqueue, updated: (_, range) => enqueue(range), deleted: enqueue }, signal);
  addresses.addHandler({ added: enqueueHolders, deleted: enqueueHolders }, signal);

  await work(context, queue, 1, async (name): Promise<ReconcileResult> => {
    const range = ranges.get(name);
    const uid = range?.metadata?.uid ?? '';
    if (!range?.metadata?.deletionTimestamp) {
      if (range) await settle(range, ready, [...new Set([...(range.metadata?.finalizers ?? []), rangeFinalizer])]);
      return {};
    }
    const since = deletedMs.get(uid) ?? clock.elapsed();
    deletedMs.set(uid, since);
    if (isNeeded(range, ranges.list(), addresses.list())) {
      await settle(range, terminating, range.metadata.finalizers ?? []);
      return {};
    }
    const left = since + graceMs - clock.elapsed();
    if (left > 0) return { requeueAfterMs: left };
    const finalizers = (range.metadata.finalizers ?? []).filter((finalizer) => finalizer !== rangeFinalizer);
    await unlessOvertaken(client.update('servicecidrs', { ...range, metadata: { ...range.metadata, finalizers } }));
    deletedMs.delete(uid);
    return {};
  });

  async function settle(range: ServiceCIDR, said: typeof ready, finalizers: string[]): Promise<void> {
    if (!deepEqual(range.metadata?.finalizers ?? [], finalizers)) {
      // The update's event brings the range back, with its condition to write.
      await unlessOvertaken(client.update('servicecidrs', { ...range, metadata: { ...range.metadata, finalizers } }));
      return;
    }
    const now = nowSeconds(clock.now());
    const conditions = setCondition(range.status?.conditions, { ...said, lastTransitionTime: now }, now);
    if (deepEqual(conditions, range.status?.conditions)) return;
    const status = { ...range.status, conditions };
    await unlessOvertaken(client.update('servicecidrs', { ...range, status }, { subresource: 'status' }));
  }
}

/** Whether an address of a Service would be in no range without this one. */
export function isNeeded(range: ServiceCIDR, all: readonly ServiceCIDR[], addresses: readonly IPAddress[]): boolean {
  const others = all.filter(({ metadata }) => metadata?.uid !== range.metadata?.uid && !metadata?.deletionTimestamp);
  return addresses.some((address) => holds(range, address) && !others.some((other) => holds(other, address)));
}

/** Whether the address is one of the range, and was given to a Service by an API server. */
function holds({ spec }: ServiceCIDR, { metadata }: IPAddress): boolean {
  if (metadata?.labels?.['ipaddress.kubernetes.io/managed-by'] !== 'ipallocator.k8s.io') return false;
  return (spec?.cidrs ?? []).some((cidr) => hasHost(cidr, metadata.name ?? ''));
}

function overlaps(one: ServiceCIDR, other: ServiceCIDR): boolean {
  return (one.spec?.cidrs ?? []).some((cidr) => (other.spec?.cidrs ?? []).some((another) => overlap(cidr, another)));
}
