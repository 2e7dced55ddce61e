/**
 * The table of controllers: each is a row here and a file or folder beside it. The names are kube-controller-manager's, for
 * its flag --controllers.
 */

import { startCsrApproving } from './certificates/csr-approving.ts';
import { startCsrCleaner } from './certificates/csr-cleaner.ts';
import { startCsrSigning } from './certificates/csr-signing.ts';
import { startClusterRoleAggregation } from './cluster-role-aggregation.ts';
import type { StartController } from './context.ts';
import { startCronJobs } from './cronjob/cronjob-controller.ts';
import { startDaemonSets } from './daemonset/daemonset-controller.ts';
import { startDeployments } from './deployment/deployment-controller.ts';
import { startDisruption } from './disruption/disruption.ts';
import { startEndpoints } from './endpoints/endpoints.ts';
import { startEndpointSlices } from './endpoints/endpointslices.ts';
import { startEndpointSliceMirroring } from './endpoints/mirroring.ts';
import { startGarbageCollector } from './garbage-collector/garbage-collector.ts';
import { startJobs } from './job/job-controller.ts';
import { startTtlAfterFinished } from './job/ttl-after-finished.ts';
import { startNamespaces } from './namespace.ts';
import { startNodeIpam } from './node-ipam.ts';
import { startNodeLifecycle } from './node-lifecycle/node-lifecycle.ts';
import { startTaintEviction } from './node-lifecycle/taint-eviction.ts';
import { startNodeTtl } from './node-ttl.ts';
import { startPodGc } from './pod-gc.ts';
import { startReplicaSets, startReplicationController } from './replication/replica-manager.ts';
import { startResourceQuota } from './resource-quota.ts';
import { startRootCaPublisher, startServiceAccounts } from './service-account.ts';
import { startServiceCidrs } from './service-cidrs.ts';
import { startStatefulSets } from './statefulset/statefulset-controller.ts';
import { startTokenCleaner } from './token-cleaner.ts';
import { startClaimProtection, startVolumeProtection } from './volume-protection.ts';
import { startEphemeralVolumes } from './volumes/ephemeral-volumes.ts';
import { startVolumeBinder } from './volumes/volume-binder.ts';

export interface ControllerRow {
  readonly name: string;
  readonly start: StartController;
}

export const controllerTable: readonly ControllerRow[] = checked([
  { name: 'replicationcontroller-controller', start: startReplicationController },
  { name: 'replicaset-controller', start: startReplicaSets },
  { name: 'deployment-controller', start: startDeployments },
  { name: 'daemonset-controller', start: startDaemonSets },
  { name: 'statefulset-controller', start: startStatefulSets },
  { name: 'job-controller', start: startJobs },
  { name: 'cronjob-controller', start: startCronJobs },
  { name: 'node-lifecycle-controller', start: startNodeLifecycle },
  { name: 'taint-eviction-controller', start: startTaintEviction },
  { name: 'node-ipam-controller', start: startNodeIpam },
  { name: 'ttl-controller', start: startNodeTtl },
  { name: 'endpoints-controller', start: startEndpoints },
  { name: 'endpointslice-controller', start: startEndpointSlices },
  { name: 'endpointslice-mirroring-controller', start: startEndpointSliceMirroring },
  { name: 'namespace-controller', start: startNamespaces },
  { name: 'garbage-collector-controller', start: startGarbageCollector },
  { name: 'pod-garbage-collector-controller', start: startPodGc },
  { name: 'serviceaccount-controller', start: startServiceAccounts },
  { name: 'root-ca-certificate-publisher-controller', start: startRootCaPublisher },
  { name: 'resourcequota-controller', start: startResourceQuota },
  { name: 'disruption-controller', start: startDisruption },
  { name: 'service-cidr-controller', start: startServiceCidrs },
  { name: 'ttl-after-finished-controller', start: startTtlAfterFinished },
  { name: 'token-cleaner-controller', start: startTokenCleaner },
  { name: 'certificatesigningrequest-approving-controller', start: startCsrApproving },
  { name: 'certificatesigningrequest-signing-controller', start: startCsrSigning },
  { name: 'certificatesigningrequest-cleaner-controller', start: startCsrCleaner },
  { name: 'persistentvolume-binder-controller', start: startVolumeBinder },
  { name: 'ephemeral-volume-controller', start: startEphemeralVolumes },
  { name: 'persistentvolumeclaim-protection-controller', start: startClaimProtection },
  { name: 'persistentvolume-protection-controller', start: startVolumeProtection },
  { name: 'clusterrole-aggregation-controller', start: startClusterRoleAggregation },
]);

/** The table itself; throws when two rows have one name. */
export function checked<T extends { readonly name: string }>(rows: readonly T[]): readonly T[] {
  const names = new Set<string>();
  for (const { name } of rows) {
    if (names.has(name)) throw new Error(`the table of controllers has ${name} twice`);
    names.add(name);
  }
  return rows;
}

/**
 * The rows that `selection` asks for: `*` all, a name that one, `-name` not that one (it wins over `*`). Throws an Error that
 * names what is not in the table.
 */
export function selectControllers<T extends { readonly name: string }>(
  rows: readonly T[],
  selection: readonly string[],
): T[] {
  const known = new Set(rows.map(({ name }) => name));
  for (const item of selection) {
    const name = item.replace(/^-/, '');
    if (name !== '*' && !known.has(name)) throw new Error(`"${name}" is not in the list of known controllers`);
  }
  return rows.filter(
    ({ name }) => selection.includes(name) || (selection.includes('*') && !selection.includes(`-${name}`)),
  );
}
