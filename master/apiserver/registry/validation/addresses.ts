/** The rules of IP addresses that stand for something outside of the node that uses them. */
import { BlockList, isIP } from 'node:net';

export const notAnAddress = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';

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
