/** The Leases by which API servers show that they are there. */
import test from 'ava';
import { createLogger } from '../../../master/api/logging.ts';
import type { Lease } from '../../../master/api/types.ts';
import {
  collectIdentities,
  type IdentityLeaseOptions,
  leaseNameOf,
  renewIdentity,
} from '../../../master/apiserver/registry/identity-lease.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { context, objectOf, resource, startWorld } from './world.ts';

const ctx = context();
const hourMs = 3_600_000;
// The hash of `master-1`: `printf master-1 | sha256sum | cut -c1-32 | xxd -r -p | base32`.
const nameOfFirst = 'apiserver-nihm5ngprxqxnpjevp7yosa6ze';

test('a server has a Lease under its host’s name, and takes it over after a restart', async (t) => {
  const { leases, server } = await open(t);
  const first = server('master-1');
  t.is(leaseNameOf(first), nameOfFirst);
  t.not(leaseNameOf({ ...first, port: 6444 }), nameOfFirst);
  await renewIdentity(first, ctx, 'first');
  await renewIdentity(first, ctx, 'second');
  const [lease] = await leases();
  t.is(lease?.metadata?.name, nameOfFirst);
  t.deepEqual(lease?.metadata?.labels, {
    'apiserver.kubernetes.io/identity': 'kube-apiserver',
    'kubernetes.io/hostname': 'master-1',
  });
  t.is(lease?.spec?.holderIdentity, 'second');
  t.is(lease?.spec?.leaseDurationSeconds, 3_600);
});

test('the Lease of a server that has not renewed it for an hour is deleted, and no other', async (t) => {
  const { leases, server, clock, all } = await open(t);
  const [first, second] = [server('master-1'), server('master-2')];
  await all.create(ctx, 'kube-system', { metadata: { namespace: 'kube-system', name: 'somebody-else' } });
  await renewIdentity(first, ctx, 'one');
  clock.advance(hourMs / 2);
  await renewIdentity(second, ctx, 'two');
  clock.advance(hourMs / 2 + 1_000);
  await collectIdentities(second, ctx);
  t.deepEqual(
    (await leases()).map(({ metadata }) => metadata?.name),
    [leaseNameOf(second), 'somebody-else'],
  );
});

async function open(t: { teardown: (end: () => Promise<void>) => void }) {
  const world = await startWorld();
  t.teardown(world.stop);
  const clock = new ManualClock(Date.parse('2026-01-01T00:00:00Z'));
  const all = resource(world.registries[0], 'leases');
  return {
    clock,
    all,
    server: (host: string): IdentityLeaseOptions => ({
      ...{ leases: all, clock, logger: createLogger('test', 'silent') },
      ...{ host, port: 6443 },
    }),
    leases: async (): Promise<Lease[]> =>
      (await all.list(ctx, 'kube-system', {})).items.map((stored) => objectOf('leases', stored)),
  };
}
