/** JSON Web Tokens (RFC 7519) as service accounts have them: signed, compact, and only by algorithms that the key has. */
import { sign, verify } from 'node:crypto';
import type { TokenKey } from './keys.ts';

/** What a token says. Times are in seconds since the epoch. */
export interface Claims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: readonly string[];
  readonly exp: number;
  readonly iat: number;
  readonly nbf: number;
  readonly jti: string;
  readonly 'kubernetes.io': BoundTo;
}

export interface BoundTo {
  readonly namespace: string;
  readonly serviceaccount: Reference;
  readonly pod?: Reference;
  readonly secret?: Reference;
  readonly node?: Reference;
}

export interface Reference {
  readonly name: string;
  readonly uid: string;
}

export function signed(claims: Claims, { id, algorithm, key }: TokenKey): string {
  const text = `${encoded({ alg: algorithm, kid: id })}.${encoded(claims)}`;
  const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
}

/** The claims of a token that one of the keys has signed; undefined for anything else. Says nothing of its time. */
export function verified(token: string, keys: ReadonlyMap<string, TokenKey>): Claims | undefined {
  const [header = '', payload = '', signature = '', ...rest] = token.split('.');
  if (signature === '' || rest.length > 0) return undefined;
  const { alg, kid } = decoded(header) ?? {};
  const found = typeof kid === 'string' ? keys.get(kid) : undefined;
  if (!found || alg !== found.algorithm) return undefined;
  const bytes = Buffer.from(`${header}.${payload}`);
  const key = { key: found.key, dsaEncoding: 'ieee-p1363' as const };
  if (!verify('sha256', bytes, key, Buffer.from(signature, 'base64url'))) return undefined;
  const claims = decoded(payload);
  return claims && isClaims(claims) ? claims : undefined;
}

/** Whether a text may be a token of this form: spares the others a look. */
export const looksSigned = (token: string): boolean =>
  /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token) && token.startsWith('eyJ');

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function decoded(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Signed by us, so of our form, unless the key signs for others too. */
function isClaims(value: Record<string, unknown>): value is Record<string, unknown> & Claims {
  const bound = value['kubernetes.io'];
  return (
    typeof value.iss === 'string' &&
    Array.isArray(value.aud) &&
    typeof value.exp === 'number' &&
    typeof value.nbf === 'number' &&
    isRecord(bound) &&
    typeof bound.namespace === 'string' &&
    isReference(bound.serviceaccount) &&
    [bound.pod, bound.secret, bound.node].every((other) => other === undefined || isReference(other))
  );
}

const isReference = (value: unknown): boolean =>
  isRecord(value) && typeof value.name === 'string' && typeof value.uid === 'string';

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
