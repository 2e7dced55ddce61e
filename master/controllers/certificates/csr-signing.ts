/**
 * Signs approved certificate requests for Kubernetes' own signers with the cluster's authority (--cluster-signing-cert-file,
 * --cluster-signing-key-file). Without the flags it does not run. A request that the signer's rules forbid gets the
 * condition Failed. The authority's files are read for every certificate, so that a new one needs no restart.
 */
import { readFile } from 'node:fs/promises';
import { keyOf, nowSeconds } from '../../api/meta.ts';
import type { CertificateSigningRequest } from '../../api/types.ts';
import { type ControllerContext, newQueue, work } from '../context.ts';
import { has, isIssued, requesterOf, withCondition } from './csr-facts.ts';
import { certificateDurationMs, isSigner, signerProblem } from './rules.ts';

export async function startCsrSigning(context: ControllerContext): Promise<void> {
  const { clusterSigningCertFile, clusterSigningKeyFile } = context.options;
  if (!clusterSigningCertFile || !clusterSigningKeyFile) {
    context.logger.info('certificate requests are not signed: no --cluster-signing-cert-file and -key-file');
    return;
  }
  const files = { cert: clusterSigningCertFile, key: clusterSigningKeyFile };
  const queue = newQueue(context, 'certificate_signing');
  const enqueue = (csr: CertificateSigningRequest): void => queue.add(keyOf(csr));
  context.caches.certificatesigningrequests.addHandler(
    { added: enqueue, updated: (_, csr) => enqueue(csr) },
    context.signal,
  );
  await work(context, queue, 2, (key) => sign(context, key, files));
}

async function sign(context: ControllerContext, key: string, files: { cert: string; key: string }): Promise<void> {
  const { caches, client, logger, options, metrics, clock } = context;
  const csr = caches.certificatesigningrequests.get(key);
  const signer = csr?.spec?.signerName;
  if (!csr || !isSigner(signer)) return;
  if (!has(csr, 'Approved') || has(csr, 'Denied') || has(csr, 'Failed') || isIssued(csr)) return;
  const { readRequest, signRequest } = await import('./x509.ts');
  const problem = await readRequest(csr.spec?.request).then(
    (facts) => signerProblem(signer, facts, requesterOf(csr)),
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  const now = clock.now();
  if (problem) {
    const failed = withCondition(csr, 'Failed', 'SignerValidationFailure', problem, nowSeconds(now));
    await client.update('certificatesigningrequests', failed, { subresource: 'status' });
    return;
  }
  const [caCert, caKey] = await Promise.all([readFile(files.cert, 'utf8'), readFile(files.key, 'utf8')]);
  const certificate = await signRequest({
    request: csr.spec?.request,
    usages: csr.spec?.usages ?? [],
    durationMs: certificateDurationMs(csr.spec?.expirationSeconds, options.clusterSigningDurationMs),
    caCert,
    caKey,
    now,
  });
  const status = { ...csr.status, certificate: Buffer.from(certificate).toString('base64') };
  await client.update('certificatesigningrequests', { ...csr, status }, { subresource: 'status' });
  metrics.certificatesSigned.inc({ signer });
  logger.info({ csr: key, signer }, 'certificate signed');
}
