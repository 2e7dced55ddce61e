/**
 * The table of strategies: what the API serves. A new kind is a row in `master/api/kinds.ts`, a file here and a line below.
 */
import { allKinds, groupResource, type Kind } from '../../../api/kinds.ts';
import type { ServiceRanges } from '../allocation/service-allocator.ts';
import { definitionStrategy } from '../custom/definition.ts';
import type { Resource } from '../resource.ts';
import type { Strategy } from '../strategy.ts';
import {
  mutatingPolicyBindingStrategy,
  mutatingPolicyStrategy,
  validatingPolicyBindingStrategy,
  validatingPolicyStrategy,
} from './admission-policies.ts';
import { apiServiceStrategy } from './apiservices.ts';
import { csrStrategy } from './certificatesigningrequests.ts';
import { priorityClassStrategy, runtimeClassStrategy } from './classes-of-pods.ts';
import { configMapStrategy } from './configmaps.ts';
import { controllerRevisionStrategy } from './controllerrevisions.ts';
import { cronJobStrategy } from './cronjobs.ts';
import { daemonSetStrategy } from './daemonsets.ts';
import { deploymentStrategy } from './deployments.ts';
import {
  deviceClassStrategy,
  resourceClaimStrategy,
  resourceClaimTemplateStrategy,
  resourceSliceStrategy,
} from './devices.ts';
import { endpointsStrategy } from './endpoints.ts';
import { endpointSliceStrategy } from './endpointslices.ts';
import { eventStrategy } from './events.ts';
import { flowSchemaStrategy, priorityLevelStrategy } from './flowcontrol.ts';
import { hpaStrategy } from './horizontalpodautoscalers.ts';
import { ingressClassStrategy, ingressStrategy } from './ingresses.ts';
import { jobStrategy } from './jobs.ts';
import { leaseStrategy } from './leases.ts';
import { limitRangeStrategy, resourceQuotaStrategy } from './limits.ts';
import { namespaceStrategy } from './namespaces.ts';
import { networkPolicyStrategy } from './networkpolicies.ts';
import { nodeStrategy } from './nodes.ts';
import { persistentVolumeClaimStrategy } from './persistentvolumeclaims.ts';
import { persistentVolumeStrategy } from './persistentvolumes.ts';
import { podDisruptionBudgetStrategy } from './poddisruptionbudgets.ts';
import { createPodStrategy } from './pods.ts';
import { podTemplateStrategy } from './podtemplates.ts';
import { clusterRoleBindingStrategy, clusterRoleStrategy, roleBindingStrategy, roleStrategy } from './rbac.ts';
import { replicaSetStrategy } from './replicasets.ts';
import { replicationControllerStrategy } from './replicationcontrollers.ts';
import { secretStrategy } from './secrets.ts';
import { ipAddressStrategy, serviceCidrStrategy } from './service-ranges.ts';
import { serviceAccountStrategy } from './serviceaccounts.ts';
import { createServiceStrategy } from './services.ts';
import { statefulSetStrategy } from './statefulsets.ts';
import {
  csiDriverStrategy,
  csiNodeStrategy,
  csiStorageCapacityStrategy,
  storageClassStrategy,
  volumeAttachmentStrategy,
  volumeAttributesClassStrategy,
} from './storage.ts';
import { mutatingWebhookStrategy, validatingWebhookStrategy } from './webhooks.ts';

export interface StrategyParts extends ServiceRanges {
  /** The registry's resources, for what one resource does to another; asked only in requests. */
  readonly resources: (kind: Kind) => Resource;
}

/** All strategies. Throws when two are for one kind, or a kind has none. */
export function createStrategies({ resources, ...ranges }: StrategyParts): readonly Strategy[] {
  return checked([
    namespaceStrategy,
    nodeStrategy,
    createPodStrategy(resources),
    replicationControllerStrategy,
    createServiceStrategy(ranges),
    endpointsStrategy,
    eventStrategy,
    configMapStrategy,
    secretStrategy,
    serviceAccountStrategy,
    podTemplateStrategy,
    limitRangeStrategy,
    resourceQuotaStrategy,
    persistentVolumeStrategy,
    persistentVolumeClaimStrategy,
    apiServiceStrategy,
    deploymentStrategy,
    replicaSetStrategy,
    statefulSetStrategy,
    daemonSetStrategy,
    controllerRevisionStrategy,
    hpaStrategy,
    jobStrategy,
    cronJobStrategy,
    csrStrategy,
    ingressStrategy,
    ingressClassStrategy,
    networkPolicyStrategy,
    ipAddressStrategy,
    serviceCidrStrategy,
    podDisruptionBudgetStrategy,
    roleStrategy,
    roleBindingStrategy,
    clusterRoleStrategy,
    clusterRoleBindingStrategy,
    storageClassStrategy,
    volumeAttachmentStrategy,
    csiDriverStrategy,
    csiNodeStrategy,
    csiStorageCapacityStrategy,
    volumeAttributesClassStrategy,
    mutatingWebhookStrategy,
    validatingWebhookStrategy,
    validatingPolicyStrategy,
    validatingPolicyBindingStrategy,
    mutatingPolicyStrategy,
    mutatingPolicyBindingStrategy,
    definitionStrategy,
    priorityClassStrategy,
    leaseStrategy,
    runtimeClassStrategy,
    endpointSliceStrategy,
    deviceClassStrategy,
    resourceClaimStrategy,
    resourceClaimTemplateStrategy,
    resourceSliceStrategy,
    flowSchemaStrategy,
    priorityLevelStrategy,
  ]);
}

function checked(strategies: readonly Strategy[]): readonly Strategy[] {
  const seen = new Set<Kind>();
  for (const { kind } of strategies) {
    if (seen.has(kind)) throw new Error(`the table of strategies has ${groupResource(kind)} twice`);
    seen.add(kind);
  }
  for (const kind of allKinds) {
    if (!seen.has(kind)) throw new Error(`the table of strategies lacks ${groupResource(kind)}`);
  }
  return strategies;
}
