/**
 * Whether a user may do what a request asks: system:masters may do anything, a node what nodes do, everybody what RBAC
 * allows. There is no rule that denies; what nothing allows is refused with 403 in Kubernetes' words.
 */
import { forbidden, type StatusError, serviceUnavailable } from '../../api/errors.ts';
import type { UserInfo } from '../registry/context.ts';
import { nodeComplaint, nodeMay } from './node-authorizer.ts';
import type { NodeGraph } from './node-graph.ts';
import { nodeOf } from './node-restriction.ts';
import { grantText, RbacAuthorizer } from './rbac/authorizer.ts';
import type { Roles } from './rbac/role-index.ts';
import type { Attributes, PolicyRule } from './rbac/rules.ts';

export type { Attributes } from './rbac/rules.ts';

export interface Decision {
  readonly allowed: boolean;
  /** Why, where there is more to say. */
  readonly reason: string;
}

export interface Authorizer {
  /** Throws 503 while the roles are not known yet. */
  allows(user: UserInfo, attributes: Attributes): boolean;
  /** The same, with the reason. */
  decide(user: UserInfo, attributes: Attributes): Decision;
  /** Every rule that holds for the user in a namespace; `incomplete` says what is allowed by other than rules. */
  rulesFor(user: UserInfo, namespace: string): { rules: PolicyRule[]; incomplete?: string };
}

const superusers = 'system:masters';
/** Answered to anybody at any time: balancers ask before any role is known. */
const alwaysAllowed = new Set(['/healthz', '/livez', '/readyz']);

/** `graph`: which objects are a node's business. */
export function createAuthorizer(roles: Roles, graph?: NodeGraph): Authorizer {
  const rbac = new RbacAuthorizer(roles);
  const free = (user: UserInfo, attributes: Attributes): boolean =>
    user.groups.includes(superusers) ||
    (!attributes.isResource && alwaysAllowed.has(attributes.path)) ||
    nodeMay(user, attributes, graph);
  const granted = (user: UserInfo, attributes: Attributes) => {
    if (!roles.loaded) throw serviceUnavailable('the server is starting: roles are not known yet', 1);
    return rbac.grant(user, attributes);
  };
  return {
    allows: (user, attributes) => free(user, attributes) || granted(user, attributes) !== undefined,
    decide(user, attributes) {
      if (free(user, attributes)) return { allowed: true, reason: '' };
      const grant = granted(user, attributes);
      if (grant) return { allowed: true, reason: grantText(grant) };
      const reason = nodeComplaint(user, attributes, graph) ?? rbac.complaint(user, attributes);
      return { allowed: false, reason };
    },
    rulesFor(user, namespace) {
      const rules = rbac.rulesFor(user, namespace);
      if (nodeOf(user) === undefined) return { rules };
      return { rules, incomplete: 'node authorizer does not support user rule resolution' };
    },
  };
}

export const isSuperuser = (user: UserInfo): boolean => user.groups.includes(superusers);

/** The 403 for what no rule allows. `reason` says more, where there is more to say. */
export function refusal(user: UserInfo, attributes: Attributes, reason = ''): StatusError {
  const { isResource, verb, path, group, resource, subresource, namespace, name } = attributes;
  const who = `User ${JSON.stringify(user.name)} cannot ${verb}`;
  const because = reason === '' ? '' : `: ${reason}`;
  if (!isResource) return forbidden(undefined, '', `${who} path ${JSON.stringify(path)}${because}`);
  const what = subresource === '' ? resource : `${resource}/${subresource}`;
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`;
  return forbidden(
    { group, resource },
    name,
    `${who} resource ${JSON.stringify(what)} in API group ${JSON.stringify(group)} ${where}${because}`,
  );
}
