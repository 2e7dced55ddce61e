/**
 * Whose service account token this is: signed by a trusted key, of a trusted issuer, for one of the wanted audiences, in its
 * time, and what it is bound to still lives.
 *
 * A signature is checked once for each token; what the token is bound to is looked up in memory at every use, so a deleted pod's
 * or account's token ends with it.
 */
import type { KubeObject } from '../../../api/types.ts';
import type { UserInfo } from '../../registry/context.ts';
import { type BoundTo, type Claims, looksSigned, type Reference, verified } from './jwt.ts';
import type { TokenKeys } from './keys.ts';
import { accountGroups, accountUser } from './names.ts';

/** Reads an object as the cache has it, or with certainty; undefined when there is none. */
export type ReadObject = (
  resource: 'serviceaccounts' | 'pods' | 'secrets' | 'nodes',
  namespace: string | undefined,
  name: string,
  freshness: 'memory' | 'consistent',
) => Promise<KubeObject | undefined>;

export interface AccountTokensOptions {
  readonly keys: TokenKeys;
  readonly issuers: readonly string[];
  readonly read: ReadObject;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

export interface Vouched {
  readonly user: UserInfo;
  /** Those of the wanted audiences that the token is for. */
  readonly audiences: readonly string[];
}

interface Known {
  readonly claims: Claims;
  /** One object as long as the token is remembered, so that its rights are gathered once. */
  readonly user: UserInfo;
}

/** As Kubernetes: what is being deleted may use its token for so long. */
const deletionLeewayMs = 60_000;
const maxRemembered = 4_096;

export class AccountTokens {
  readonly #options: AccountTokensOptions;
  readonly #now: () => number;
  /** By token, the oldest first. Only tokens whose signature is right. */
  readonly #remembered = new Map<string, Known>();

  constructor(options: AccountTokensOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Undefined for a token that is none of ours or not valid now. */
  async verify(token: string, audiences: readonly string[]): Promise<Vouched | undefined> {
    const known = this.#remembered.get(token) ?? this.#check(token);
    if (!known) return undefined;
    const { claims, user } = known;
    const now = this.#now() / 1_000;
    if (now >= claims.exp || now < claims.nbf) return undefined;
    const shared = audiences.filter((audience) => claims.aud.includes(audience));
    if (shared.length === 0 || !(await this.#lives(claims['kubernetes.io']))) return undefined;
    return { user, audiences: shared };
  }

  #check(token: string): Known | undefined {
    if (!looksSigned(token)) return undefined;
    const claims = verified(token, this.#options.keys.verifying);
    if (!claims || !this.#options.issuers.includes(claims.iss)) return undefined;
    const known = { claims, user: userOf(claims) };
    this.#remembered.set(token, known);
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > maxRemembered && oldest !== undefined) this.#remembered.delete(oldest);
    return known;
  }

  async #lives({ namespace, serviceaccount, pod, secret, node }: BoundTo): Promise<boolean> {
    if (!(await this.#isThere('serviceaccounts', namespace, serviceaccount))) return false;
    if (pod) return this.#isThere('pods', namespace, pod);
    if (secret) return this.#isThere('secrets', namespace, secret);
    return node === undefined || this.#isThere('nodes', undefined, node);
  }

  async #isThere(
    resource: Parameters<ReadObject>[0],
    namespace: string | undefined,
    wanted: Reference,
  ): Promise<boolean> {
    const fits = (object: KubeObject | undefined): boolean => {
      const { uid, deletionTimestamp } = object?.metadata ?? {};
      if (uid !== wanted.uid) return false;
      return deletionTimestamp === undefined || Date.parse(deletionTimestamp) >= this.#now() - deletionLeewayMs;
    };
    const { read } = this.#options;
    if (fits(await read(resource, namespace, wanted.name, 'memory'))) return true;
    // Made a moment ago through another server, perhaps.
    return fits(await read(resource, namespace, wanted.name, 'consistent'));
  }
}

function userOf({ jti, 'kubernetes.io': { namespace, serviceaccount, pod, node } }: Claims): UserInfo {
  const extra = {
    ...(jti ? { 'authentication.kubernetes.io/credential-id': [`JTI=${jti}`] } : {}),
    ...(node
      ? { 'authentication.kubernetes.io/node-name': [node.name], 'authentication.kubernetes.io/node-uid': [node.uid] }
      : {}),
    ...(pod
      ? { 'authentication.kubernetes.io/pod-name': [pod.name], 'authentication.kubernetes.io/pod-uid': [pod.uid] }
      : {}),
  };
  return {
    name: accountUser({ namespace, name: serviceaccount.name }),
    uid: serviceaccount.uid,
    groups: [...accountGroups(namespace), 'system:authenticated'],
    extra,
  };
}
