/**
 * The Lease by which an API server shows that it is there: `apiserver-<hash of its host's name>` in kube-system, as Kubernetes keeps it
 * since 1.26 (KEP-1965; its documentation, "Leases": API server identity). Nothing of the cluster depends on it: clients count API servers
 * by it. It stays when a server stops; an hour after its last renewal any other server deletes it.
 */
import { createHash, randomUUID } from 'node:crypto';
import { type Clock, sleep } from '../../api/clock.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../../api/errors.ts';
import type { Logger } from '../../api/logging.ts';
import { nowMicros } from '../../api/meta.ts';
import type { Lease } from '../../api/types.ts';
import type { RequestContext } from './context.ts';
import type { Resource } from './resource.ts';

/** What tells a server from the others, now and after a restart. Where they stand on one machine it is their port. */
export interface Identity {
  readonly host: string;
  readonly port: number;
}

export interface IdentityLeaseOptions extends Identity {
  readonly leases: Resource;
  readonly clock: Clock;
  readonly logger: Logger;
}

const namespace = 'kube-system';
const identityLabel = 'apiserver.kubernetes.io/identity';
const usualPort = 6_443;
const renewMs = 10_000;
const durationSeconds = 3_600;
const collectMs = 3_600_000;

/** Renews this server's, and looks every hour for those that have run out. Runs until the signal of `ctx` ends. */
export async function keepIdentityLease(options: IdentityLeaseOptions, ctx: RequestContext): Promise<void> {
  const { clock, logger } = options;
  const holder = `${leaseNameOf(options)}_${randomUUID()}`;
  let collectAt = clock.now() + collectMs;
  for (;;) {
    try {
      await renewIdentity(options, ctx, holder);
      if (clock.now() >= collectAt) {
        collectAt = clock.now() + collectMs;
        await collectIdentities(options, ctx);
      }
    } catch (error) {
      if (!ctx.signal.aborted) logger.warn({ err: error }, 'the Lease of this server could not be kept up');
    }
    await sleep(renewMs, ctx.signal, clock);
    if (ctx.signal.aborted) return;
  }
}

/** As Kubernetes names it: 128 bits of the SHA-256 of the host's name, in base32 without padding. */
export function leaseNameOf({ host, port }: Identity): string {
  const own = port === usualPort ? host : `${host}:${port}`;
  const bits = [...createHash('sha256').update(own).digest().subarray(0, 16)]
    .map((byte) => byte.toString(2).padStart(8, '0'))
    .join('');
  const letters = bits.match(/.{1,5}/g) ?? [];
  const hash = letters.map((five) => 'abcdefghijklmnopqrstuvwxyz234567'[Number.parseInt(five.padEnd(5, '0'), 2)]);
  return `apiserver-${hash.join('')}`;
}

/** Writes the Lease with the present time, whoever wrote it before. */
export async function renewIdentity(
  { leases, clock, ...identity }: IdentityLeaseOptions,
  ctx: RequestContext,
  holderIdentity: string,
): Promise<void> {
  const name = { namespace, name: leaseNameOf(identity) };
  const spec = { holderIdentity, leaseDurationSeconds: durationSeconds, renewTime: nowMicros(clock.now()) };
  try {
    const { object } = await leases.get(ctx, name, {});
    await leases.update(ctx, name, structuredClone({ ...object, spec: { ...specOf(object), ...spec } }));
  } catch (error) {
    // Written by somebody else at this moment; the next renewal comes soon.
    if (isConflict(error)) return;
    if (!isNotFound(error)) throw error;
    const labels = { [identityLabel]: 'kube-apiserver', 'kubernetes.io/hostname': identity.host };
    const lease: Lease = { metadata: { ...name, labels }, spec };
    await leases.create(ctx, namespace, lease).catch((failed: unknown) => {
      if (!isAlreadyExists(failed)) throw failed;
    });
  }
}

/** Deletes the Leases of servers that have not renewed them for as long as they say, or that do not say. */
export async function collectIdentities({ leases, clock }: IdentityLeaseOptions, ctx: RequestContext): Promise<void> {
  const labelSelector = `${identityLabel}=kube-apiserver`;
  const { items } = await leases.list(ctx, namespace, { labelSelector, resourceVersion: '0' });
  for (const { object } of items) {
    const { renewTime = '', leaseDurationSeconds = 0 } = specOf(object);
    if ((Date.parse(renewTime) || 0) + leaseDurationSeconds * 1_000 >= clock.now()) continue;
    const { name = '', resourceVersion = '' } = object.metadata ?? {};
    try {
      await leases.delete(ctx, { namespace, name }, { preconditions: { resourceVersion } });
    } catch (error) {
      // Another server was quicker, or it was renewed.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }
}

/** What is stored under a resource is of its type. */
function specOf(lease: Partial<Lease>): NonNullable<Lease['spec']> {
  return lease.spec ?? {};
}
