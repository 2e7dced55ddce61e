/**
 * The caches that all controllers share: one informer a resource, with the indexes that controllers ask. They run on a standby
 * as well, so that a takeover does not wait for a list.
 */
import type { Client } from '../api/client.ts';
import type { Informer } from '../api/informer.ts';
import { Informers } from '../api/informers.ts';
import { allKinds, type Kind, kinds } from '../api/kinds.ts';
import type { Logger } from '../api/logging.ts';
import { controllerOf } from '../api/meta.ts';
import type { KubeObject, ResourceName } from '../api/types.ts';
import { CustomCaches } from './custom-caches.ts';

/** What the garbage collector needs of any informer, whatever its resource. */
export interface AnyInformer {
  readonly resource: ResourceName | Kind;
  readonly resourceVersion: string;
  addHandler(
    handler: {
      added?(object: KubeObject): void;
      updated?(previous: KubeObject, object: KubeObject): void;
      deleted?(object: KubeObject): void;
    },
    signal?: AbortSignal,
  ): void;
}

export type Caches = ReturnType<typeof createCaches>;
export type PodCache = Informer<'pods'>;

/** Names of indexes, so that a misspelt one does not compile. */
export const podIndex = {
  node: 'node',
  controller: 'controller',
  /** By the key of their Job, whichever of that name. */
  job: 'job',
  orphans: 'orphans',
  namespace: 'namespace',
} as const;
export const namespaceIndex = 'namespace';
export const serviceIndex = 'service';
export const serviceNameLabel = 'kubernetes.io/service-name';

export function createCaches(client: Client, logger: Logger) {
  const informers = new Informers(client, logger);
  const pods = informers.for('pods');
  pods.addIndex(podIndex.node, (pod) => [pod.spec?.nodeName ?? '']);
  pods.addIndex(podIndex.namespace, (pod) => [pod.metadata?.namespace ?? '']);
  pods.addIndex(podIndex.controller, controllerUid);
  pods.addIndex(podIndex.job, (pod) => {
    const owner = controllerOf(pod);
    return owner?.kind === kinds.jobs.kind ? [`${pod.metadata?.namespace}/${owner.name}`] : [];
  });
  pods.addIndex(podIndex.orphans, (pod) => (controllerOf(pod) ? [] : [pod.metadata?.namespace ?? '']));
  const replicationcontrollers = informers.for('replicationcontrollers');
  replicationcontrollers.addIndex(namespaceIndex, (rc) => [rc.metadata?.namespace ?? '']);
  const replicasets = informers.for('replicasets');
  replicasets.addIndex(namespaceIndex, (set) => [set.metadata?.namespace ?? '']);
  const deployments = informers.for('deployments');
  deployments.addIndex(namespaceIndex, (deployment) => [deployment.metadata?.namespace ?? '']);
  const jobs = informers.for('jobs');
  jobs.addIndex(namespaceIndex, (job) => [job.metadata?.namespace ?? '']);
  jobs.addIndex(podIndex.controller, controllerUid);
  const daemonsets = informers.for('daemonsets');
  daemonsets.addIndex(namespaceIndex, (set) => [set.metadata?.namespace ?? '']);
  const statefulsets = informers.for('statefulsets');
  statefulsets.addIndex(namespaceIndex, (set) => [set.metadata?.namespace ?? '']);
  const controllerrevisions = informers.for('controllerrevisions');
  controllerrevisions.addIndex(namespaceIndex, (revision) => [revision.metadata?.namespace ?? '']);
  const services = informers.for('services');
  services.addIndex(namespaceIndex, (service) => [service.metadata?.namespace ?? '']);
  const poddisruptionbudgets = informers.for('poddisruptionbudgets');
  poddisruptionbudgets.addIndex(namespaceIndex, (budget) => [budget.metadata?.namespace ?? '']);
  const endpointslices = informers.for('endpointslices');
  endpointslices.addIndex(serviceIndex, ({ metadata }) => {
    const service = metadata?.labels?.[serviceNameLabel];
    return service ? [`${metadata?.namespace}/${service}`] : [];
  });
  return {
    informers,
    pods,
    replicationcontrollers,
    replicasets,
    deployments,
    jobs,
    cronjobs: informers.for('cronjobs'),
    daemonsets,
    statefulsets,
    controllerrevisions,
    persistentvolumeclaims: informers.for('persistentvolumeclaims'),
    services,
    poddisruptionbudgets,
    endpointslices,
    endpoints: informers.for('endpoints'),
    nodes: informers.for('nodes'),
    leases: informers.for('leases'),
    namespaces: informers.for('namespaces'),
    configmaps: informers.for('configmaps'),
    secrets: informers.for('secrets'),
    serviceaccounts: informers.for('serviceaccounts'),
    certificatesigningrequests: informers.for('certificatesigningrequests'),
    clusterroles: informers.for('clusterroles'),
    custom: new CustomCaches(client, logger, informers.for('customresourcedefinitions')),
    /** Every resource whose objects may own or be owned. Events are not: they expire by themselves. */
    owning: owningResources().map((resource): AnyInformer => informers.for(resource) as AnyInformer),
  };
}

function controllerUid(object: KubeObject): string[] {
  const uid = controllerOf(object)?.uid;
  return uid ? [uid] : [];
}

/** The kinds of the table that the garbage collector looks after. */
export function owningResources(): ResourceName[] {
  return allKinds.map(({ resource }) => resource as ResourceName).filter((resource) => resource !== 'events');
}
