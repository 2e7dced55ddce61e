/**
 * Fencing: what makes a deposed leader harmless.
 *
 * Every acquisition of a leader's Lease raises its `spec.leaseTransitions` by one: the generation. A leader's writes carry
 * the generation in a header, and the API server compares it inside the etcd transaction with the Lease's present one. A
 * write of an older generation is refused with 409 and never applied, however late it arrives.
 */

/** Which Lease the writer holds, and in which generation. */
export interface Fence {
  readonly namespace: string;
  readonly lease: string;
  readonly generation: number;
}

export const fenceHeader = 'x-trimaster-fence';

/** The etcd key whose value is the present generation of a Lease; it changes in the same transaction as the Lease. */
export const fenceKey = (fence: Pick<Fence, 'namespace' | 'lease'>): string =>
  `/registry/fences/${fence.namespace}/${fence.lease}`;

/** `<namespace>/<lease>=<generation>` */
export const formatFence = ({ namespace, lease, generation }: Fence): string => `${namespace}/${lease}=${generation}`;

/** Reads a header's text. Throws an Error that says what is wrong with it. */
export function parseFence(text: string): Fence {
  const match = /^([a-z0-9.-]+)\/([a-z0-9.-]+)=(\d{1,15})$/.exec(text);
  if (!match) throw new Error(`${fenceHeader}: ${JSON.stringify(text)} is not <namespace>/<lease>=<generation>`);
  const [, namespace = '', lease = '', generation = ''] = match;
  return { namespace, lease, generation: Number(generation) };
}
