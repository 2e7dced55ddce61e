/**
 * The table of strategies: what the API serves. A new kind is a row in `master/api/kinds.ts`, a file here and a line below.
 */
import { allKinds, groupResource, type Kind } from '../../../api/kinds.ts';
import type { ServiceRanges } from '../allocation/service-allocator.ts';
import { definitionStrategy } from '../custom/definition.ts';
import type { Strategy } from '../strategy.ts';
import { csrStrategy } from './certificatesigningrequests.ts';
import { configMapStrategy } from './configmaps.ts';
import { controllerRevisionStrategy } from './controllerrevisions.ts';
import { daemonSetStrategy } from './daemonsets.ts';
import { deploymentStrategy } from './deployments.ts';
import { endpointsStrategy } from './endpoints.ts';
import { endpointSliceStrategy } from './endpointslices.ts';
import { eventStrategy } from './events.ts';
import { hpaStrategy } from './horizontalpodautoscalers.ts';
import { leaseStrategy } from './leases.ts';
import { namespaceStrategy } from './namespaces.ts';
import { nodeStrategy } from './nodes.ts';
import { plainStrategies } from './plain.ts';
import { podStrategy } from './pods.ts';
import { clusterRoleBindingStrategy, clusterRoleStrategy, roleBindingStrategy, roleStrategy } from './rbac.ts';
import { replicaSetStrategy } from './replicasets.ts';
import { replicationControllerStrategy } from './replicationcontrollers.ts';
import { secretStrategy } from './secrets.ts';
import { serviceAccountStrategy } from './serviceaccounts.ts';
import { createServiceStrategy } from './services.ts';
import { statefulSetStrategy } from './statefulsets.ts';

/** All strategies. Throws when two are for one kind, or a kind has none. */
export function createStrategies(ranges: ServiceRanges): readonly Strategy[] {
  return checked([
    namespaceStrategy,
    nodeStrategy,
    podStrategy,
    createServiceStrategy(ranges),
    endpointsStrategy,
    endpointSliceStrategy,
    replicationControllerStrategy,
    eventStrategy,
    leaseStrategy,
    configMapStrategy,
    secretStrategy,
    serviceAccountStrategy,
    csrStrategy,
    definitionStrategy,
    roleStrategy,
    roleBindingStrategy,
    clusterRoleStrategy,
    clusterRoleBindingStrategy,
    deploymentStrategy,
    replicaSetStrategy,
    statefulSetStrategy,
    daemonSetStrategy,
    controllerRevisionStrategy,
    hpaStrategy,
    ...plainStrategies,
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
