/**
 * RBAC: a user may do what the rules of a role say that is bound to it or to one of its groups.
 *
 * What a user may do is gathered once for each UserInfo object, which lives as long as its connection or its token's place in
 * the cache, and again after a role or binding has changed. So a decision costs a few look-ups.
 */
import type { UserInfo } from '../../registry/context.ts';
import { type AnyBinding, type Roles, subjectKey } from './role-index.ts';
import { type Attributes, allows, type PolicyRule } from './rules.ts';

/** A rule, and by which binding a user has it. */
export interface Grant {
  readonly rule: PolicyRule;
  readonly binding: AnyBinding;
  readonly subject: string;
}

/** The grants of one user in one scope, by verb. */
class Grants {
  readonly all: Grant[] = [];
  readonly #byVerb = new Map<string, Grant[]>();

  add(grant: Grant): void {
    this.all.push(grant);
    for (const verb of new Set(grant.rule.verbs)) {
      const known = this.#byVerb.get(verb);
      if (known) known.push(grant);
      else this.#byVerb.set(verb, [grant]);
    }
  }

  find(attributes: Attributes): Grant | undefined {
    const fits = ({ rule }: Grant): boolean => allows(rule, attributes);
    return this.#byVerb.get(attributes.verb)?.find(fits) ?? this.#byVerb.get('*')?.find(fits);
  }
}

interface Access {
  readonly version: number;
  readonly everywhere: Grants;
  readonly byNamespace: ReadonlyMap<string, Grants>;
  /** The bindings whose role is missing. */
  readonly dangling: readonly AnyBinding[];
}

export class RbacAuthorizer {
  readonly #roles: Roles;
  readonly #accessOf = new WeakMap<UserInfo, Access>();

  constructor(roles: Roles) {
    this.#roles = roles;
  }

  /** Why the user may; undefined when nothing allows it. */
  grant(user: UserInfo, attributes: Attributes): Grant | undefined {
    const { everywhere, byNamespace } = this.#access(user);
    const found = everywhere.find(attributes);
    if (found || attributes.namespace === '' || !attributes.isResource) return found;
    return byNamespace.get(attributes.namespace)?.find(attributes);
  }

  /** All rules that hold for the user in a namespace; '' for the cluster scope. */
  rulesFor(user: UserInfo, namespace: string): PolicyRule[] {
    const { everywhere, byNamespace } = this.#access(user);
    return [...everywhere.all, ...(byNamespace.get(namespace)?.all ?? [])].map(({ rule }) => rule);
  }

  /** What is wrong with the bindings that might have allowed it, as Kubernetes says it after a refusal; '' for nothing. */
  complaint(user: UserInfo, { namespace }: Attributes): string {
    const missing = this.#access(user).dangling.filter(
      ({ metadata }) => metadata?.namespace === undefined || metadata.namespace === namespace,
    );
    if (missing.length === 0) return '';
    const lines = missing.map(
      ({ roleRef }) =>
        `${roleRef.kind.toLowerCase()}.rbac.authorization.k8s.io ${JSON.stringify(roleRef.name)} not found`,
    );
    return `RBAC: ${lines.length === 1 ? lines[0] : `[${lines.join(', ')}]`}`;
  }

  #access(user: UserInfo): Access {
    const known = this.#accessOf.get(user);
    if (known && known.version === this.#roles.version) return known;
    const access = this.#gather(user);
    this.#accessOf.set(user, access);
    return access;
  }

  #gather({ name, groups }: UserInfo): Access {
    const everywhere = new Grants();
    const byNamespace = new Map<string, Grants>();
    const dangling: AnyBinding[] = [];
    for (const subject of [`user:${name}`, ...groups.map((group) => `group:${group}`)]) {
      for (const binding of this.#roles.bindingsOf(subject)) {
        const { namespace } = binding.metadata ?? {};
        const rules = this.#roles.rulesOf(binding);
        if (!rules) dangling.push(binding);
        const grants = namespace === undefined ? everywhere : (byNamespace.get(namespace) ?? new Grants());
        if (namespace !== undefined) byNamespace.set(namespace, grants);
        for (const rule of rules ?? []) grants.add({ rule, binding, subject });
      }
    }
    return { version: this.#roles.version, everywhere, byNamespace, dangling };
  }
}

/** `RBAC: allowed by ClusterRoleBinding "a" of ClusterRole "b" to User "c"`: the reason of an access review. */
export function grantText({ binding, subject }: Grant): string {
  const { namespace, name } = binding.metadata ?? {};
  const { roleRef, subjects = [] } = binding;
  const kind = namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding';
  const bound = JSON.stringify(namespace === undefined ? name : `${name}/${namespace}`);
  const to = subjects.find((other) => subjectKey(other) === subject);
  const who = to?.kind === 'ServiceAccount' ? `${to.name}/${to.namespace}` : to?.name;
  return `RBAC: allowed by ${kind} ${bound} of ${roleRef.kind} ${JSON.stringify(roleRef.name)} to ${to?.kind} ${JSON.stringify(who)}`;
}
