/**
 * Service accounts: the tokens by which programs in pods, and others, are known to the API.
 *
 * Guarantees: a token is bound to its account and mostly to a pod, and ends with them, with its time, or for who is not meant by
 * its audience; what a token says is signed, so all API servers take each other's. Kubernetes' legacy tokens, which lie in Secrets
 * and never end, are neither made nor taken.
 */
import { objectKey } from '../../store/keys.ts';
import { anyRevision, consistent, type Store } from '../../store/types.ts';
import type { TokenAuthenticator } from '../authenticate.ts';
import { AccountTokens, type ReadObject } from './account-tokens.ts';
import { type TokenKeys, tokenKeys } from './keys.ts';
import type { IssuerOptions } from './token-request.ts';

/** The issuer unless the command line says otherwise, as kubeadm sets it. */
const defaultIssuer = 'https://kubernetes.default.svc.cluster.local';

export interface ServiceAccountsOptions {
  /** PEM texts. */
  readonly verifyingKeys: readonly string[];
  readonly signingKey: string | undefined;
  /** The first issues, all are accepted. */
  readonly issuers: readonly string[];
  /** For whom tokens must be to be taken here; empty for the issuers. */
  readonly audiences: readonly string[];
  readonly store: Pick<Store, 'get'>;
  readonly allows?: IssuerOptions['allows'];
}

export interface ServiceAccounts {
  readonly keys: TokenKeys;
  readonly issuerName: string;
  readonly audiences: readonly string[];
  readonly tokens: AccountTokens;
  readonly authenticate: TokenAuthenticator;
  /** Undefined without a key to sign with. */
  readonly issuer: IssuerOptions | undefined;
}

export function serviceAccounts({ store, ...options }: ServiceAccountsOptions): ServiceAccounts {
  const keys = tokenKeys(options.verifyingKeys, options.signingKey);
  const issuers = options.issuers.length > 0 ? options.issuers : [defaultIssuer];
  const [issuerName = defaultIssuer] = issuers;
  const audiences = options.audiences.length > 0 ? options.audiences : issuers;
  const read: ReadObject = async (resource, namespace, name, freshness) =>
    (await store.get(objectKey(resource, namespace, name), freshness === 'memory' ? anyRevision : consistent))?.object;
  const tokens = new AccountTokens({ keys, issuers, read });
  return {
    keys,
    issuerName,
    audiences,
    tokens,
    authenticate: async (token) => (await tokens.verify(token, audiences))?.user,
    issuer: keys.signing && { key: keys.signing, issuer: issuerName, audiences, read, allows: options.allows },
  };
}
