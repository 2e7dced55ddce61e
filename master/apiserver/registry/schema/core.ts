/** The shapes of the other kinds, small enough to stand in one file. */
import { conditionFields, conditions, kindShape, localObjectReference, objectReference } from './meta.ts';
import { podTemplate } from './pod.ts';
import {
  any,
  boolean,
  integer,
  intOrString,
  list,
  listBy,
  map,
  object,
  quantity,
  setOf,
  string,
  stringMap,
} from './shape.ts';

const quantities = map(quantity);

export const namespaceShape = kindShape({
  spec: object({ finalizers: list(string) }),
  status: object({ phase: string, conditions }),
});

export const nodeShape = kindShape({
  spec: object({
    podCIDR: string,
    podCIDRs: setOf(string),
    providerID: string,
    unschedulable: boolean,
    taints: list(object({ key: string, value: string, effect: string, timeAdded: string })),
  }),
  status: object({
    capacity: quantities,
    allocatable: quantities,
    phase: string,
    conditions: listBy('type', object({ ...conditionFields, lastHeartbeatTime: string })),
    addresses: listBy('type', object({ type: string, address: string })),
    daemonEndpoints: object({ kubeletEndpoint: object({ Port: integer }) }),
    nodeInfo: map(any),
    images: list(object({ names: list(string), sizeBytes: integer })),
  }),
});

export const serviceShape = kindShape({
  spec: object({
    ports: listBy(
      'port',
      object({
        name: string,
        protocol: string,
        appProtocol: string,
        port: integer,
        targetPort: intOrString,
        nodePort: integer,
      }),
    ),
    selector: stringMap,
    clusterIP: string,
    clusterIPs: list(string),
    type: string,
    externalIPs: list(string),
    sessionAffinity: string,
    sessionAffinityConfig: object({ clientIP: object({ timeoutSeconds: integer }) }),
    loadBalancerIP: string,
    loadBalancerSourceRanges: list(string),
    loadBalancerClass: string,
    allocateLoadBalancerNodePorts: boolean,
    externalName: string,
    externalTrafficPolicy: string,
    internalTrafficPolicy: string,
    healthCheckNodePort: integer,
    publishNotReadyAddresses: boolean,
    ipFamilies: list(string),
    ipFamilyPolicy: string,
    trafficDistribution: string,
  }),
  status: object({
    loadBalancer: object({ ingress: list(object({ ip: string, hostname: string })) }),
    conditions,
  }),
});

const endpointAddresses = list(object({ ip: string, hostname: string, nodeName: string, targetRef: objectReference }));
const endpointPort = object({ name: string, port: integer, protocol: string, appProtocol: string });

export const endpointsShape = kindShape({
  subsets: list(
    object({ addresses: endpointAddresses, notReadyAddresses: endpointAddresses, ports: list(endpointPort) }),
  ),
});

export const endpointSliceShape = kindShape({
  addressType: string,
  endpoints: list(
    object({
      addresses: list(string),
      conditions: object({ ready: boolean, serving: boolean, terminating: boolean }),
      hostname: string,
      nodeName: string,
      zone: string,
      targetRef: objectReference,
    }),
  ),
  ports: list(endpointPort),
});

export const replicationControllerShape = kindShape({
  spec: object({ replicas: integer, minReadySeconds: integer, selector: stringMap, template: podTemplate }),
  status: object({
    replicas: integer,
    fullyLabeledReplicas: integer,
    readyReplicas: integer,
    availableReplicas: integer,
    observedGeneration: integer,
    conditions,
  }),
});

export const scaleShape = kindShape({
  spec: object({ replicas: integer }),
  status: object({ replicas: integer, selector: string }),
});

export const eventShape = kindShape({
  involvedObject: objectReference,
  reason: string,
  message: string,
  source: object({ component: string, host: string }),
  firstTimestamp: string,
  lastTimestamp: string,
  count: integer,
  type: string,
  eventTime: string,
  series: object({ count: integer, lastObservedTime: string }),
  action: string,
  related: objectReference,
  reportingComponent: string,
  reportingInstance: string,
});

export const leaseShape = kindShape({
  spec: object({
    holderIdentity: string,
    leaseDurationSeconds: integer,
    acquireTime: string,
    renewTime: string,
    leaseTransitions: integer,
    strategy: string,
    preferredHolder: string,
  }),
});

export const configMapShape = kindShape({ data: stringMap, binaryData: stringMap, immutable: boolean });
export const secretShape = kindShape({ data: stringMap, stringData: stringMap, type: string, immutable: boolean });

export const serviceAccountShape = kindShape({
  secrets: listBy('name', objectReference),
  imagePullSecrets: list(localObjectReference),
  automountServiceAccountToken: boolean,
});

export const csrShape = kindShape({
  spec: object({
    request: string,
    signerName: string,
    expirationSeconds: integer,
    usages: list(string),
    username: string,
    uid: string,
    groups: list(string),
    extra: map(list(string)),
  }),
  status: object({
    conditions: list(object({ ...conditionFields, lastUpdateTime: string })),
    certificate: string,
  }),
});

export const bindingShape = kindShape({ target: objectReference });
export const evictionShape = kindShape({
  deleteOptions: object({
    gracePeriodSeconds: integer,
    propagationPolicy: string,
    orphanDependents: boolean,
    preconditions: object({ uid: string, resourceVersion: string }),
    dryRun: list(string),
  }),
});
