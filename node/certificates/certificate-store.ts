/** A certificate and its key in one file of the data directory, replaced whole. */
import { X509Certificate } from 'node:crypto';
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface KeyPair {
  /** PEM; the certificate first, then those of its issuers, if any. */
  readonly cert: string;
  readonly key: string;
}

export interface Validity {
  /** Milliseconds since the epoch. */
  readonly from: number;
  readonly to: number;
}

/** Undefined when there is no file or it does not hold a usable pair. */
export async function readPair(path: string): Promise<KeyPair | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const blocks = text.match(/-----BEGIN ([A-Z ]+)-----[\s\S]+?-----END \1-----\n?/g) ?? [];
  const key = blocks.find((block) => block.includes('PRIVATE KEY'));
  const certs = blocks.filter((block) => block.includes('BEGIN CERTIFICATE'));
  if (!key || certs.length === 0) return undefined;
  try {
    validityOf(certs.join(''));
  } catch {
    return undefined;
  }
  return { key, cert: certs.join('') };
}

export async function writePair(path: string, { cert, key }: KeyPair): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const next = `${path}.next`;
  await writeFile(next, `${cert.trim()}\n${key.trim()}\n`, { mode: 0o600 });
  await chmod(next, 0o600);
  await rename(next, path);
}

/** Throws for a text that is no certificate. */
export function validityOf(cert: string): Validity {
  const { validFromDate, validToDate } = new X509Certificate(cert);
  return { from: validFromDate.getTime(), to: validToDate.getTime() };
}

/** When to ask for the next certificate: between seven and nine tenths of the lifetime, as Kubernetes' kubelets do. `random` is in [0, 1). */
export const renewalTime = ({ from, to }: Validity, random: number): number =>
  from + (to - from) * (0.7 + 0.2 * random);

/** Whether the pair names all of these and its issuer is this CA, so that a changed address or CA asks for a new one. */
export function isFor(cert: string, names: { dns?: readonly string[]; ips?: readonly string[]; ca?: string }): boolean {
  const parsed = new X509Certificate(cert);
  if ((names.dns ?? []).some((name) => parsed.checkHost(name) === undefined)) return false;
  if ((names.ips ?? []).some((ip) => parsed.checkIP(ip) === undefined)) return false;
  return names.ca === undefined || isIssuedBy(parsed, names.ca);
}

function isIssuedBy(cert: X509Certificate, ca: string): boolean {
  const authorities = ca.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  return authorities.some((text) => {
    const authority = new X509Certificate(text);
    return cert.checkIssued(authority) && cert.verify(authority.publicKey);
  });
}
