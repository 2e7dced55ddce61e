/** Names of the chains of one port of a Service. */
import { createHash } from 'node:crypto';
import type { ServicePortState } from '../service-ports.ts';

export type ChainKind = 'SVC' | 'SVL' | 'EXT' | 'SEP';

/** A chain's name has at most 28 characters, so it carries a hash; the same hash that Kubernetes takes. */
export function chainName(kind: ChainKind, state: ServicePortState, more = ''): string {
  const digest = createHash('sha256').update(`${state.name}${state.protocol.toLowerCase()}${more}`).digest();
  return `KUBE-${kind}-${base32(digest).slice(0, 16)}`;
}

/** RFC 4648 §6. */
function base32(bytes: Uint8Array): string {
  let bits = '';
  for (const byte of bytes) bits += byte.toString(2).padStart(8, '0');
  return bits.replace(/.{5}/g, (five) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[Number.parseInt(five, 2)]!);
}
