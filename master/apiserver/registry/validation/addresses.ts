/**
 * The rules of IP addresses and networks in objects (KEP-4858, StrictIPCIDRValidation), and of addresses that stand for something outside of the
 * node that uses them.
 */
import { BlockList, isIP } from 'node:net';
import { canonicalAddress, isNetwork, parseCidr } from '../../../api/addresses.ts';

const notAnAddress = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
const notANetwork = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

/** Whether the text is an address; one with a zone is none. */
export const isAddress = (text: string): boolean => isIP(text) !== 0 && !text.includes('%');

/**
 * What is wrong with an address. What older servers took as one is told apart: zeros before a number, which some read as octal, and IPv4
 * addresses in IPv6's form. `known` are those that stood there before, which may stay.
 */
export function addressErrors(text: string, known: readonly (string | undefined)[] = []): string[] {
  if (known.includes(text)) return [];
  if (isAddress(text)) return isMapped(text) ? ['must not be an IPv4-mapped IPv6 address'] : [];
  return isAddress(withoutZeros(text)) ? ['must not have leading 0s'] : [notAnAddress];
}

/** The same of a network in CIDR form. */
export function networkErrors(text: string, known: readonly (string | undefined)[] = []): string[] {
  if (known.includes(text)) return [];
  const [address = '', length = '', ...more] = text.split('/');
  const shortest = `${withoutZeros(address)}/${length.replace(/^0+(?=\d)/, '')}`;
  if (more.length > 0 || !isAddress(withoutZeros(address)) || !parseCidr(shortest)) return [notANetwork];
  if (shortest !== text) return ['must not have leading 0s in IP or prefix length'];
  if (isMapped(address)) return ['must not have an IPv4-mapped IPv6 address'];
  return isNetwork(text) ? [] : ['must not have bits set beyond the prefix length'];
}

const isMapped = (address: string): boolean =>
  address.includes(':') && /^::ffff:[0-9a-f]{1,4}:[0-9a-f]{1,4}$/.test(canonicalAddress(address));

/** The numbers of an IPv4 address, or of the end of an IPv6 address, as they are usually written. */
const withoutZeros = (address: string): string =>
  address.replace(/(?:\d+\.){3}\d+$/, (text) => text.replace(/\b0+(?=\d)/g, ''));

/** What no other machine can be reached by, and how Kubernetes says so. */
const loopback = {
  blocks: blocksOf('127.0.0.0/8', '::1/128'),
  why: 'may not be in the loopback range (127.0.0.0/8, ::1/128)',
};
const special: readonly { readonly blocks: BlockList; readonly why: string }[] = [
  loopback,
  {
    blocks: blocksOf('169.254.0.0/16', 'fe80::/10'),
    why: 'may not be in the link-local range (169.254.0.0/16, fe80::/10)',
  },
  {
    blocks: blocksOf('224.0.0.0/24', 'ff02::/16'),
    why: 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)',
  },
];

function blocksOf(v4: string, v6: string): BlockList {
  const blocks = new BlockList();
  for (const [cidr, family] of [
    [v4, 'ipv4'],
    [v6, 'ipv6'],
  ] as const) {
    const [address = '', prefix = ''] = cidr.split('/');
    blocks.addSubnet(address, Number(prefix), family);
  }
  return blocks;
}

/**
 * What is wrong with an address, if it is one, for others to reach something by it. `ofCluster`: it stands for a machine of the
 * cluster, which may be on one machine as a whole: then they reach each other over its loopback, which Kubernetes forbids.
 */
export function specialAddressErrors(address: string, ofCluster = false): string[] {
  const family = isIP(address);
  if (family === 0) return [];
  const messages = special
    .filter((rule) => !(ofCluster && rule === loopback))
    .filter(({ blocks }) => blocks.check(address, family === 4 ? 'ipv4' : 'ipv6'))
    .map(({ why }) => why);
  const unspecified = address === '0.0.0.0' || (family === 6 && /^[0:]+$/.test(address));
  return unspecified ? [`may not be unspecified (${address})`, ...messages] : messages;
}
