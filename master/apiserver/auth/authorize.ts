/**
 * Whether a user may do what a request asks. Rules only ever allow; what no rule allows is refused with 403 in
 * Kubernetes' words.
 */
import { forbidden, type StatusError } from '../../api/errors.ts';
import type { UserInfo } from '../registry/context.ts';
import type { PolicyRow, PolicyRule } from './policy.ts';

/** What is asked for: a subset of the request info. */
export interface Attributes {
  readonly isResource: boolean;
  readonly verb: string;
  readonly path: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
}

export type Authorizer = (user: UserInfo, attributes: Attributes) => boolean;

export function createAuthorizer(policy: readonly PolicyRow[]): Authorizer {
  // A user is one object for as long as its connection lives, so its rules are gathered once.
  const rulesOf = new WeakMap<UserInfo, readonly PolicyRule[]>();
  return (user, attributes) => {
    let rules = rulesOf.get(user);
    if (rules === undefined) {
      rules = policy.filter((row) => applies(row, user)).flatMap((row) => row.rules);
      rulesOf.set(user, rules);
    }
    return rules.some((rule) => allows(rule, attributes));
  };
}

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

function applies({ users = [], groups = [] }: PolicyRow, user: UserInfo): boolean {
  return users.includes(user.name) || groups.some((group) => user.groups.includes(group));
}

function allows(rule: PolicyRule, attributes: Attributes): boolean {
  if (!has(rule.verbs, attributes.verb)) return false;
  if (!attributes.isResource) return (rule.nonResourceURLs ?? []).some((url) => covers(url, attributes.path));
  const { group, resource, subresource, namespace, name } = attributes;
  if (!has(rule.apiGroups ?? [], group)) return false;
  const what = subresource === '' ? resource : `${resource}/${subresource}`;
  const resources = rule.resources ?? [];
  if (!has(resources, what) && !(subresource !== '' && resources.includes(`*/${subresource}`))) return false;
  if (rule.namespaces && !rule.namespaces.includes(namespace)) return false;
  return !rule.resourceNames || rule.resourceNames.includes(name);
}

const has = (allowed: readonly string[], value: string): boolean => allowed.includes('*') || allowed.includes(value);

function covers(url: string, path: string): boolean {
  return url === path || url === '*' || (url.endsWith('*') && path.startsWith(url.slice(0, -1)));
}
