/** The two kinds that keep a number of pods alike, and what the one manager of both has to know of each. */
import type { Client } from '../../api/client.ts';
import { type Kind, kinds } from '../../api/kinds.ts';
import { controllerOf, type nameOf } from '../../api/meta.ts';
import {
  labelSelectorFromMap,
  labelSelectorFromObject,
  labelSelectorText,
  matchesLabels,
} from '../../api/selectors.ts';
import type { KubeObject, Pod, PodTemplateSpec, ReplicaSet, ReplicationController } from '../../api/types.ts';
import { type Caches, namespaceIndex, podIndex } from '../caches.ts';
import type { PodSelection } from './freshness.ts';

export type ReplicaStatus = NonNullable<ReplicationController['status']> & NonNullable<ReplicaSet['status']>;

/** What is asked of either kind. */
export interface ReplicaOwner extends KubeObject {
  readonly spec?: {
    readonly replicas?: number;
    readonly minReadySeconds?: number;
    readonly template?: PodTemplateSpec;
  };
  readonly status?: ReplicaStatus;
}

interface Handler<Owner> {
  added(owner: Owner): void;
  updated(previous: Owner, owner: Owner): void;
  deleted(owner: Owner): void;
}

export interface OwnerCache<Owner> {
  get(key: string): Owner | undefined;
  byIndex(index: string, value: string): readonly Owner[];
  addHandler(handler: Handler<Owner>, signal: AbortSignal): void;
}

export interface ReplicaKind<Owner extends ReplicaOwner> extends PodSelection<Owner> {
  readonly kind: Kind;
  /** The name of the work queue, and the component in whose name events are recorded: those of Kubernetes. */
  readonly queue: string;
  readonly component: string;
  readonly countsTerminating: boolean;
  cache(caches: Caches): OwnerCache<Owner>;
  /** The pods beside which the owner's count when it is asked which node holds many. */
  related(owner: Owner, caches: Caches): readonly Pod[];
  read(client: Client, name: ReturnType<typeof nameOf>): Promise<Owner>;
  writeStatus(client: Client, owner: Owner, status: ReplicaStatus): Promise<unknown>;
}

export const replicationControllers: ReplicaKind<ReplicationController> = {
  kind: kinds.replicationcontrollers,
  queue: 'replicationcontroller',
  component: 'replication-controller',
  countsTerminating: false,
  cache: ({ replicationcontrollers }) => replicationcontrollers,
  /** A plain map; an empty one selects nothing. */
  selects({ spec }, pod) {
    const requirements = labelSelectorFromMap(spec?.selector ?? {});
    return requirements.length > 0 && matchesLabels(requirements, pod.metadata?.labels);
  },
  selectorText: ({ spec }) => labelSelectorText({ matchLabels: spec?.selector }),
  related: (owner, { pods }) => pods.byIndex(podIndex.controller, owner.metadata?.uid ?? ''),
  read: (client, name) => client.get('replicationcontrollers', name),
  writeStatus: (client, owner, status) =>
    client.update('replicationcontrollers', { ...owner, status }, { subresource: 'status' }),
};

export const replicaSets: ReplicaKind<ReplicaSet> = {
  kind: kinds.replicasets,
  queue: 'replicaset',
  component: 'replicaset-controller',
  countsTerminating: true,
  cache: ({ replicasets }) => replicasets,
  selects: ({ spec }, pod) => matchesLabels(labelSelectorFromObject(spec?.selector ?? {}), pod.metadata?.labels),
  selectorText: ({ spec }) => labelSelectorText(spec?.selector),
  /** Those of all ReplicaSets of one Deployment: of two of them the pod on the node that the other crowds goes first. */
  related(owner, { replicasets, pods }) {
    const deployment = controllerOf(owner)?.uid;
    const siblings = replicasets
      .byIndex(namespaceIndex, owner.metadata?.namespace ?? '')
      .filter((other) => deployment !== undefined && controllerOf(other)?.uid === deployment);
    const owners = siblings.length > 0 ? siblings : [owner];
    return owners.flatMap(({ metadata }) => pods.byIndex(podIndex.controller, metadata?.uid ?? ''));
  },
  read: (client, name) => client.get('replicasets', name),
  writeStatus: (client, owner, status) => client.update('replicasets', { ...owner, status }, { subresource: 'status' }),
};
