/** Removes certificate requests that nobody needs any more, by Kubernetes' ages. */
import { X509Certificate } from 'node:crypto';
import { isNotFound } from '../../api/errors.ts';
import { keyOf } from '../../api/meta.ts';
import type { CertificateSigningRequest } from '../../api/types.ts';
import { type ControllerContext, everyPeriod } from '../context.ts';
import { timeOf } from '../pod-facts.ts';
import { has, isIssued } from './csr-facts.ts';

const hourMs = 3_600_000;
const pollMs = 10 * 60_000;
const doneMs = hourMs;
const pendingMs = 24 * hourMs;

export async function startCsrCleaner(context: ControllerContext): Promise<void> {
  const { caches, client, clock, logger } = context;
  await everyPeriod(context, 'csr cleaner', pollMs, async () => {
    for (const csr of caches.certificatesigningrequests.list()) {
      const why = outlived(csr, clock.now());
      if (!why) continue;
      const { name = '', uid } = csr.metadata ?? {};
      logger.info({ csr: keyOf(csr), why }, 'certificate request removed');
      await client
        .delete('certificatesigningrequests', { name }, { preconditions: { uid } })
        .catch((error: unknown) => {
          if (!isNotFound(error)) throw error;
        });
    }
  });
}

/** Why the request may go; undefined while it may not. Pure. */
export function outlived(csr: CertificateSigningRequest, now: number): string | undefined {
  const age = (time: string | undefined): number => now - (timeOf(time) ?? now);
  const since = (type: string): number =>
    age(csr.status?.conditions?.find((condition) => condition.type === type)?.lastUpdateTime);
  if (isIssued(csr) && has(csr, 'Approved')) {
    if (since('Approved') > doneMs) return 'issued';
    return hasExpired(csr, now) ? 'expired' : undefined;
  }
  if (has(csr, 'Denied')) return since('Denied') > doneMs ? 'denied' : undefined;
  if (has(csr, 'Failed')) return since('Failed') > doneMs ? 'failed' : undefined;
  const limit = pendingMs;
  return age(csr.metadata?.creationTimestamp) > limit ? 'pending for too long' : undefined;
}

function hasExpired(csr: CertificateSigningRequest, now: number): boolean {
  try {
    const certificate = new X509Certificate(Buffer.from(csr.status?.certificate ?? '', 'base64'));
    return Date.parse(certificate.validTo) < now;
  } catch {
    return false;
  }
}
