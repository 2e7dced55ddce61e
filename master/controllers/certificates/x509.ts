/**
 * Reading and signing certificate requests. The certificate library costs 25 MB and 0.2 s to load, so this module is loaded
 * when the first request is there (`await import`), and never by a standby.
 */
import 'reflect-metadata';
import { createPrivateKey, randomBytes } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { RequestFacts } from './rules.ts';

const subjectAlternativeName = '2.5.29.17';
const ecCurves: Record<string, string> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };
/** A machine whose clock is a little behind must still accept what was just signed. */
const clockSkewMs = 5 * 60 * 1000;

/** Reads a request (base64 of PEM, as the API carries it) and checks that the requester holds its key. */
export async function readRequest(base64: string | undefined): Promise<RequestFacts> {
  const request = decode(base64);
  if (!(await request.verify())) throw new Error('the signature of the certificate request is not good');
  const subject = request.subjectName.toJSON();
  const fields = subject.flatMap((part) => Object.keys(part));
  const names = namesOf(request);
  const valuesOf = (type: string): string[] => names.filter((name) => name.type === type).map(({ value }) => value);
  const known = ['dns', 'ip', 'email', 'url'];
  const strange = names.find(({ type }) => !known.includes(type));
  if (strange) throw new Error(`a subject alternative name of type ${strange.type} is not supported`);
  return {
    commonName: request.subjectName.getField('CN')[0] ?? '',
    organizations: request.subjectName.getField('O'),
    otherSubject:
      fields.some((field) => field !== 'CN' && field !== 'O') || request.subjectName.getField('CN').length > 1,
    dnsNames: valuesOf('dns'),
    ipAddresses: valuesOf('ip'),
    emailAddresses: valuesOf('email'),
    uris: valuesOf('url'),
  };
}

export interface SigningOrder {
  /** Base64 of PEM. */
  readonly request: string | undefined;
  /** As in the API: `digital signature`, `client auth`… */
  readonly usages: readonly string[];
  readonly durationMs: number;
  /** PEM texts of the authority. */
  readonly caCert: string;
  readonly caKey: string;
  readonly now: number;
}

/** Signs; gives the certificate as PEM. Subject and alternative names are the request's, everything else is ours. */
export async function signRequest(order: SigningOrder): Promise<string> {
  const request = decode(order.request);
  const issuer = new x509.X509Certificate(order.caCert);
  const { key, algorithm } = await importKey(order.caKey);
  const extensions: x509.Extension[] = [
    new x509.BasicConstraintsExtension(false, undefined, true),
    ...keyUsages(order.usages),
    new x509.ExtendedKeyUsageExtension(purposes(order.usages)),
    await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
  ];
  const names = namesOf(request);
  if (names.length > 0) extensions.push(new x509.SubjectAlternativeNameExtension([...names]));
  const notAfter = new Date(Math.min(order.now + order.durationMs, issuer.notAfter.getTime()));
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: request.subjectName.toJSON(),
    issuer: issuer.subjectName.toJSON(),
    notBefore: new Date(order.now - clockSkewMs),
    notAfter,
    signingAlgorithm: algorithm,
    publicKey: request.publicKey,
    signingKey: key,
    extensions,
  });
  return `${certificate.toString('pem')}\n`;
}

function decode(base64: string | undefined): x509.Pkcs10CertificateRequest {
  const pem = Buffer.from(base64 ?? '', 'base64').toString('latin1');
  if (!pem.includes('BEGIN CERTIFICATE REQUEST')) throw new Error('PEM block type must be CERTIFICATE REQUEST');
  return new x509.Pkcs10CertificateRequest(pem);
}

function namesOf(request: x509.Pkcs10CertificateRequest): x509.JsonGeneralNames {
  const extension = request.getExtension(subjectAlternativeName);
  return extension instanceof x509.SubjectAlternativeNameExtension ? extension.names.toJSON() : [];
}

async function importKey(pem: string): Promise<{ key: CryptoKey; algorithm: { name: string; hash: string } }> {
  const key = createPrivateKey(pem);
  const curve = ecCurves[key.asymmetricKeyDetails?.namedCurve ?? ''];
  const kind = curve ? { name: 'ECDSA', namedCurve: curve } : { name: 'RSASSA-PKCS1-v1_5' };
  const der = key.export({ type: 'pkcs8', format: 'der' });
  const imported = await crypto.subtle.importKey('pkcs8', Uint8Array.from(der), { ...kind, hash: 'SHA-256' }, false, [
    'sign',
  ]);
  return { key: imported, algorithm: { name: kind.name, hash: 'SHA-256' } };
}

function keyUsages(usages: readonly string[]): x509.Extension[] {
  let flags = 0;
  if (usages.includes('digital signature')) flags |= x509.KeyUsageFlags.digitalSignature;
  if (usages.includes('key encipherment')) flags |= x509.KeyUsageFlags.keyEncipherment;
  // A certificate that says nothing of it may be used for all; one that says none, for nothing.
  return flags === 0 ? [] : [new x509.KeyUsagesExtension(flags, true)];
}

function purposes(usages: readonly string[]): x509.ExtendedKeyUsage[] {
  const wanted: x509.ExtendedKeyUsage[] = [];
  if (usages.includes('client auth')) wanted.push(x509.ExtendedKeyUsage.clientAuth);
  if (usages.includes('server auth')) wanted.push(x509.ExtendedKeyUsage.serverAuth);
  return wanted;
}

/** 127 random bits: positive and unique, as RFC 5280 §4.1.2.2 asks. */
function serial(): string {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return bytes.toString('hex');
}
