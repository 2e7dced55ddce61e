/**
 * The ranges that addresses of Services are given from now: those of all ServiceCIDRs that are ready and not being deleted
 * (KEP-1880). Read from the API server's own cache, and put together anew only when a ServiceCIDR has changed.
 */
import { getCondition } from '../../../api/meta.ts';
import type { ServiceCIDR } from '../../../api/types.ts';
import type { Stored } from '../../store/types.ts';
import { rangeName } from '../bootstrap-objects.ts';
import { type AddressRange, addressRangeOf } from './ranges.ts';

/**
 * `peek` gives the stored ServiceCIDRs, the same array while none changes. `first` is the range that the cluster begins with; it
 * counts until the ServiceCIDR that says so is there.
 */
export function liveRanges(peek: () => readonly Stored[], first: AddressRange): () => readonly AddressRange[] {
  let known: readonly Stored[] | undefined;
  let ranges: readonly AddressRange[] = [];
  return () => {
    const items = peek();
    if (items === known) return ranges;
    known = items;
    // What is stored under a resource is of its type.
    ranges = rangesOf(
      items.map(({ object }) => object as ServiceCIDR),
      first,
    );
    return ranges;
  };
}

/** Each range once, whichever ServiceCIDRs have it. */
export function rangesOf(serviceCidrs: readonly ServiceCIDR[], first: AddressRange): AddressRange[] {
  const cidrs = new Map<string, AddressRange>();
  if (!serviceCidrs.some(({ metadata }) => metadata?.name === rangeName)) cidrs.set(first.cidr, first);
  for (const serviceCidr of serviceCidrs) {
    if (!isReady(serviceCidr)) continue;
    for (const cidr of serviceCidr.spec?.cidrs ?? []) {
      const range = addressRangeOf(cidr);
      if (range) cidrs.set(range.cidr, range);
    }
  }
  return [...cidrs.values()];
}

/** One that nobody has said anything of yet is taken for ready, as in Kubernetes. */
function isReady({ metadata, status }: ServiceCIDR): boolean {
  if (metadata?.deletionTimestamp !== undefined) return false;
  return (getCondition(status?.conditions, 'Ready')?.status ?? 'True') === 'True';
}
