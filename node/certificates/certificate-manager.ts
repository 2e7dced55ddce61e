/**
 * Keeps one certificate of this node: from the file, or by a CertificateSigningRequest, and a new one in time before it
 * expires (Kubernetes' "TLS bootstrapping").
 *
 * Guarantees: a certificate that is still good is used again after a restart; a request that is denied, fails or gets no answer
 * is made anew, with patience; the file always holds a whole pair.
 */
import { createHash } from 'node:crypto';
import type { Client } from '../../master/api/client.ts';
import { type Clock, sleep } from '../../master/api/clock.ts';
import { isAlreadyExists } from '../../master/api/errors.ts';
import type { Logger } from '../../master/api/logging.ts';
import type { CertificateSigningRequest } from '../../master/api/types.ts';
import { isFor, type KeyPair, readPair, renewalTime, validityOf, writePair } from './certificate-store.ts';
import type { RequestedNames } from './csr.ts';

export const signers = {
  kubelet: { name: 'kubernetes.io/kube-apiserver-client-kubelet', usages: ['digital signature', 'client auth'] },
  'kube-proxy': { name: 'kubernetes.io/kube-apiserver-client', usages: ['digital signature', 'client auth'] },
  serving: { name: 'kubernetes.io/kubelet-serving', usages: ['digital signature', 'server auth'] },
} as const;

export interface CertificateManagerOptions {
  readonly path: string;
  readonly signer: keyof typeof signers;
  readonly names: RequestedNames;
  /** A stored certificate of another CA is of no use. */
  readonly ca?: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

const answerTimeoutMs = 60_000;
const firstRetryMs = 500;
const longestRetryMs = 5_000;

export class CertificateManager {
  readonly #options: CertificateManagerOptions;

  constructor(options: CertificateManagerOptions) {
    this.#options = options;
  }

  /** The pair in the file, if it is good now and for these names. */
  async stored(): Promise<KeyPair | undefined> {
    const { path, names, ca, clock } = this.#options;
    const pair = await readPair(path);
    if (!pair || !isFor(pair.cert, { ...names, ...(ca ? { ca } : {}) })) return undefined;
    const { from, to } = validityOf(pair.cert);
    // A clock that is a little behind the signer's must not throw a fresh certificate away.
    const now = clock.now();
    return from - 300_000 <= now && now < to ? pair : undefined;
  }

  /** Asks until there is a new certificate, and stores it. Undefined only when the signal is aborted. */
  async request(client: Client, signal: AbortSignal): Promise<KeyPair | undefined> {
    const { clock, logger, path, signer } = this.#options;
    let retryMs = firstRetryMs;
    while (!signal.aborted) {
      try {
        const pair = await this.#requestOnce(client, signal);
        if (pair) {
          await writePair(path, pair);
          logger.info(
            { signer: signers[signer].name, validUntil: new Date(validityOf(pair.cert).to).toISOString() },
            'got a certificate',
          );
          return pair;
        }
      } catch (error) {
        if (signal.aborted) return undefined;
        logger.warn({ signer: signers[signer].name, err: error }, 'no certificate yet, asking again');
      }
      await sleep(retryMs, signal, clock);
      retryMs = Math.min(retryMs * 2, longestRetryMs);
    }
    return undefined;
  }

  /** Resolves when it is time for a new certificate. */
  async untilRenewal(pair: KeyPair, signal: AbortSignal, random: number = Math.random()): Promise<void> {
    const { clock } = this.#options;
    const at = renewalTime(validityOf(pair.cert), random);
    // In steps, since timers cannot wait for months.
    while (!signal.aborted && clock.now() < at) await sleep(Math.min(at - clock.now(), 3_600_000), signal, clock);
  }

  /** Undefined when nobody answered in time; throws when the request was denied or failed. */
  async #requestOnce(client: Client, signal: AbortSignal): Promise<KeyPair | undefined> {
    const { signer, names } = this.#options;
    // Loaded only when a request is made: most starts find a good certificate.
    const { newRequest } = await import('./csr.ts');
    const { key, request } = await newRequest(names);
    const name = `${signer === 'kubelet' ? 'node-csr' : 'csr'}-${createHash('sha256').update(request).digest('hex').slice(0, 20)}`;
    const wanted: CertificateSigningRequest = {
      metadata: { name },
      spec: {
        request: Buffer.from(request).toString('base64'),
        signerName: signers[signer].name,
        usages: [...signers[signer].usages],
      },
    };
    const created = await client.create('certificatesigningrequests', wanted).catch(async (error: unknown) => {
      if (isAlreadyExists(error)) return await client.get('certificatesigningrequests', { name });
      throw error;
    });
    const cert = await this.#answer(client, created, signal);
    return cert === undefined ? undefined : { cert, key };
  }

  async #answer(client: Client, created: CertificateSigningRequest, signal: AbortSignal): Promise<string | undefined> {
    const { name = '', resourceVersion = '' } = created.metadata ?? {};
    const late = AbortSignal.any([signal, AbortSignal.timeout(answerTimeoutMs)]);
    const early = certificateIn(created);
    if (early) return early;
    const options = { resourceVersion, fieldSelector: `metadata.name=${name}` };
    for await (const events of client.watch('certificatesigningrequests', options, late)) {
      for (const event of events) {
        if (event.type === 'ERROR') throw new Error(event.object.message ?? 'the watch failed');
        if (event.type === 'DELETED') return undefined;
        const cert = event.type === 'BOOKMARK' ? undefined : certificateIn(event.object);
        if (cert) return cert;
      }
    }
    return undefined;
  }
}

/** Throws an Error when the request was denied or could not be signed. */
function certificateIn({ metadata, status }: CertificateSigningRequest): string | undefined {
  const refusal = status?.conditions?.find(({ type }) => type === 'Denied' || type === 'Failed');
  if (refusal) {
    throw new Error(
      `certificate signing request ${metadata?.name} is ${refusal.type.toLowerCase()}: ${refusal.message ?? ''}`,
    );
  }
  return status?.certificate ? Buffer.from(status.certificate, 'base64').toString('utf8') : undefined;
}
