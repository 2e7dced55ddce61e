/**
 * The garbage collector: deletes what all of whose owners are gone, finishes foreground deletions and lets orphans go.
 *
 * Guarantees: nothing is deleted on the word of a cache. Before a deletion the object and each owner that the graph does not
 * show are read from the API server, and uids are compared, so that an owner made anew under the same name does not count.
 * An owner of a kind that is neither in the table of kinds nor a custom resource counts as present. Events are left out.
 */
import { isNotFound } from '../../api/errors.ts';
import { allKinds, apiVersionOf, groupResource, type Kind, kinds } from '../../api/kinds.ts';
import type { KubeObject, OwnerReference } from '../../api/types.ts';
import type { WorkQueue } from '../../api/workqueue.ts';
import { atOnce } from '../at-once.ts';
import type { AnyInformer } from '../caches.ts';
import { type ControllerContext, newQueue, work } from '../context.ts';
import { decide, type OwnerState, type PropagationPolicy } from './decide.ts';
import { foregroundFinalizer, type GraphNode, graphNode, OwnerGraph, orphanFinalizer } from './graph.ts';

const concurrency = 20;
/** An owner that is made together with its dependents may reach the cache a moment after them. */
const unknownOwnerMs = 500;
const absentBound = 10_000;

export async function startGarbageCollector(context: ControllerContext): Promise<void> {
  const collector = new GarbageCollector(context);
  collector.watch();
  await Promise.all([
    work(context, collector.deletions, concurrency, (uid) => collector.attemptToDelete(uid)),
    work(context, collector.orphans, concurrency, (uid) => collector.attemptToOrphan(uid)),
  ]);
}

class GarbageCollector {
  readonly deletions: WorkQueue;
  readonly orphans: WorkQueue;
  readonly #context: ControllerContext;
  readonly #graph = new OwnerGraph();
  /** uids that a live read found to be gone; a uid never comes back. */
  readonly #absent = new Set<string>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.deletions = newQueue(context, 'garbage_collector_attempt_to_delete');
    this.orphans = newQueue(context, 'garbage_collector_attempt_to_orphan');
  }

  watch(): void {
    const { caches, signal } = this.#context;
    const follow = (informer: AnyInformer): void => {
      const { resource } = informer;
      const kind = typeof resource === 'string' ? kinds[resource] : resource;
      const seen = (object: KubeObject): void => this.#seen(graphNode(kind, object));
      informer.addHandler(
        {
          added: seen,
          updated: (_, object) => seen(object),
          deleted: (object) => this.#gone(object.metadata?.uid ?? ''),
        },
        signal,
      );
    };
    for (const informer of caches.owning) follow(informer);
    caches.custom.forEach(follow, signal);
  }

  #seen(node: GraphNode): void {
    const previous = this.#graph.put(node);
    if (node.orphaning) this.orphans.add(node.uid);
    if (node.deletingDependents && !previous?.deletingDependents) {
      this.deletions.add(node.uid);
      for (const { uid } of this.#graph.dependents(node.uid)) this.deletions.add(uid);
    }
    if (node.owners.length > 0 && !node.beingDeleted) {
      const states = node.owners.map(({ uid }) => this.#graph.get(uid));
      if (states.some((owner) => owner?.deletingDependents)) this.deletions.add(node.uid);
      else if (states.some((owner) => !owner)) this.deletions.addAfter(node.uid, unknownOwnerMs);
    }
    // A dependent that no longer blocks may have been the last one that did.
    for (const { uid } of previous?.owners ?? []) {
      if (this.#graph.get(uid)?.deletingDependents) this.deletions.add(uid);
    }
  }

  #gone(uid: string): void {
    const node = this.#graph.remove(uid);
    this.#remember(uid);
    for (const dependent of this.#graph.dependents(uid)) this.deletions.add(dependent.uid);
    for (const owner of node?.owners ?? []) {
      if (this.#graph.get(owner.uid)?.deletingDependents) this.deletions.add(owner.uid);
    }
  }

  #remember(uid: string): void {
    this.#absent.add(uid);
    const [oldest] = this.#absent;
    if (this.#absent.size > absentBound && oldest !== undefined) this.#absent.delete(oldest);
  }

  async attemptToDelete(uid: string): Promise<void> {
    const node = this.#graph.get(uid);
    if (!node) return;
    if (node.deletingDependents) return this.#finishForeground(node);
    if (node.owners.length === 0 || node.beingDeleted) return;
    // Most objects are looked at because their owner was seen late; the graph alone clears them.
    if (node.owners.every((owner) => this.#stateInGraph(node, owner) === 'present')) return;
    const live = await this.#read(node.kind, node.namespace, node.name);
    if (!live || live.metadata?.uid !== uid || live.metadata.deletionTimestamp) return;
    const references = live.metadata.ownerReferences ?? [];
    const owners: { reference: OwnerReference; state: OwnerState }[] = [];
    for (const reference of references) owners.push({ reference, state: await this.#stateOf(node, reference) });
    const dependents = this.#graph.dependents(uid);
    const decision = decide(live, owners, dependents.length > 0);
    switch (decision.action) {
      case 'keep':
        return;
      case 'dropReferences':
        return this.#setOwners(node, live, decision.owners);
      case 'delete':
        if (decision.policy === 'Foreground') await this.#breakCycle(node, dependents);
        return this.#delete(node, live, decision.policy);
    }
  }

  /** What the graph says for certain; undefined when it does not know the owner, or knows it under other coordinates. */
  #stateInGraph(dependent: GraphNode, reference: OwnerReference): OwnerState | undefined {
    const kind = this.#kindOf(reference);
    if (!kind) return 'present';
    const owner = this.#graph.get(reference.uid);
    if (!owner) return this.#absent.has(reference.uid) ? 'absent' : undefined;
    const namespace = kind.namespaced ? dependent.namespace : undefined;
    if (
      groupResource(owner.kind) !== groupResource(kind) ||
      owner.name !== reference.name ||
      owner.namespace !== namespace
    )
      return undefined;
    // An owner that is being deleted otherwise is still there until it is gone.
    return owner.deletingDependents ? 'waiting' : 'present';
  }

  async #stateOf(dependent: GraphNode, reference: OwnerReference): Promise<OwnerState> {
    const known = this.#stateInGraph(dependent, reference);
    if (known) return known;
    const kind = this.#kindOf(reference);
    // A cluster-wide object cannot be owned by a namespaced one: the reference means nothing, and nothing follows from it.
    if (!kind || (kind.namespaced && !dependent.namespace)) return 'present';
    const live = await this.#read(kind, kind.namespaced ? dependent.namespace : undefined, reference.name);
    if (live?.metadata?.uid === reference.uid) {
      const { deletionTimestamp, finalizers = [] } = live.metadata;
      return deletionTimestamp !== undefined && finalizers.includes(foregroundFinalizer) ? 'waiting' : 'present';
    }
    if (!live) this.#remember(reference.uid);
    return 'absent';
  }

  /** The finalizer goes when no dependent holds the owner back any more; until then they are deleted. */
  async #finishForeground(node: GraphNode): Promise<void> {
    const blocking = this.#graph.blockingDependents(node.uid);
    if (blocking.length === 0) return this.#removeFinalizer(node, foregroundFinalizer);
    for (const { uid, beingDeleted } of blocking) if (!beingDeleted) this.deletions.add(uid);
  }

  /** Two objects that own each other and are both deleted in the foreground would wait for ever. */
  async #breakCycle(node: GraphNode, dependents: readonly GraphNode[]): Promise<void> {
    if (!dependents.some(({ deletingDependents }) => deletingDependents)) return;
    const live = await this.#read(node.kind, node.namespace, node.name);
    if (live?.metadata?.uid !== node.uid) return;
    const references = (live.metadata.ownerReferences ?? []).map((owner) => ({ ...owner, blockOwnerDeletion: false }));
    await this.#setOwners(node, live, references);
  }

  async attemptToOrphan(uid: string): Promise<void> {
    const owner = this.#graph.get(uid);
    if (!owner?.orphaning) return;
    const errors = await atOnce(this.#graph.dependents(uid), async (dependent) => {
      const live = await this.#read(dependent.kind, dependent.namespace, dependent.name);
      if (live?.metadata?.uid !== dependent.uid) return;
      const references = live.metadata.ownerReferences ?? [];
      const rest = references.filter((reference) => reference.uid !== uid);
      if (rest.length < references.length) await this.#setOwners(dependent, live, rest);
    });
    if (errors.length > 0) throw errors[0];
    await this.#removeFinalizer(owner, orphanFinalizer);
  }

  async #removeFinalizer(node: GraphNode, finalizer: string): Promise<void> {
    const live = await this.#read(node.kind, node.namespace, node.name);
    if (live?.metadata?.uid !== node.uid) return;
    const present = live.metadata.finalizers ?? [];
    if (!present.includes(finalizer)) return;
    const finalizers = present.filter((name) => name !== finalizer);
    const { uid, resourceVersion } = live.metadata;
    await this.#patch(node, { metadata: { uid, resourceVersion, finalizers } });
  }

  async #setOwners(node: GraphNode, live: KubeObject, ownerReferences: OwnerReference[]): Promise<void> {
    const { uid, resourceVersion } = live.metadata ?? {};
    await this.#patch(node, { metadata: { uid, resourceVersion, ownerReferences } });
  }

  async #patch({ kind, namespace, name }: GraphNode, patch: KubeObject): Promise<void> {
    try {
      await this.#context.client.patch(kind, { namespace, name }, patch, { type: 'merge' });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #delete(
    { kind, namespace, name, uid }: GraphNode,
    live: KubeObject,
    propagationPolicy: PropagationPolicy,
  ): Promise<void> {
    const { client, metrics, logger } = this.#context;
    // With the version too, a background deletion is refused when an owner was added after the look at the owners.
    const resourceVersion = propagationPolicy === 'Background' ? live.metadata?.resourceVersion : undefined;
    const preconditions = { uid, ...(resourceVersion && { resourceVersion }) };
    logger.debug({ resource: kind.resource, namespace, name, propagationPolicy }, 'owners are gone: deleting');
    try {
      await client.delete(kind, { namespace, name }, { propagationPolicy, preconditions });
      metrics.gcDeletions.inc({ resource: kind.resource });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** The kind that a reference names; undefined for one that this cluster does not know. Custom ones have several versions. */
  #kindOf({ apiVersion = '', kind }: OwnerReference): Kind | undefined {
    const group = apiVersion.slice(0, apiVersion.indexOf('/'));
    return (
      allKinds.find((row) => row.kind === kind && apiVersionOf(row) === apiVersion) ??
      this.#context.caches.custom.kinds.find((row) => row.kind === kind && row.group === group)
    );
  }

  async #read(kind: Kind, namespace: string | undefined, name: string): Promise<KubeObject | undefined> {
    try {
      return await this.#context.client.get(kind, { namespace, name });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}
