/** Roles as an API server knows them, with the defaults and whatever a test adds. */
import type { ClusterRole, ClusterRoleBinding, KubeObject, Role, RoleBinding } from '../../../../master/api/types.ts';
import {
  defaultClusterRoleBindings,
  defaultClusterRoles,
} from '../../../../master/apiserver/auth/rbac/default-roles.ts';
import { RoleIndex } from '../../../../master/apiserver/auth/rbac/role-index.ts';
import { objectKey } from '../../../../master/apiserver/store/keys.ts';

export interface MoreRoles {
  roles?: Role[];
  rolebindings?: RoleBinding[];
  clusterroles?: ClusterRole[];
  clusterrolebindings?: ClusterRoleBinding[];
}

export function rolesWith({
  roles = [],
  rolebindings = [],
  clusterroles = [],
  clusterrolebindings = [],
}: MoreRoles = {}) {
  const index = new RoleIndex();
  const keyed = (resource: string, objects: KubeObject[]): [string, KubeObject][] =>
    objects.map((object) => [objectKey(resource, object.metadata?.namespace, object.metadata?.name ?? ''), object]);
  index.replace('roles', keyed('roles', roles));
  index.replace('rolebindings', keyed('rolebindings', rolebindings));
  index.replace('clusterroles', keyed('clusterroles', [...defaultClusterRoles(), ...clusterroles]));
  index.replace(
    'clusterrolebindings',
    keyed('clusterrolebindings', [...defaultClusterRoleBindings(), ...clusterrolebindings]),
  );
  return index;
}

export const user = (name: string, ...groups: string[]) => ({ name, groups: [...groups, 'system:authenticated'] });

export const roleRef = (kind: 'Role' | 'ClusterRole', name: string) => ({
  apiGroup: 'rbac.authorization.k8s.io',
  kind,
  name,
});

export const userSubject = (name: string) => ({ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name });
