/** The rules of IP addresses and networks (Kubernetes' `IsValidIPForLegacyField`, `IsValidCIDR` and kin). */
import { isIP, isIPv4 } from 'node:net';

/** An address and how many of its bits name the network; undefined for what is no CIDR. */
export function parseCidr(
  text: string,
): { readonly bits: bigint; readonly length: number; readonly v4: boolean } | undefined {
  const [address = '', length = '', ...more] = text.split('/');
  if (more.length > 0 || isIP(address) === 0 || !/^\d{1,3}$/.test(length)) return undefined;
  const v4 = isIPv4(address);
  if (Number(length) > (v4 ? 32 : 128)) return undefined;
  return { bits: addressBits(address), length: Number(length), v4 };
}

/** Whether all of `inner` is in `outer` and it is smaller. */
export function isStrictlyWithin(inner: string, outer: string): boolean {
  const [small, large] = [parseCidr(inner), parseCidr(outer)];
  if (!small || !large || small.v4 !== large.v4 || small.length <= large.length) return false;
  const rest = BigInt((small.v4 ? 32 : 128) - large.length);
  return small.bits >> rest === large.bits >> rest;
}

/** Whether an address is in a network, and not one that names the network or everybody in it. */
export function hasHost(cidr: string, address: string): boolean {
  const network = parseCidr(cidr);
  if (!network || isIP(address) !== (network.v4 ? 4 : 6)) return false;
  const rest = BigInt((network.v4 ? 32 : 128) - network.length);
  const bits = addressBits(address);
  const first = (network.bits >> rest) << rest;
  const last = first + (1n << rest) - 1n;
  return bits > first && (network.v4 ? bits < last : bits <= last);
}

/** Whether two networks have an address in common. */
export function overlap(a: string, b: string): boolean {
  const [one, other] = [parseCidr(a), parseCidr(b)];
  if (!one || !other || one.v4 !== other.v4) return false;
  const rest = BigInt((one.v4 ? 32 : 128) - Math.min(one.length, other.length));
  return one.bits >> rest === other.bits >> rest;
}

/** The form in which an address is a name: RFC 5952. */
export function canonicalAddress(address: string): string {
  if (isIP(address) !== 6) return address;
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}

/** An address as it stands before `:<port>`. */
export const inUrl = (host: string): string => (host.includes(':') ? `[${host}]` : host);

/** Whether the address bits after the prefix are all zero. */
export function isNetwork(text: string): boolean {
  const cidr = parseCidr(text);
  if (!cidr) return false;
  const rest = BigInt((cidr.v4 ? 32 : 128) - cidr.length);
  return (cidr.bits >> rest) << rest === cidr.bits;
}

function addressBits(address: string): bigint {
  if (isIPv4(address)) return address.split('.').reduce((bits, part) => (bits << 8n) | BigInt(Number(part)), 0n);
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const words = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const before = words(head);
  const after = tail === undefined ? [] : words(tail);
  const all = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => '0'), ...after];
  return all.reduce((bits, word) => (bits << 16n) | BigInt(`0x${word}`), 0n);
}
