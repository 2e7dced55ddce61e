/**
 * Leases. The generation of a leader (`spec.leaseTransitions`) is also kept under a key of its own, written in the same
 * transaction: that is what the store compares a leader's fenced writes with.
 *
 * A generation never comes back, also when somebody deletes the Lease of a leader: the key stays and says so, no write of a
 * leader passes meanwhile, and the Lease that is made next begins above it. That is kept up for the namespace in which the
 * cluster's own leaders are elected; elsewhere the key goes with its Lease.
 */
import { fenceKey } from '../../../api/fence.ts';
import { kinds } from '../../../api/kinds.ts';
import type { Lease } from '../../../api/types.ts';
import { isDns1123Subdomain } from '../../../api/validation-names.ts';
import { ageColumn, column, nameColumn } from '../columns/common.ts';
import type { Strategy } from '../strategy.ts';

const leadersNamespace = 'kube-system';

export const leaseStrategy: Strategy<Lease> = {
  kind: kinds.leases,
  columns: [
    nameColumn,
    column<Lease>('Holder', 'The identity of the holder of the lease.', ({ spec }) => spec?.holderIdentity ?? ''),
    ageColumn,
  ],
  nameErrors: isDns1123Subdomain,
  createsOnUpdate: true,
  requiresResourceVersion: true,

  async completeForCreate({ metadata, spec }, read) {
    if (metadata?.namespace !== leadersNamespace || spec?.leaseTransitions === undefined) return;
    const key = await read(fenceKey({ namespace: leadersNamespace, lease: metadata.name ?? '' }));
    const last = Number(/\d+$/.exec(key?.toString() ?? '')?.[0] ?? -1);
    if (spec.leaseTransitions <= last) spec.leaseTransitions = last + 1;
  },
  validate({ spec }, errors) {
    const { leaseDurationSeconds, leaseTransitions, preferredHolder, strategy } = spec ?? {};
    if (preferredHolder && !strategy) {
      errors.forbidden('spec.preferredHolder', 'may only be specified when `strategy` is defined');
    }
    if (leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0) {
      errors.invalid('spec.leaseDurationSeconds', leaseDurationSeconds, 'must be greater than 0');
    }
    if (leaseTransitions !== undefined && leaseTransitions < 0) {
      errors.invalid('spec.leaseTransitions', leaseTransitions, 'must be greater than or equal to 0');
    }
  },
  also(current, previous) {
    const key = keyOf(current ?? previous);
    if (!current) {
      const last = previous?.spec?.leaseTransitions;
      if (last === undefined) return [];
      const stays = previous?.metadata?.namespace === leadersNamespace;
      return [stays ? { key, value: `ended after ${last}` } : { key, delete: true }];
    }
    const generation = current.spec?.leaseTransitions;
    if (generation === undefined || generation === previous?.spec?.leaseTransitions) return [];
    return [{ key, value: String(generation) }];
  },
};

function keyOf(lease: Lease | undefined): string {
  const { namespace = '', name = '' } = lease?.metadata ?? {};
  return fenceKey({ namespace, lease: name });
}
