/**
 * What a controller has done and its cache has not shown yet. While anything is outstanding, the difference between wanted
 * and counted replicas is not to be trusted, and the controller neither creates nor deletes.
 *
 * Kubernetes counts events down; here each expectation names an object and is looked up in the cache, so a missed, repeated
 * or merged event cannot make the books wrong and none of them needs to expire.
 */
import type { Pod } from '../../api/types.ts';

/** The part of the pods' cache that is asked. */
export interface PodView {
  get(key: string): Pod | undefined;
  readonly resourceVersion: string | undefined;
}

interface Outstanding {
  /** uid → key and the revision that the creation was answered with. */
  readonly created: Map<string, { key: string; revision: number }>;
  /** uid → key. */
  readonly deleted: Map<string, string>;
}

export class Expectations {
  readonly #view: PodView;
  readonly #outstanding = new Map<string, Outstanding>();

  constructor(view: PodView) {
    this.#view = view;
  }

  expectCreated(owner: string, pod: Pod): void {
    const { uid, namespace, name, resourceVersion } = pod.metadata ?? {};
    if (uid) this.#of(owner).created.set(uid, { key: `${namespace}/${name}`, revision: revisionOf(resourceVersion) });
  }

  expectDeleted(owner: string, pod: Pod): void {
    const { uid, namespace, name } = pod.metadata ?? {};
    if (uid) this.#of(owner).deleted.set(uid, `${namespace}/${name}`);
  }

  /** Whether the cache shows everything that was done for this owner. */
  satisfied(owner: string): boolean {
    const outstanding = this.#outstanding.get(owner);
    if (!outstanding) return true;
    const seen = revisionOf(this.#view.resourceVersion);
    for (const [uid, { key, revision }] of outstanding.created) {
      // A pod that came and went is not in the cache any more, but the cache's revision has passed its creation.
      if (this.#view.get(key)?.metadata?.uid === uid || seen >= revision) outstanding.created.delete(uid);
    }
    for (const [uid, key] of outstanding.deleted) {
      const pod = this.#view.get(key);
      if (pod?.metadata?.uid !== uid || pod.metadata.deletionTimestamp !== undefined) outstanding.deleted.delete(uid);
    }
    if (outstanding.created.size + outstanding.deleted.size > 0) return false;
    this.#outstanding.delete(owner);
    return true;
  }

  /** The owner is gone: nothing is expected for it any more. */
  forget(owner: string): void {
    this.#outstanding.delete(owner);
  }

  #of(owner: string): Outstanding {
    let outstanding = this.#outstanding.get(owner);
    if (!outstanding) {
      outstanding = { created: new Map(), deleted: new Map() };
      this.#outstanding.set(owner, outstanding);
    }
    return outstanding;
  }
}

/** etcd's revisions stay far below 2^53, so a number compares them exactly. */
export function revisionOf(resourceVersion: string | undefined): number {
  const revision = Number(resourceVersion ?? 0);
  return Number.isSafeInteger(revision) ? revision : 0;
}
