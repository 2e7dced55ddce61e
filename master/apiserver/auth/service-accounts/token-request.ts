/** TokenRequest: a new token of a service account, bound to it and, where the request says so, to a pod, Secret or node. */
import { randomUUID } from 'node:crypto';
import { badRequest, conflict, forbidden, invalid, notFound } from '../../../api/errors.ts';
import { kinds } from '../../../api/kinds.ts';
import { nowSeconds } from '../../../api/meta.ts';
import type { KubeObject, Pod, TokenRequest } from '../../../api/types.ts';
import type { UserInfo } from '../../registry/context.ts';
import { FieldErrors } from '../../registry/validation/field-errors.ts';
import { nodeOf } from '../node-restriction.ts';
import type { Attributes } from '../rbac/rules.ts';
import type { ReadObject } from './account-tokens.ts';
import { type BoundTo, type Reference, signed } from './jwt.ts';
import type { TokenKey } from './keys.ts';
import { type AccountName, accountUser } from './names.ts';

export interface IssuerOptions {
  readonly key: TokenKey;
  readonly issuer: string;
  /** Whom a token is for whose request does not say. */
  readonly audiences: readonly string[];
  readonly read: ReadObject;
  /** Whether a role allows it: asked for an audience that a node has no other reason to want. */
  readonly allows?: ((user: UserInfo, attributes: Attributes) => boolean) | undefined;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

type Spec = NonNullable<TokenRequest['spec']>;
type BoundReference = NonNullable<Spec['boundObjectRef']>;

const defaultSeconds = 3_600;
const leastSeconds = 600;
const mostSeconds = 2 ** 32;

const requestKind = { group: 'authentication.k8s.io', kind: 'TokenRequest' };

export interface IssuedToken {
  /** The request with its answer. */
  readonly answer: TokenRequest;
  /** By which the audit log and reviews know the token. */
  readonly credentialId: string;
}

/** Throws a StatusError. */
export async function issueToken(
  { key, issuer, audiences, read, allows = () => false, now = Date.now }: IssuerOptions,
  user: UserInfo,
  account: AccountName,
  request: TokenRequest,
): Promise<IssuedToken> {
  const spec: Spec = request.spec ?? {};
  const { expirationSeconds = defaultSeconds, boundObjectRef } = spec;
  const wanted = spec.audiences?.length ? spec.audiences : [...audiences];
  validate(expirationSeconds);
  const found = await read('serviceaccounts', account.namespace, account.name, 'consistent');
  if (!found) throw notFound(kinds.serviceaccounts, account.name);
  const uid = found.metadata?.uid ?? '';
  const asked = request.metadata?.uid;
  if (asked && asked !== uid) throw uidConflict(asked, uid, account.name);
  const bound = boundObjectRef ? await bind(read, account, boundObjectRef) : {};
  restrict(user, account, bound);
  restrictAudience(user, account, spec.audiences ?? [], bound.pod, allows);
  const issuedAt = Math.floor(now() / 1_000);
  const claims = {
    aud: wanted,
    exp: issuedAt + expirationSeconds,
    iat: issuedAt,
    iss: issuer,
    jti: randomUUID(),
    'kubernetes.io': { namespace: account.namespace, serviceaccount: { name: account.name, uid }, ...bound.to },
    nbf: issuedAt,
    sub: accountUser(account),
  };
  const answer = {
    ...request,
    metadata: { ...account, creationTimestamp: nowSeconds(now()) },
    spec: { ...spec, audiences: wanted, expirationSeconds },
    status: { token: signed(claims, key), expirationTimestamp: nowSeconds(claims.exp * 1_000) },
  };
  return { answer, credentialId: `JTI=${claims.jti}` };
}

interface Bound {
  readonly to?: Pick<BoundTo, 'pod' | 'secret' | 'node'>;
  /** The node that a pod runs on. */
  readonly nodeName?: string | undefined;
  readonly pod?: Pod;
}

async function bind(read: ReadObject, account: AccountName, reference: BoundReference): Promise<Bound> {
  const { apiVersion, kind, name = '' } = reference;
  const type = `${apiVersion}/${kind}`;
  switch (type) {
    case 'v1/Pod': {
      const pod: Pod = await named(read, 'pods', account.namespace, reference);
      const { serviceAccountName = '', nodeName } = pod.spec ?? {};
      if (serviceAccountName !== account.name) {
        throw badRequest(
          `cannot bind token for serviceaccount ${JSON.stringify(account.name)} to pod running with different serviceaccount name.`,
        );
      }
      const node = nodeName ? await read('nodes', undefined, nodeName, 'memory') : undefined;
      return {
        to: { pod: referenceTo(pod, name), ...(node ? { node: referenceTo(node, nodeName ?? '') } : {}) },
        nodeName,
        pod,
      };
    }
    case 'v1/Secret':
      return { to: { secret: referenceTo(await named(read, 'secrets', account.namespace, reference), name) } };
    case 'v1/Node':
      return { to: { node: referenceTo(await named(read, 'nodes', undefined, reference), name) } };
    default:
      throw badRequest(`cannot bind token to object of type ${apiVersion}, Kind=${kind}`);
  }
}

async function named(
  read: ReadObject,
  resource: 'pods' | 'secrets' | 'nodes',
  namespace: string | undefined,
  { name = '', uid }: BoundReference,
): Promise<KubeObject> {
  const found = await read(resource, namespace, name, 'consistent');
  if (!found) throw notFound(kinds[resource], name);
  const own = found.metadata?.uid ?? '';
  if (uid && uid !== own) throw uidConflict(uid, own, name);
  return found;
}

/** As NodeRestriction: a node has tokens only of the pods that run on it. */
function restrict(user: UserInfo, { name }: AccountName, { to, nodeName }: Bound): void {
  const node = nodeOf(user);
  if (node === undefined) return;
  if (!to?.pod) throw forbidden(kinds.serviceaccounts, name, 'node requested token not bound to a pod');
  if (nodeName !== node) {
    throw forbidden(kinds.serviceaccounts, name, 'node requested token bound to a pod scheduled on a different node');
  }
}

const audienceVerb = 'request-serviceaccounts-token-audience';

/** As NodeRestriction: and only for whom a volume of the pod names, or a role that its node has. */
function restrictAudience(
  user: UserInfo,
  { namespace, name }: AccountName,
  audiences: readonly string[],
  pod: Pod | undefined,
  allows: NonNullable<IssuerOptions['allows']>,
): void {
  if (nodeOf(user) === undefined || !pod) return;
  const [audience = '', ...others] = audiences;
  if (others.length > 0) throw forbidden(kinds.serviceaccounts, name, 'node may only request 0 or 1 audiences');
  if (mayName(pod, audience)) return;
  const nothing = { isResource: true, path: '', group: '', subresource: '' };
  if (allows(user, { ...nothing, verb: audienceVerb, resource: audience, namespace, name })) return;
  throw forbidden(
    kinds.serviceaccounts,
    name,
    `audience ${JSON.stringify(audience)} not found in pod spec volume, ${user.name} is not authorized to request tokens for this audience`,
  );
}

/** What a volume's driver wants a token for is the driver's to say, so such volumes may name any. */
function mayName({ spec }: Pod, audience: string): boolean {
  return (spec?.volumes ?? []).some(
    ({ projected, csi, persistentVolumeClaim, ephemeral }) =>
      csi ||
      persistentVolumeClaim ||
      ephemeral ||
      projected?.sources?.some(({ serviceAccountToken: token }) => token && (token.audience ?? '') === audience),
  );
}

function validate(seconds: number): void {
  const errors = new FieldErrors();
  if (seconds < leastSeconds) {
    errors.invalid('spec.expirationSeconds', seconds, 'may not specify a duration less than 10 minutes');
  } else if (seconds > mostSeconds) {
    errors.invalid('spec.expirationSeconds', seconds, 'may not specify a duration larger than 2^32 seconds');
  }
  if (errors.any) throw invalid(requestKind, '', errors.causes);
}

const referenceTo = ({ metadata }: KubeObject, name: string): Reference => ({ name, uid: metadata?.uid ?? '' });

const uidConflict = (asked: string, found: string, name: string) =>
  conflict(
    { group: requestKind.group, resource: 'tokenrequests' },
    name,
    `the UID in the bound object reference (${asked}) does not match the UID in record (${found}). The object might have been deleted and then recreated`,
  );
