/** Which flow schema a request belongs to: the first, in the order of precedence, with a rule that fits who asks for what. */
import type { FlowSchema } from '../../api/types.ts';
import type { Attributes } from '../auth/rbac/rules.ts';
import { accountOf } from '../auth/service-accounts/names.ts';
import type { UserInfo } from '../registry/context.ts';

type Rules = NonNullable<NonNullable<FlowSchema['spec']>['rules']>[number];
type Subject = NonNullable<Rules['subjects']>[number];
type ResourceRule = NonNullable<Rules['resourceRules']>[number];
type NonResourceRule = NonNullable<Rules['nonResourceRules']>[number];

/** Lower precedence values first; among equals, by name. */
export function inOrder(schemas: readonly FlowSchema[]): FlowSchema[] {
  const precedence = ({ spec }: FlowSchema): number => spec?.matchingPrecedence ?? 1_000;
  const name = ({ metadata }: FlowSchema): string => metadata?.name ?? '';
  return schemas.toSorted((a, b) => precedence(a) - precedence(b) || (name(a) < name(b) ? -1 : 1));
}

export function matches(schema: FlowSchema, user: UserInfo, request: Attributes): boolean {
  return (schema.spec?.rules ?? []).some(
    ({ subjects = [], resourceRules = [], nonResourceRules = [] }) =>
      subjects.some((subject) => isSubject(subject, user)) &&
      (request.isResource
        ? resourceRules.some((rule) => fitsResource(rule, request))
        : nonResourceRules.some((rule) => fitsPath(rule, request))),
  );
}

/** Whether the namespace decides of the schema, so that a classification holds for one namespace alone. */
export function looksAtNamespace({ spec }: FlowSchema): boolean {
  return (spec?.rules ?? []).some(({ resourceRules = [] }) =>
    resourceRules.some(({ namespaces = [] }) => namespaces.length > 0 && !namespaces.includes('*')),
  );
}

function isSubject({ kind, user: named, group, serviceAccount }: Subject, user: UserInfo): boolean {
  switch (kind) {
    case 'User':
      return named?.name === '*' || named?.name === user.name;
    case 'Group':
      return group?.name === '*' || (group !== undefined && user.groups.includes(group.name ?? ''));
    case 'ServiceAccount': {
      const account = accountOf(user.name);
      if (!account || account.namespace !== serviceAccount?.namespace) return false;
      return serviceAccount.name === '*' || serviceAccount.name === account.name;
    }
    default:
      return false;
  }
}

function fitsResource(rule: ResourceRule, { verb, group, resource, subresource, namespace }: Attributes): boolean {
  const what = subresource === '' ? resource : `${resource}/${subresource}`;
  return (
    includes(rule.verbs, verb) &&
    includes(rule.apiGroups, group) &&
    includes(rule.resources, what) &&
    (namespace === '' ? rule.clusterScope === true : includes(rule.namespaces, namespace))
  );
}

function fitsPath({ verbs, nonResourceURLs = [] }: NonResourceRule, { verb, path }: Attributes): boolean {
  const fits = (url: string): boolean =>
    url === '*' || url === path || (url.endsWith('/*') && path.startsWith(url.slice(0, -1)));
  return includes(verbs, verb) && nonResourceURLs.some(fits);
}

const includes = (list: readonly string[] = [], wanted: string): boolean => list.includes('*') || list.includes(wanted);
