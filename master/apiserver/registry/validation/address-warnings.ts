/** What Kubernetes warns of in addresses that are right: another than their usual form (its `GetWarningsForIP`). */
import { canonicalAddress } from '../../../api/addresses.ts';
import { isAddress } from './addresses.ts';

/** `field` is where the address stands. Nothing is said of what is no address. */
export function addressWarnings(address: string, field: string): string[] {
  if (!isAddress(address)) return [];
  const usual = canonicalAddress(address);
  return usual === address
    ? []
    : [`${field}: IPv6 address "${address}" should be in RFC 5952 canonical format ("${usual}")`];
}
