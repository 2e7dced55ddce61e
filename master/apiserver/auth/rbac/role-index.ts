/** All roles and bindings as decisions ask for them: by subject, and by what a binding refers to. Pure data. */
import type { ClusterRole, ClusterRoleBinding, KubeObject, Role, RoleBinding, Subject } from '../../../api/types.ts';
import { objectKey } from '../../store/keys.ts';
import type { PolicyRule } from './rules.ts';

export type AnyBinding = ClusterRoleBinding | RoleBinding;

export const rbacResources = ['clusterroles', 'clusterrolebindings', 'roles', 'rolebindings'] as const;
export type RbacResource = (typeof rbacResources)[number];

/** What decisions are made from. */
export interface Roles {
  /** Everything is known; nothing may be decided before. */
  readonly loaded: boolean;
  /** Another one whenever something has changed. */
  readonly version: number;
  /** The bindings that name the subject, by its key (`subjectKey`). */
  bindingsOf(subject: string): readonly AnyBinding[];
  /** The rules of the role that a binding refers to; undefined when there is no such role. */
  rulesOf(binding: AnyBinding): readonly PolicyRule[] | undefined;
}

/** `user:<name>` or `group:<name>`; a service account is the user that its tokens say. */
export function subjectKey({ kind, name, namespace }: Subject): string {
  if (kind === 'ServiceAccount') return `user:system:serviceaccount:${namespace}:${name}`;
  return kind === 'Group' ? `group:${name}` : `user:${name}`;
}

export class RoleIndex implements Roles {
  readonly #objects: Record<RbacResource, Map<string, KubeObject>> = {
    clusterroles: new Map(),
    clusterrolebindings: new Map(),
    roles: new Map(),
    rolebindings: new Map(),
  };
  readonly #known = new Set<RbacResource>();
  #bySubject: Map<string, AnyBinding[]> | undefined;
  #version = 0;

  get loaded(): boolean {
    return this.#known.size === rbacResources.length;
  }

  get version(): number {
    return this.#version;
  }

  /** All objects of a resource, by their keys in the store. */
  replace(resource: RbacResource, objects: Iterable<readonly [key: string, object: KubeObject]>): void {
    this.#objects[resource] = new Map(objects);
    this.#known.add(resource);
    this.#changed();
  }

  /** One object that has changed, or is no more. */
  put(resource: RbacResource, key: string, object: KubeObject | undefined): void {
    if (object) this.#objects[resource].set(key, object);
    else this.#objects[resource].delete(key);
    this.#changed();
  }

  bindingsOf(subject: string): readonly AnyBinding[] {
    this.#bySubject ??= indexed([...this.#bindings('clusterrolebindings'), ...this.#bindings('rolebindings')]);
    return this.#bySubject.get(subject) ?? [];
  }

  rulesOf({ metadata, roleRef }: AnyBinding): readonly PolicyRule[] | undefined {
    const role: Role | ClusterRole | undefined =
      roleRef.kind === 'Role'
        ? this.#objects.roles.get(objectKey('roles', metadata?.namespace, roleRef.name))
        : this.#objects.clusterroles.get(objectKey('clusterroles', undefined, roleRef.name));
    return role && (role.rules ?? []);
  }

  #bindings(resource: 'clusterrolebindings' | 'rolebindings'): AnyBinding[] {
    // What is stored under a resource is of its type.
    return [...this.#objects[resource].values()] as AnyBinding[];
  }

  #changed(): void {
    this.#version += 1;
    this.#bySubject = undefined;
  }
}

function indexed(bindings: readonly AnyBinding[]): Map<string, AnyBinding[]> {
  const index = new Map<string, AnyBinding[]>();
  for (const binding of bindings) {
    for (const subject of binding.subjects ?? []) {
      const key = subjectKey(subject);
      const known = index.get(key);
      if (known) known.push(binding);
      else index.set(key, [binding]);
    }
  }
  return index;
}
