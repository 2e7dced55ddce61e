/**
 * Whether the pods' cache shows all that earlier leaders did for an owner of replicas.
 *
 * Expectations cover only what this leader did in this term. The fence lets no older leader's write through after this term began,
 * so a cache that is complete up to there shows them all. Where the cache hears of nothing newer, a consistent list of an owner's pods
 * says whether it does, before the first creation or deletion for it; and again when the outcome of a write is not known.
 */
import type { Client, Selection } from '../../api/client.ts';
import { ApiUnreachable } from '../../api/client.ts';
import { isStatusError } from '../../api/errors.ts';
import { controllerOf, keyOf } from '../../api/meta.ts';
import type { KubeObject, ObjectList, Pod } from '../../api/types.ts';
import { type PodView, revisionOf } from './expectations.ts';

/** A cache of pods that says when it is complete up to a resourceVersion. */
export interface FollowedPods extends PodView {
  reached(version: string, signal: AbortSignal): Promise<void>;
}

/** A list costs much where there are many pods; in between, the cache may reach the last one's revision by itself. */
const listEveryMs = 50;

/** Which pods count for an owner; `selectorText` is a selector for the API server that finds all that `selects`. */
export interface PodSelection<Owner> {
  selects(owner: Owner, pod: Pod): boolean;
  selectorText(owner: Owner): string;
}

export class Freshness<Owner extends KubeObject> {
  readonly #client: Client;
  readonly #selection: PodSelection<Owner>;
  readonly #view: FollowedPods;
  /** The resourceVersion at which the term began. */
  readonly #since: string;
  readonly #verified = new Set<string>();
  /** Owners of which a write's outcome is not known: what the cache must show of them may be newer than the term. */
  readonly #doubted = new Set<string>();
  /** Owner's uid → the revision of its first live list, which the cache had not reached, and when the last list was made. */
  readonly #behind = new Map<string, { readonly revision: number; readonly listedMs: number }>();

  constructor(client: Client, selection: PodSelection<Owner>, view: FollowedPods, since: string) {
    this.#client = client;
    this.#selection = selection;
    this.#view = view;
    this.#since = since;
  }

  /** True once the cache is known to show what the API server had in this term. `cached`: the owner's pods in the cache. */
  async verify(owner: Owner, cached: readonly Pod[]): Promise<boolean> {
    const uid = owner.metadata?.uid ?? '';
    if (this.#verified.has(uid)) return true;
    const doubted = this.#doubted.has(uid);
    if (!doubted && revisionOf(this.#view.resourceVersion) >= revisionOf(this.#since)) return this.#settle(uid);
    const behind = this.#behind.get(uid);
    if (behind && revisionOf(this.#view.resourceVersion) >= behind.revision) return this.#settle(uid);
    const listedMs = performance.now();
    if (behind && listedMs - behind.listedMs < listEveryMs) return false;
    const labelSelector = this.#selection.selectorText(owner);
    const list = await this.#listed({ namespace: owner.metadata?.namespace, labelSelector }, doubted);
    if (!list) return this.#settle(uid);
    const revision = revisionOf(list.metadata.resourceVersion);
    const mine = list.items.filter(
      (pod) => this.#selection.selects(owner, pod) && (controllerOf(pod)?.uid ?? uid) === uid,
    );
    if (showsTheSame(this.#view, cached, mine, revision)) return this.#settle(uid);
    // Keep the first target: a busy cache passes it even if the two lists never come out equal.
    this.#behind.set(uid, { revision: behind?.revision ?? revision, listedMs });
    return false;
  }

  /** What is known of this owner no longer holds: the next creation or deletion verifies anew. */
  doubt({ metadata }: KubeObject): void {
    const uid = metadata?.uid ?? '';
    this.#verified.delete(uid);
    this.#behind.delete(uid);
    this.#doubted.add(uid);
  }

  /** The list; undefined if the cache was quicker to reach the term's begin, and that is enough. */
  async #listed(selection: Selection, doubted: boolean): Promise<ObjectList<Pod> | undefined> {
    const list = this.#client.list('pods', selection);
    if (doubted) return list;
    const over = new AbortController();
    try {
      return await Promise.race([list, this.#view.reached(this.#since, over.signal).then(() => undefined)]);
    } finally {
      over.abort();
      // To abort it would cost its connection.
      list.catch(() => {});
    }
  }

  #settle(uid: string): boolean {
    this.#behind.delete(uid);
    this.#doubted.delete(uid);
    this.#verified.add(uid);
    return true;
  }
}

/** Whether the cache holds every live pod at least as new, and no cached pod is missing from the list it should be in. */
function showsTheSame(view: PodView, cached: readonly Pod[], live: readonly Pod[], revision: number): boolean {
  const liveUids = new Set(live.map((pod) => pod.metadata?.uid));
  const allSeen = live.every((pod) => {
    const seen = view.get(keyOf(pod))?.metadata;
    return (
      seen?.uid === pod.metadata?.uid && revisionOf(seen?.resourceVersion) >= revisionOf(pod.metadata?.resourceVersion)
    );
  });
  return (
    allSeen &&
    cached.every((pod) => liveUids.has(pod.metadata?.uid) || revisionOf(pod.metadata?.resourceVersion) > revision)
  );
}

/** Whether a failed write may have been applied after all. */
export function outcomeUnknown(error: unknown): boolean {
  if (error instanceof ApiUnreachable) return error.maybeApplied;
  return isStatusError(error) ? error.reason === 'Timeout' || error.code >= 500 : true;
}
