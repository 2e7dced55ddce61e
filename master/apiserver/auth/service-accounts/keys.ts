/** The keys of service account tokens: one signs, and all that are trusted verify, found by their key id. */
import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';

/** How a key signs (RFC 7518). */
export type Algorithm = 'RS256' | 'ES256';

export interface TokenKey {
  /** The hash of the public key, as Kubernetes' key ids: the same wherever the key is. */
  readonly id: string;
  readonly algorithm: Algorithm;
  readonly key: KeyObject;
}

export interface TokenKeys {
  /** Absent: no tokens are issued here. */
  readonly signing?: TokenKey;
  readonly verifying: ReadonlyMap<string, TokenKey>;
}

/** PEM texts: those to verify with may be public or private keys. What the signing key signs is always trusted. */
export function tokenKeys(verifying: readonly string[], signing?: string): TokenKeys {
  const keys = [...verifying, ...(signing === undefined ? [] : [signing])].map((pem) =>
    described(createPublicKey(pem)),
  );
  const trusted = new Map(keys.map((key) => [key.id, key]));
  if (signing === undefined) return { verifying: trusted };
  const key = createPrivateKey(signing);
  return { verifying: trusted, signing: { ...described(createPublicKey(key)), key } };
}

/** The public keys as a JSON Web Key Set (RFC 7517). */
export function keySet({ verifying }: TokenKeys) {
  const keys = [...verifying.values()].map(({ id, algorithm, key }) => ({
    use: 'sig',
    ...key.export({ format: 'jwk' }),
    kid: id,
    alg: algorithm,
  }));
  return { keys };
}

function described(key: KeyObject): TokenKey {
  const der = key.export({ type: 'spki', format: 'der' });
  return { id: createHash('sha256').update(der).digest('base64url'), algorithm: algorithmOf(key), key };
}

function algorithmOf(key: KeyObject): Algorithm {
  if (key.asymmetricKeyType === 'rsa') return 'RS256';
  if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'ES256';
  throw new Error('a key of service account tokens must be RSA or of the curve P-256');
}
