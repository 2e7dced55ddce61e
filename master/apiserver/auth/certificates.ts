/**
 * x509 client certificates: the common name is the user, the organizations are the groups, and an attribute of Kubernetes' own is
 * the uid. A connection's certificate is
 * looked at once, and its validity at every request, because connections live long.
 */
import { X509Certificate } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';
import { unauthorized } from '../../api/errors.ts';
import type { UserInfo } from '../registry/context.ts';
import { type ClientConnection, known } from './authenticate.ts';

/** Says whether some authorities signed a certificate, directly or through others. */
export type SignedBy = (connection: ClientConnection) => boolean;

interface Presented {
  readonly user: UserInfo | undefined;
  /** Milliseconds since the epoch. */
  readonly validUntil: number;
  readonly verified: boolean;
}

const presented = new WeakMap<ClientConnection, Presented>();

/**
 * The user of a connection's certificate; undefined when it presented none. Throws 401 for one that the CA did not sign
 * or that has run out. `isClient` tells the client CA's certificates from those of other authorities that the server knows;
 * without it there are none.
 */
export function certificateUser(
  connection: ClientConnection,
  now = Date.now(),
  isClient?: SignedBy,
): UserInfo | undefined {
  let seen = presented.get(connection);
  if (seen === undefined) {
    seen = look(connection, isClient);
    presented.set(connection, seen);
  }
  if (seen.user === undefined) return undefined;
  if (!seen.verified || now > seen.validUntil) throw unauthorized();
  return seen.user;
}

/** The authorities of a PEM file. */
export function signedBy(pem: string): SignedBy {
  const authorities = certificatesIn(pem).map((text) => new X509Certificate(text));
  return (connection) => {
    let presented = connection.getPeerX509Certificate();
    for (let depth = 0; presented && depth < maxChain; depth++) {
      const certificate = presented;
      if (authorities.some((one) => certificate.checkIssued(one) && certificate.verify(one.publicKey))) return true;
      presented = certificate.issuerCertificate;
    }
    return false;
  };
}

/** The certificates of a bundle, each as PEM. */
export function certificatesIn(pem: string): string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}

const maxChain = 8;

function look(connection: ClientConnection, isClient: SignedBy | undefined): Presented {
  const certificate = connection.getPeerCertificate();
  if (!certificate || Object.keys(certificate).length === 0) {
    return { user: undefined, validUntil: Number.POSITIVE_INFINITY, verified: false };
  }
  return {
    user: userOf(certificate),
    validUntil: Date.parse(certificate.valid_to),
    verified: connection.authorized && (isClient === undefined || isClient(connection)),
  };
}

/** The attribute of a subject that Kubernetes has the user's uid in. */
const uidAttribute = '1.3.6.1.4.1.57683.2';

/** The certificate's user, and, as in Kubernetes, by which certificate this is so. Throws 401 for several uids, or an empty one. */
function userOf({ subject, fingerprint256 }: PeerCertificate): UserInfo {
  const names: Record<string, string | string[] | undefined> = { ...subject };
  const hash = fingerprint256.replaceAll(':', '').toLowerCase();
  const extra = { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${hash}`] };
  const [uid, ...others] = list(names[uidAttribute]);
  if (uid === '' || others.length > 0) throw unauthorized();
  return known({ name: list(names.CN)[0] ?? '', ...(uid === undefined ? {} : { uid }), groups: list(names.O), extra });
}

const list = (value: string | string[] | undefined): string[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value];
