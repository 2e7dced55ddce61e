/**
 * x509 client certificates: the common name is the user, the organizations are the groups. A connection's certificate is
 * looked at once, and its validity at every request, because connections live long.
 */
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { unauthorized } from '../../api/errors.ts';
import type { UserInfo } from '../registry/context.ts';
import { known } from './authenticate.ts';

/** As much of a TLS connection as is needed here. `authorized`: its certificate was verified against the client CA. */
export type ClientConnection = Pick<TLSSocket, 'authorized' | 'getPeerCertificate'>;

interface Presented {
  readonly user: UserInfo | undefined;
  /** Milliseconds since the epoch. */
  readonly validUntil: number;
  readonly verified: boolean;
}

const presented = new WeakMap<ClientConnection, Presented>();

/**
 * The user of a connection's certificate; undefined when it presented none. Throws 401 for one that the CA did not sign
 * or that has run out.
 */
export function certificateUser(connection: ClientConnection, now = Date.now()): UserInfo | undefined {
  let seen = presented.get(connection);
  if (seen === undefined) {
    seen = look(connection);
    presented.set(connection, seen);
  }
  if (seen.user === undefined) return undefined;
  if (!seen.verified || now > seen.validUntil) throw unauthorized();
  return seen.user;
}

function look(connection: ClientConnection): Presented {
  const certificate = connection.getPeerCertificate();
  if (!certificate || Object.keys(certificate).length === 0) {
    return { user: undefined, validUntil: Number.POSITIVE_INFINITY, verified: false };
  }
  return {
    user: userOf(certificate),
    validUntil: Date.parse(certificate.valid_to),
    verified: connection.authorized,
  };
}

function userOf({ subject }: PeerCertificate): UserInfo {
  const names: Record<string, string | string[] | undefined> = { ...subject };
  return known({ name: list(names.CN)[0] ?? '', groups: list(names.O) });
}

const list = (value: string | string[] | undefined): string[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value];
