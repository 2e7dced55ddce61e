/**
 * Who owns whom, by uid: what the garbage collector knows of all objects. Pure bookkeeping; it asks and writes nothing.
 *
 * Invariant: `dependents(uid)` are exactly the known objects whose ownerReferences name the uid, whether or not the owner
 * itself is known.
 */
import type { Kind } from '../../api/kind-row.ts';
import type { KubeObject, OwnerReference } from '../../api/types.ts';

/** What the collector keeps of an object. */
export interface GraphNode {
  readonly uid: string;
  readonly kind: Kind;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly owners: readonly OwnerReference[];
  readonly beingDeleted: boolean;
  /** Waits for its dependents: foreground deletion has begun. */
  readonly deletingDependents: boolean;
  /** Lets its dependents go: it carries the finalizer `orphan` and is being deleted. */
  readonly orphaning: boolean;
}

export const foregroundFinalizer = 'foregroundDeletion';
export const orphanFinalizer = 'orphan';

export function graphNode(kind: Kind, { metadata }: KubeObject): GraphNode {
  const { uid = '', namespace, name = '', ownerReferences = [], finalizers = [], deletionTimestamp } = metadata ?? {};
  const beingDeleted = deletionTimestamp !== undefined;
  return {
    uid,
    kind,
    namespace,
    name,
    owners: ownerReferences,
    beingDeleted,
    deletingDependents: beingDeleted && finalizers.includes(foregroundFinalizer),
    orphaning: beingDeleted && finalizers.includes(orphanFinalizer),
  };
}

export class OwnerGraph {
  readonly #nodes = new Map<string, GraphNode>();
  /** Owner's uid → uids of its dependents. */
  readonly #dependents = new Map<string, Set<string>>();

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid);
  }

  get size(): number {
    return this.#nodes.size;
  }

  /** Adds or replaces; gives what was known before. */
  put(node: GraphNode): GraphNode | undefined {
    const previous = this.#nodes.get(node.uid);
    if (previous) this.#unlink(previous);
    this.#nodes.set(node.uid, node);
    for (const { uid } of node.owners) {
      const dependents = this.#dependents.get(uid) ?? new Set<string>();
      this.#dependents.set(uid, dependents.add(node.uid));
    }
    return previous;
  }

  remove(uid: string): GraphNode | undefined {
    const node = this.#nodes.get(uid);
    if (!node) return undefined;
    this.#unlink(node);
    this.#nodes.delete(uid);
    return node;
  }

  dependents(uid: string): GraphNode[] {
    const uids = [...(this.#dependents.get(uid) ?? [])];
    return uids.map((dependent) => this.#nodes.get(dependent)).filter((node) => node !== undefined);
  }

  /** The dependents that hold back the foreground deletion of their owner. */
  blockingDependents(uid: string): GraphNode[] {
    return this.dependents(uid).filter(({ owners }) =>
      owners.some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true),
    );
  }

  #unlink(node: GraphNode): void {
    for (const { uid } of node.owners) {
      const dependents = this.#dependents.get(uid);
      dependents?.delete(node.uid);
      if (dependents?.size === 0) this.#dependents.delete(uid);
    }
  }
}
