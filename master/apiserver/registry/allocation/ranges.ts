/** Ranges of service addresses and node ports, and choosing from them. Pure: what is taken is told, randomness is given. */
import { isIPv4 } from 'node:net';

/** A range of whole numbers, the first numbers of which are rather left for those who ask for one by its number. */
export interface NumberRange {
  readonly first: number;
  readonly size: number;
  /** How many numbers at the beginning are chosen only when all others are taken. */
  readonly reserved: number;
}

export interface AddressRange extends NumberRange {
  readonly cidr: string;
}

/** The addresses of an IPv4 network but its first and last, which name the network and everybody in it. */
export function parseAddressRange(cidr: string): AddressRange {
  const [address = '', bits = ''] = cidr.split('/');
  const length = Number(bits);
  if (!isIPv4(address) || !/^\d{1,2}$/.test(bits) || length < 8 || length > 30) {
    throw new Error(`${JSON.stringify(cidr)} is not an IPv4 range such as 10.96.0.0/16, of 8 to 30 bits`);
  }
  return rangeOf(address, length);
}

function rangeOf(address: string, length: number): AddressRange {
  const total = 2 ** (32 - length);
  const network = Math.floor(addressNumber(address) / total) * total;
  const size = Math.max(0, total - 2);
  return {
    cidr: `${addressText(network)}/${length}`,
    first: network + 1,
    size,
    reserved: reservedOf(size, 16, 256, 16),
  };
}

/** The IPv4 range of a ServiceCIDR's valid CIDR; undefined for an IPv6 one. It may have no addresses. */
export function addressRangeOf(cidr: string): AddressRange | undefined {
  const [address = '', bits = ''] = cidr.split('/');
  return isIPv4(address) ? rangeOf(address, Number(bits)) : undefined;
}

/** `30000-32767` */
export function parsePortRange(text: string): NumberRange {
  const match = /^(\d{1,5})-(\d{1,5})$/.exec(text);
  const [first, last] = [Number(match?.[1]), Number(match?.[2])];
  if (!match || first < 1 || last > 65_535 || last < first) {
    throw new Error(`${JSON.stringify(text)} is not a range of ports such as 30000-32767`);
  }
  const size = last - first + 1;
  return { first, size, reserved: reservedOf(size, 16, 128, 32) };
}

/** Kubernetes' split of a range (KEP-3070 for addresses, KEP-3668 for ports); a small range is not split. */
function reservedOf(size: number, least: number, most: number, divisor: number): number {
  if (size < 2 * least) return 0;
  return Math.min(Math.max(least, Math.floor(size / divisor)), most);
}

export const contains = (range: NumberRange, value: number): boolean =>
  value >= range.first && value < range.first + range.size;

/** A number that is not taken, from the upper band at random; undefined when the range is full. */
export function choose(
  range: NumberRange,
  isTaken: (value: number) => boolean,
  random: () => number = Math.random,
): number | undefined {
  return (
    chooseFrom(range.first + range.reserved, range.size - range.reserved, isTaken, random) ??
    chooseFrom(range.first, range.reserved, isTaken, random)
  );
}

/** The same from several ranges, which of them first at random. */
export function chooseFromAny(
  ranges: readonly NumberRange[],
  isTaken: (value: number) => boolean,
  random: () => number = Math.random,
): number | undefined {
  const start = Math.floor(random() * ranges.length);
  for (const range of [...ranges.slice(start), ...ranges.slice(0, start)]) {
    const value = choose(range, isTaken, random);
    if (value !== undefined) return value;
  }
  return undefined;
}

function chooseFrom(
  first: number,
  size: number,
  isTaken: (value: number) => boolean,
  random: () => number,
): number | undefined {
  const start = Math.floor(random() * size);
  for (let step = 0; step < size; step++) {
    const value = first + ((start + step) % size);
    if (!isTaken(value)) return value;
  }
  return undefined;
}

export function addressNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

export function addressText(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}
