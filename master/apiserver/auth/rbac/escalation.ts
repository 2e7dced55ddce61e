/**
 * Nobody grants what he does not have: who writes a role must hold its rules or the verb `escalate` on it, who binds a role
 * must hold its rules or the verb `bind` on it. As Kubernetes' "Privilege escalation prevention and bootstrapping".
 */
import { forbidden, notFound } from '../../../api/errors.ts';
import { groupResource, type Kind, kinds } from '../../../api/kinds.ts';
import { deepEqual } from '../../../api/meta.ts';
import type { ClusterRole } from '../../../api/types.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../../admission/types.ts';
import type { UserInfo } from '../../registry/context.ts';
import { type Authorizer, isSuperuser } from '../authorize.ts';
import type { AnyBinding } from './role-index.ts';
import { goList, missingRules, type PolicyRule, ruleText } from './rules.ts';

const roleKinds: readonly Kind[] = [kinds.roles, kinds.clusterroles];
const bindingKinds: readonly Kind[] = [kinds.rolebindings, kinds.clusterrolebindings];

const everything: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

export interface EscalationOptions {
  readonly authorizer: Authorizer;
  /** The rules of a role as the store has it now; undefined when there is none. */
  readonly readRules: (role: Kind, namespace: string | undefined, name: string) => Promise<PolicyRule[] | undefined>;
}

export function preventEscalation({ authorizer, readRules }: EscalationOptions): AdmissionPlugin {
  return {
    name: 'PrivilegeEscalation',
    resources: [...roleKinds, ...bindingKinds].map(groupResource),
    async validate(request) {
      const { operation, kind, object, ctx } = request;
      if (operation === 'DELETE' || !object || isSuperuser(ctx.user)) return;
      if (roleKinds.includes(kind)) checkRole(request, object);
      else if (bindingKinds.includes(kind)) await checkBinding(request, object as AnyBinding);
    },
  };

  function checkRole({ ctx, kind, namespace, name, old }: AdmissionRequest, role: ClusterRole): void {
    const before: ClusterRole | undefined = old;
    const sameAggregation = deepEqual(role.aggregationRule, before?.aggregationRule);
    if (before && sameAggregation && deepEqual(role.rules ?? [], before.rules ?? [])) return;
    if (may(ctx.user, 'escalate', kind, namespace, name)) return;
    if (role.aggregationRule && (!before || !sameAggregation)) {
      if (missing(ctx.user, undefined, everything).length > 0) {
        throw forbidden(kind, name, 'must have cluster-admin privileges to use the aggregationRule');
      }
    }
    confirm(ctx.user, kind, namespace, name, role.rules ?? []);
  }

  async function checkBinding(
    { ctx, kind, namespace, name, old }: AdmissionRequest,
    binding: AnyBinding,
  ): Promise<void> {
    const before = old as AnyBinding | undefined;
    const same = (field: 'subjects' | 'roleRef'): boolean => deepEqual(binding[field] ?? [], before?.[field] ?? []);
    if (before && same('subjects') && same('roleRef')) return;
    const role = binding.roleRef.kind === 'Role' ? kinds.roles : kinds.clusterroles;
    if (may(ctx.user, 'bind', role, namespace, binding.roleRef.name)) return;
    const rules = await readRules(role, role.namespaced ? namespace : undefined, binding.roleRef.name);
    if (!rules) throw notFound(role, binding.roleRef.name);
    confirm(ctx.user, kind, namespace, name, rules);
  }

  function may(user: UserInfo, verb: string, kind: Kind, namespace = '', name = ''): boolean {
    const { group, resource } = kind;
    return authorizer.allows(user, {
      isResource: true,
      verb,
      group,
      resource,
      subresource: '',
      namespace,
      name,
      path: '',
    });
  }

  function missing(user: UserInfo, namespace: string | undefined, rules: readonly PolicyRule[]): PolicyRule[] {
    return missingRules(authorizer.rulesFor(user, namespace ?? '').rules, rules);
  }

  function confirm(
    user: UserInfo,
    kind: Kind,
    namespace: string | undefined,
    name: string,
    rules: readonly PolicyRule[],
  ): void {
    const lacking = missing(user, namespace, rules);
    if (lacking.length === 0) return;
    const lines = lacking.map(ruleText).sort().join('\n');
    const who = `user ${JSON.stringify(user.name)} (groups=${goList(user.groups)})`;
    throw forbidden(kind, name, `${who} is attempting to grant RBAC permissions not currently held:\n${lines}`);
  }
}
