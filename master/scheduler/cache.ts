/**
 * The scheduler's picture of the cluster: nodes with the pods on them, kept by small steps.
 *
 * A pod that was just given a node is *assumed* there before the API server has heard of it, so that the next pod already
 * sees the room as taken. The watch confirms it; a failed binding forgets it; and an assumed pod whose binding is over but
 * which the watch never confirmed expires.
 *
 * Everything here is synchronous: one pod's scheduling sees one state, with no copy of it.
 */
import { keyOf } from '../api/meta.ts';
import type { Namespace, Node, Pod } from '../api/types.ts';
import { NodeInfo } from './node-info.ts';
import { type PodInfo, podInfo } from './pod-info.ts';
import { type Labels, noLabels } from './pod-terms.ts';
import { VolumeCache } from './volumes/volume-cache.ts';

/** The place of a pod: told by the watch, or assumed (then, once the binding is over, with the time when it expires). */
type Placed =
  | { readonly state: 'confirmed'; readonly node: string }
  | { readonly state: 'assumed'; readonly node: string; readonly pod: PodInfo; expiresAt: number | undefined };

export interface ImageState {
  readonly size: number;
  nodes: number;
}

export class SchedulerCache {
  readonly volumes = new VolumeCache();
  readonly #assumedForMs: number;
  readonly #nodes = new Map<string, NodeInfo>();
  /** Invariant: `key` is here exactly if its pod is in the `pods` of the node that is named. */
  readonly #placed = new Map<string, Placed>();
  readonly #images = new Map<string, ImageState>();
  readonly #namespaces = new Map<string, Labels>();
  /** Invariant: `key` is here exactly if its pod is in the `nominated` of the node. */
  readonly #nominated = new Map<string, NodeInfo>();
  /** How many pods on nodes say which other pods they want near or far. */
  #withTerms = 0;
  /** The nodes that exist, in a stable order; made anew when a node comes or goes. */
  #list: NodeInfo[] | undefined;

  constructor(options: { assumedForMs?: number } = {}) {
    this.#assumedForMs = options.assumedForMs ?? 30_000;
  }

  /** The nodes that exist. The array must not be changed. */
  nodes(): readonly NodeInfo[] {
    this.#list ??= [...this.#nodes.values()].filter((info) => info.node !== undefined);
    return this.#list;
  }

  node(name: string): NodeInfo | undefined {
    return this.#nodes.get(name);
  }

  image(name: string): ImageState | undefined {
    return this.#images.get(name);
  }

  /** Whether any pod on a node says which other pods it wants near or far. */
  get hasTerms(): boolean {
    return this.#withTerms > 0;
  }

  /** The labels of a namespace; none where it is not known. */
  labelsOfNamespace(name: string): Labels {
    return this.#namespaces.get(name) ?? noLabels;
  }

  setNamespace({ metadata }: Namespace): void {
    this.#namespaces.set(metadata?.name ?? '', metadata?.labels ?? noLabels);
  }

  removeNamespace({ metadata }: Namespace): void {
    this.#namespaces.delete(metadata?.name ?? '');
  }

  counts(): { nodes: number; pods: number; assumed_pods: number } {
    const assumed = [...this.#placed.values()].filter(({ state }) => state === 'assumed').length;
    return { nodes: this.nodes().length, pods: this.#placed.size, assumed_pods: assumed };
  }

  /** A node came, or changed. */
  setNode(node: Node): NodeInfo {
    const info = this.#nodeInfo(node.metadata?.name ?? '');
    if (!info.node) this.#list = undefined;
    this.#countImages(info, -1);
    info.setNode(node);
    this.#countImages(info, 1);
    return info;
  }

  removeNode(name: string): void {
    const info = this.#nodes.get(name);
    if (!info) return;
    this.#countImages(info, -1);
    info.setNode(undefined);
    this.#list = undefined;
    this.#dropIfEmpty(info);
  }

  /** The watch shows a pod on a node: it is there, whatever was assumed. */
  setPod(pod: Pod): NodeInfo {
    const node = pod.spec?.nodeName ?? '';
    const info = podInfo(pod);
    this.#take(info.key);
    return this.#put(info, { state: 'confirmed', node });
  }

  /** The watch shows that a pod is gone, or has finished. Answers the node it was on. */
  removePod(pod: Pod): NodeInfo | undefined {
    return this.#take(keyOf(pod));
  }

  isAssumed(key: string): boolean {
    return this.#placed.get(key)?.state === 'assumed';
  }

  has(key: string): boolean {
    return this.#placed.has(key);
  }

  /** Others made room for the pod there, or are about to. */
  nominate(pod: PodInfo, node: string): void {
    this.withdraw(pod.key);
    const info = this.#nodes.get(node);
    if (!info) return;
    info.nominated.set(pod.key, pod);
    this.#nominated.set(pod.key, info);
  }

  /** The pod waits for no room that others make. */
  withdraw(key: string): void {
    this.#nominated.get(key)?.nominated.delete(key);
    this.#nominated.delete(key);
  }

  assume(pod: PodInfo, node: string): void {
    if (this.#placed.has(pod.key)) throw new Error(`pod ${pod.key} has a node already`);
    this.#put(pod, { state: 'assumed', node, pod, expiresAt: undefined });
  }

  /** The binding is over: from now on the watch has a limited time to confirm it. */
  finishBinding(pod: PodInfo, now: number): void {
    const placed = this.#assumption(pod);
    if (placed) placed.expiresAt = now + this.#assumedForMs;
  }

  /** The binding failed: the pod is not there. Answers the node whose room is free again. */
  forget(pod: PodInfo): NodeInfo | undefined {
    return this.#assumption(pod) ? this.#take(pod.key) : undefined;
  }

  /** Takes out the assumed pods whose time is over. */
  expire(now: number): PodInfo[] {
    const expired: PodInfo[] = [];
    for (const [key, placed] of this.#placed) {
      if (placed.state !== 'assumed' || placed.expiresAt === undefined || placed.expiresAt > now) continue;
      this.#take(key);
      expired.push(placed.pod);
    }
    return expired;
  }

  /** What is assumed of this very pod, not of another that has its name now. */
  #assumption({ key, uid }: PodInfo): (Placed & { state: 'assumed' }) | undefined {
    const placed = this.#placed.get(key);
    return placed?.state === 'assumed' && placed.pod.uid === uid ? placed : undefined;
  }

  #put(pod: PodInfo, placed: Placed): NodeInfo {
    this.withdraw(pod.key);
    const info = this.#nodeInfo(placed.node);
    info.addPod(pod);
    if (pod.terms) this.#withTerms += 1;
    this.#placed.set(pod.key, placed);
    return info;
  }

  #take(key: string): NodeInfo | undefined {
    const placed = this.#placed.get(key);
    const info = placed && this.#nodes.get(placed.node);
    if (!info) return undefined;
    this.#placed.delete(key);
    if (info.withTerms.has(key)) this.#withTerms -= 1;
    info.removePod(key);
    this.#dropIfEmpty(info);
    return info;
  }

  #nodeInfo(name: string): NodeInfo {
    let info = this.#nodes.get(name);
    if (!info) {
      info = new NodeInfo(name);
      this.#nodes.set(name, info);
    }
    return info;
  }

  #dropIfEmpty(info: NodeInfo): void {
    if (!info.node && info.pods.size === 0) this.#nodes.delete(info.name);
  }

  #countImages(info: NodeInfo, times: 1 | -1): void {
    for (const [name, size] of info.images) {
      const state = this.#images.get(name) ?? { size, nodes: 0 };
      state.nodes += times;
      if (state.nodes === 0) this.#images.delete(name);
      else this.#images.set(name, state);
    }
  }
}
