/** Keys and certificate requests (PKCS #10), with the subjects and names that Kubernetes asks of kubelets and kube-proxies. */
import { webcrypto } from 'node:crypto';
import 'reflect-metadata';
import { PemConverter, Pkcs10CertificateRequestGenerator, SubjectAlternativeNameExtension } from '@peculiar/x509';

export interface CertificateRequest {
  /** PEM, PKCS #8. */
  readonly key: string;
  /** PEM. */
  readonly request: string;
}

export interface RequestedNames {
  readonly commonName: string;
  readonly organization?: string;
  readonly dns?: readonly string[];
  readonly ips?: readonly string[];
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** A new key and a request for a certificate over it. */
export async function newRequest(names: RequestedNames): Promise<CertificateRequest> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const alternatives = [
    ...(names.dns ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(names.ips ?? []).map((value) => ({ type: 'ip' as const, value })),
  ];
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: [...(names.organization ? [{ O: [names.organization] }] : []), { CN: [names.commonName] }],
    keys,
    signingAlgorithm: algorithm,
    extensions: alternatives.length > 0 ? [new SubjectAlternativeNameExtension(alternatives)] : [],
  });
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { key: PemConverter.encode(key, 'PRIVATE KEY'), request: request.toString('pem') };
}
