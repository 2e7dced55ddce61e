/**
 * Makes the default roles and bindings that are missing, and gives back what was taken from them: Kubernetes' reconciliation at
 * start. What was added stays, and an object with the annotation `…/autoupdate: "false"` is left alone.
 */
import { isAlreadyExists, isConflict, isNotFound } from '../../../api/errors.ts';
import { deepEqual } from '../../../api/meta.ts';
import type { ClusterRole, ClusterRoleBinding, KubeObject } from '../../../api/types.ts';
import type { RequestContext } from '../../registry/context.ts';
import type { Registry } from '../../registry/registry.ts';
import type { Resource } from '../../registry/resource.ts';
import { defaultClusterRoleBindings, defaultClusterRoles, defaultRoleBindings, defaultRoles } from './default-roles.ts';
import { subjectKey } from './role-index.ts';
import { missingRules } from './rules.ts';

const group = 'rbac.authorization.k8s.io';
const autoupdate = 'rbac.authorization.kubernetes.io/autoupdate';
const attempts = 5;

/** Resolves when all is there. Any number of API servers may do it at once. */
export async function makeDefaultRoles(registry: Registry, ctx: RequestContext): Promise<void> {
  const roles = resource(registry, 'clusterroles');
  const bindings = resource(registry, 'clusterrolebindings');
  await Promise.all(defaultClusterRoles().map((role) => reconcile(roles, ctx, role, completedRole)));
  await Promise.all(defaultClusterRoleBindings().map((binding) => reconcile(bindings, ctx, binding, completedBinding)));
}

/** The same for the roles and bindings of namespaces, which must be there. */
export async function makeDefaultNamespacedRoles(registry: Registry, ctx: RequestContext): Promise<void> {
  const roles = resource(registry, 'roles');
  const bindings = resource(registry, 'rolebindings');
  await Promise.all(defaultRoles().map((role) => reconcile(roles, ctx, role, completedRole)));
  await Promise.all(defaultRoleBindings().map((binding) => reconcile(bindings, ctx, binding, completedBinding)));
}

/** The present role with what the default has and it has not. */
export function completedRole(present: ClusterRole, wanted: ClusterRole): ClusterRole {
  const completed: ClusterRole = { ...present, metadata: completedMetadata(present, wanted) };
  const rules = present.rules ?? [];
  // What a role gathers is its aggregation's business.
  const missing = wanted.aggregationRule ? [] : missingRules(rules, wanted.rules ?? []);
  if (missing.length > 0) completed.rules = [...rules, ...(missing as NonNullable<ClusterRole['rules']>)];
  const selectors = present.aggregationRule?.clusterRoleSelectors ?? [];
  const lacking = (wanted.aggregationRule?.clusterRoleSelectors ?? []).filter(
    (selector) => !selectors.some((other) => deepEqual(other, selector)),
  );
  if (lacking.length > 0) completed.aggregationRule = { clusterRoleSelectors: [...selectors, ...lacking] };
  return completed;
}

/** The present binding with the subjects that the default has and it has not. */
export function completedBinding(present: ClusterRoleBinding, wanted: ClusterRoleBinding): ClusterRoleBinding {
  const known = new Set((present.subjects ?? []).map(subjectKey));
  const missing = (wanted.subjects ?? []).filter((subject) => !known.has(subjectKey(subject)));
  const completed: ClusterRoleBinding = { ...present, metadata: completedMetadata(present, wanted) };
  if (missing.length > 0) completed.subjects = [...(present.subjects ?? []), ...missing];
  return completed;
}

async function reconcile<T extends KubeObject>(
  resource: Resource,
  ctx: RequestContext,
  wanted: T,
  completed: (present: T, wanted: T) => T,
): Promise<void> {
  const { name: own = '', namespace } = wanted.metadata ?? {};
  const name = { name: own, ...(namespace !== undefined && { namespace }) };
  for (let attempt = 1; ; attempt++) {
    try {
      // What is stored under a resource is of its type.
      const present = (await resource.get(ctx, name, attempt === 1 ? { resourceVersion: '0' } : {})).object as T;
      if (present.metadata?.annotations?.[autoupdate] === 'false') return;
      const complete = completed(present, wanted);
      if (!deepEqual(complete, present)) await resource.update(ctx, name, structuredClone(complete));
      return;
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
      if (attempt === attempts) throw error;
      if (isNotFound(error) && (await created(resource, ctx, wanted))) return;
    }
  }
}

/** False when another server was quicker. */
async function created(resource: Resource, ctx: RequestContext, object: KubeObject): Promise<boolean> {
  try {
    await resource.create(ctx, object.metadata?.namespace, structuredClone(object));
    return true;
  } catch (error) {
    if (isAlreadyExists(error)) return false;
    throw error;
  }
}

function completedMetadata({ metadata }: KubeObject, wanted: KubeObject): NonNullable<KubeObject['metadata']> {
  return {
    ...metadata,
    labels: { ...wanted.metadata?.labels, ...metadata?.labels },
    annotations: { ...wanted.metadata?.annotations, ...metadata?.annotations },
  };
}

function resource(registry: Registry, name: string): Resource {
  const found = registry.resource(group, 'v1', name);
  if (!found) throw new Error(`the registry lacks ${name}`);
  return found;
}
