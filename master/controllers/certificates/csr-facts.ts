/** What the certificate controllers ask about a CertificateSigningRequest. Pure. */
import { getCondition } from '../../api/meta.ts';
import type { CertificateSigningRequest } from '../../api/types.ts';
import type { Requester } from './rules.ts';

type Condition = 'Approved' | 'Denied' | 'Failed';

export function has(csr: CertificateSigningRequest, type: Condition): boolean {
  return getCondition(csr.status?.conditions, type) !== undefined;
}

export function isIssued(csr: CertificateSigningRequest): boolean {
  return (csr.status?.certificate ?? '') !== '';
}

export function requesterOf({ spec }: CertificateSigningRequest): Requester {
  return {
    username: spec?.username ?? '',
    groups: spec?.groups ?? [],
    signerName: spec?.signerName ?? '',
    usages: spec?.usages ?? [],
  };
}

/** The request with one more condition. */
export function withCondition(
  csr: CertificateSigningRequest,
  type: Condition,
  reason: string,
  message: string,
  at: string,
): CertificateSigningRequest {
  const condition = { type, status: 'True', reason, message, lastUpdateTime: at, lastTransitionTime: at };
  return { ...csr, status: { ...csr.status, conditions: [...(csr.status?.conditions ?? []), condition] } };
}
