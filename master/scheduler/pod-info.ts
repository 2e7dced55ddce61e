/** What the scheduler knows of one pod, read from the object once instead of at every node. */
import { controllerOf, keyOf } from '../api/meta.ts';
import { type PreferredNodes, preferredNodes, type RequiredNodes, requiredNodes } from '../api/node-selector.ts';
import type { Pod, Toleration } from '../api/types.ts';
import { claimNameOf } from '../api/volume-claims.ts';
import {
  type Labels,
  noLabels,
  type PodTerms,
  podTerms,
  type SpreadConstraint,
  spreadConstraints,
} from './pod-terms.ts';
import { podRequests, type Resources, scoredRequests } from './resources.ts';

export interface HostPort {
  readonly protocol: string;
  readonly ip: string;
  readonly port: number;
}

/** A claim that a pod names. */
export interface PodClaim {
  readonly key: string;
  readonly name: string;
  /** Whether it is made for the pod, and for no other. */
  readonly isOwn: boolean;
}

const noClaims: readonly PodClaim[] = [];

export interface PodInfo {
  readonly pod: Pod;
  readonly key: string;
  readonly uid: string;
  readonly priority: number;
  readonly requests: Resources;
  readonly scored: Resources;
  readonly hostPorts: readonly HostPort[];
  readonly tolerations: readonly Toleration[];
  readonly required: RequiredNodes | undefined;
  readonly preferred: readonly PreferredNodes[];
  /** The uid of the controller that made it; its siblings are spread over nodes. */
  readonly owner: string | undefined;
  readonly images: readonly string[];
  readonly namespace: string;
  readonly labels: Labels;
  /** What it says of the pods that it wants near or far; undefined where it says nothing. */
  readonly terms: PodTerms | undefined;
  readonly spread: readonly SpreadConstraint[];
  /** The claims of its volumes, in their order, each once. */
  readonly claims: readonly PodClaim[];
  /** Whether it is being deleted. */
  readonly terminating: boolean;
}

export const anyAddress = '0.0.0.0';

export function podInfo(pod: Pod): PodInfo {
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  const hostPorts = containers.flatMap((container) =>
    (container.ports ?? []).flatMap(({ hostPort, hostIP, protocol }) =>
      hostPort ? [{ protocol: protocol || 'TCP', ip: hostIP || anyAddress, port: hostPort }] : [],
    ),
  );
  return {
    pod,
    key: keyOf(pod),
    uid: pod.metadata?.uid ?? '',
    priority: pod.spec?.priority ?? 0,
    requests: podRequests(pod),
    scored: scoredRequests(pod),
    hostPorts,
    tolerations: pod.spec?.tolerations ?? [],
    required: requiredNodes(pod),
    preferred: preferredNodes(pod),
    owner: controllerOf(pod)?.uid,
    images: containers.map((container) => normalImage(container.image ?? '')),
    namespace: pod.metadata?.namespace ?? '',
    labels: pod.metadata?.labels ?? noLabels,
    terms: podTerms(pod),
    spread: spreadConstraints(pod),
    claims: claimsOf(pod),
    terminating: pod.metadata?.deletionTimestamp !== undefined,
  };
}

function claimsOf(pod: Pod): readonly PodClaim[] {
  const claims = new Map<string, PodClaim>();
  for (const volume of pod.spec?.volumes ?? []) {
    const name = claimNameOf(pod, volume);
    if (name === undefined || claims.has(name)) continue;
    claims.set(name, { key: `${pod.metadata?.namespace}/${name}`, name, isOwn: volume.ephemeral !== undefined });
  }
  return claims.size === 0 ? noClaims : [...claims.values()];
}

/** An image's name with its tag, as nodes report it: `echo` is `echo:latest`. */
export function normalImage(name: string): string {
  return name.lastIndexOf(':') > name.lastIndexOf('/') || name.includes('@') ? name : `${name}:latest`;
}
