/**
 * Who asks. Authenticators are tried in order: a front proxy's word, the client's certificate, its bearer token; a request
 * with none of these is anonymous, one whose credentials nobody vouches for is refused with 401.
 *
 * Everyone known is in system:authenticated; the anonymous user is in system:unauthenticated.
 */
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { unauthorized } from '../../api/errors.ts';
import type { UserInfo } from '../registry/context.ts';

/** As much of a TLS connection as is needed here. `authorized`: an authority that the server knows signed its certificate. */
export type ClientConnection = Pick<TLSSocket, 'authorized' | 'getPeerCertificate' | 'getPeerX509Certificate'>;

/** What authentication looks at. */
export interface Credentials {
  readonly connection: ClientConnection;
  readonly request: Pick<IncomingMessage, 'headersDistinct'>;
  /** The Authorization header. */
  readonly authorization: string | undefined;
}

/** Says whose bearer token this is; undefined when it is none of this authenticator's. */
export type TokenAuthenticator = (token: string) => Promise<UserInfo | undefined>;

export const anonymous: UserInfo = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

export interface AuthenticatorOptions {
  /** Given: whom a front proxy says that it asks for; undefined for what is none. */
  readonly frontProxy?: ((credentials: Credentials) => UserInfo | undefined) | undefined;
  readonly certificate: (connection: ClientConnection) => UserInfo | undefined;
  readonly tokens: readonly TokenAuthenticator[];
}

/** Gives the user of a request, at once where the connection's certificate says it. Throws 401. */
export type Authenticator = (credentials: Credentials) => UserInfo | Promise<UserInfo>;

export function createAuthenticator({ frontProxy, certificate, tokens }: AuthenticatorOptions): Authenticator {
  return (credentials) => {
    const { connection, authorization } = credentials;
    const user = frontProxy?.(credentials) ?? certificate(connection);
    if (user) return user;
    if (authorization === undefined || authorization === '') return anonymous;
    const token = /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
    return token === undefined ? anonymous : byToken(token, tokens);
  };
}

/** Adds the group of everybody who is known. */
export function known(user: UserInfo): UserInfo {
  if (user.groups.includes('system:authenticated')) return user;
  return { ...user, groups: [...user.groups, 'system:authenticated'] };
}

async function byToken(token: string, authenticators: readonly TokenAuthenticator[]): Promise<UserInfo> {
  for (const authenticate of authenticators) {
    const user = await authenticate(token);
    if (user) return known(user);
  }
  throw unauthorized();
}
