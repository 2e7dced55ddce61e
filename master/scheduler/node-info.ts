/** One node as the scheduler sees it: the object, and the sums over its pods, which are kept as pods come and go. */
import type { Node, Taint } from '../api/types.ts';
import { anyAddress, type HostPort, normalImage, type PodInfo } from './pod-info.ts';
import { addResources, noResources, type Resources, resourcesOf } from './resources.ts';

export class NodeInfo {
  readonly name: string;
  /** Undefined while only pods of this node are known, and after the node was deleted before its pods. */
  node: Node | undefined;
  allocatable: Resources = noResources();
  allowedPods = 0;
  taints: readonly Taint[] = [];
  zone: string | undefined;
  /** Image name (with tag) → size in bytes. */
  images: ReadonlyMap<string, number> = new Map();
  readonly pods = new Map<string, PodInfo>();
  /** Invariant: `requested` and `scored` are the sums over `pods`. */
  readonly requested: Resources = noResources();
  readonly scored: Resources = noResources();
  /** Those of `pods` that say which other pods they want near or far. */
  readonly withTerms = new Map<string, PodInfo>();
  /** Pods that wait for room that others made for them here. */
  readonly nominated = new Map<string, PodInfo>();
  readonly #owners = new Map<string, number>();
  readonly #hostPorts: HostPort[] = [];

  constructor(name: string) {
    this.name = name;
  }

  setNode(node: Node | undefined): void {
    this.node = node;
    this.allocatable = resourcesOf(node?.status?.allocatable);
    this.allowedPods = Number(node?.status?.allocatable?.pods ?? 0);
    this.taints = node?.spec?.taints ?? [];
    this.zone = node?.metadata?.labels?.['topology.kubernetes.io/zone'];
    this.images = imagesOf(node);
  }

  addPod(pod: PodInfo): void {
    if (this.pods.has(pod.key)) throw new Error(`pod ${pod.key} is on node ${this.name} already`);
    this.pods.set(pod.key, pod);
    if (pod.terms) this.withTerms.set(pod.key, pod);
    this.#count(pod, 1);
    this.#hostPorts.push(...pod.hostPorts);
  }

  removePod(key: string): void {
    const pod = this.pods.get(key);
    if (!pod) throw new Error(`pod ${key} is not on node ${this.name}`);
    this.pods.delete(key);
    this.withTerms.delete(key);
    this.#count(pod, -1);
    for (const port of pod.hostPorts) this.#hostPorts.splice(this.#hostPorts.indexOf(port), 1);
  }

  /** How many pods of this owner are here. */
  podsOf(owner: string): number {
    return this.#owners.get(owner) ?? 0;
  }

  /** Whether a pod here holds one of these ports; the unspecified address stands for all addresses. */
  portsTaken(ports: readonly HostPort[]): boolean {
    return ports.some((wanted) => this.#hostPorts.some((held) => clash(wanted, held)));
  }

  #count(pod: PodInfo, times: 1 | -1): void {
    addResources(this.requested, pod.requests, times);
    addResources(this.scored, pod.scored, times);
    if (pod.owner === undefined) return;
    const count = this.podsOf(pod.owner) + times;
    if (count === 0) this.#owners.delete(pod.owner);
    else this.#owners.set(pod.owner, count);
  }
}

function clash(a: HostPort, b: HostPort): boolean {
  const sameAddress = a.ip === b.ip || a.ip === anyAddress || b.ip === anyAddress;
  return a.port === b.port && a.protocol === b.protocol && sameAddress;
}

function imagesOf(node: Node | undefined): Map<string, number> {
  const images = new Map<string, number>();
  for (const { names = [], sizeBytes = 0 } of node?.status?.images ?? []) {
    for (const name of names) images.set(normalImage(name), sizeBytes);
  }
  return images;
}
