/**
 * What Kubernetes' types say beyond their fields' types, as facts: how lists and maps merge, and which texts are
 * quantities. The generated schema (types.ts) has the rest.
 *
 * A line lists the fields of one type as `<field>=<patch>/<list keys>`:
 * `<patch>` is the key by which a strategic merge patch finds an item, `*` for a list of scalars that it adds to, or nothing for
 * a list that it replaces; a `+` before it says that clients send `$retainKeys` with the items.
 * `<list keys>` are the keys of an item to server-side apply, where they are others than `<patch>`; `-` is an atomic list.
 * A list that is not here is replaced whole by both.
 */
const mergeLines: Readonly<Record<string, string>> = {
  'admissionregistration.v1.MutatingWebhook': 'matchConditions=name',
  'admissionregistration.v1.MutatingWebhookConfiguration': 'webhooks=name',
  'admissionregistration.v1.ValidatingAdmissionPolicySpec': 'matchConditions=name variables=name',
  'admissionregistration.v1.ValidatingAdmissionPolicyStatus': 'conditions=/type',
  'admissionregistration.v1.ValidatingWebhook': 'matchConditions=name',
  'admissionregistration.v1.ValidatingWebhookConfiguration': 'webhooks=name',
  'apiextensions.v1.CustomResourceDefinitionStatus': 'conditions=/type',
  'apiregistration.v1.APIServiceStatus': 'conditions=type',
  'apps.v1.DaemonSetStatus': 'conditions=type',
  'apps.v1.DeploymentStatus': 'conditions=type',
  'apps.v1.ReplicaSetStatus': 'conditions=type',
  'apps.v1.StatefulSetStatus': 'conditions=type',
  'autoscaling.v2.HorizontalPodAutoscalerStatus': 'conditions=type',
  'batch.v1.JobStatus': 'conditions=type/-',
  'batch.v1.UncountedTerminatedPods': 'failed=/* succeeded=/*',
  'certificates.v1.CertificateSigningRequestStatus': 'conditions=/type',
  'core.v1.ComponentStatus': 'conditions=type',
  'core.v1.Container':
    'env=name ports=containerPort/containerPort,protocol volumeDevices=devicePath volumeMounts=mountPath',
  'core.v1.ContainerStatus': 'allocatedResourcesStatus=name volumeMounts=mountPath',
  'core.v1.EphemeralContainer':
    'env=name ports=containerPort/containerPort,protocol volumeDevices=devicePath volumeMounts=mountPath',
  'core.v1.NamespaceStatus': 'conditions=type',
  'core.v1.NodeSpec': 'podCIDRs=*',
  'core.v1.NodeStatus': 'addresses=type conditions=type',
  'core.v1.PersistentVolumeClaimStatus': 'conditions=type',
  'core.v1.PodSpec':
    'containers=name ephemeralContainers=name hostAliases=ip imagePullSecrets=name initContainers=name resourceClaims=+name schedulingGates=name topologySpreadConstraints=topologyKey/topologyKey,whenUnsatisfiable volumes=+name',
  'core.v1.PodStatus': 'conditions=type hostIPs=ip/- podIPs=ip resourceClaimStatuses=+name',
  'core.v1.ReplicationControllerStatus': 'conditions=type',
  'core.v1.ResourceRequirements': 'claims=/name',
  'core.v1.ServiceAccount': 'secrets=name',
  'core.v1.ServiceSpec': 'ports=port/port,protocol',
  'core.v1.ServiceStatus': 'conditions=type',
  'discovery.v1.Endpoint': 'addresses=/*',
  'flowcontrol.v1.FlowSchemaStatus': 'conditions=type',
  'flowcontrol.v1.PriorityLevelConfigurationStatus': 'conditions=type',
  'meta.v1.ObjectMeta': 'finalizers=* ownerReferences=uid',
  'networking.v1.ServiceCIDRStatus': 'conditions=type',
  'policy.v1.PodDisruptionBudgetStatus': 'conditions=type',
  'resource.v1.ResourceClaimStatus': 'devices=/driver,device,pool reservedFor=uid',
  'storage.v1.CSIDriverSpec': 'volumeLifecycleModes=/*',
  'storage.v1.CSINodeSpec': 'drivers=name',
};

/** How a list merges. */
export interface ListMerge {
  /** The key of an item to a strategic merge patch; '*' where the items are scalars; absent: the list is replaced. */
  readonly patchKey?: string;
  readonly retainKeys?: boolean;
  /** The keys of an item to server-side apply; ['*'] where the items are scalars; absent: the list is one value. */
  readonly listKeys?: readonly string[];
}

/** How the list in this field of this type merges; undefined for one that is replaced whole. */
export function listMerge(type: string, field: string): ListMerge | undefined {
  return lists.get(`${type}.${field}`);
}

/** Types whose objects are one value to server-side apply, and maps that are, as `<type>.<field>`. */
export const atomicMaps: ReadonlySet<string> = new Set([
  ...['ConfigMapKeySelector', 'EndpointAddress', 'EndpointPort', 'FileKeySelector', 'LocalObjectReference'].map(core),
  ...['NodeSelector', 'NodeSelectorTerm', 'ObjectFieldSelector', 'ObjectReference', 'ResourceFieldSelector'].map(core),
  ...['ScopeSelector', 'ScopedResourceSelectorRequirement', 'SecretKeySelector', 'SecretReference'].map(core),
  ...['TopologySelectorTerm', 'TypedLocalObjectReference', 'PodSpec.nodeSelector', 'ServiceSpec.selector'].map(core),
  ...['ReplicationControllerSpec.selector', 'CSIPersistentVolumeSource.volumeAttributes'].map(core),
  'autoscaling.v1.CrossVersionObjectReference',
  'discovery.v1.EndpointPort',
  'meta.v1.LabelSelector',
  'rbac.v1.RoleRef',
  'rbac.v1.Subject',
]);

/** Fields that hold a quantity, or a map or list of quantities: to the models they are plain texts. */
const quantityLines: Readonly<Record<string, string>> = {
  'autoscaling.v2.MetricTarget': 'averageValue value',
  'autoscaling.v2.MetricValueStatus': 'averageValue value',
  'core.v1.ContainerStatus': 'allocatedResources',
  'core.v1.EmptyDirVolumeSource': 'sizeLimit',
  'core.v1.LimitRangeItem': 'default defaultRequest max maxLimitRequestRatio min',
  'core.v1.NodeStatus': 'allocatable capacity',
  'core.v1.PersistentVolumeClaimStatus': 'allocatedResources capacity',
  'core.v1.PersistentVolumeSpec': 'capacity',
  'core.v1.PodSpec': 'overhead',
  'core.v1.PodStatus': 'allocatedResources',
  'core.v1.ResourceFieldSelector': 'divisor',
  'core.v1.ResourceQuotaSpec': 'hard',
  'core.v1.ResourceQuotaStatus': 'hard used',
  'core.v1.ResourceRequirements': 'limits requests',
  'core.v1.VolumeResourceRequirements': 'limits requests',
  'node.v1.Overhead': 'podFixed',
  'resource.v1.CapacityRequestPolicy': 'default validValues',
  'resource.v1.CapacityRequestPolicyRange': 'max min step',
  'resource.v1.CapacityRequirements': 'requests',
  'resource.v1.Counter': 'value',
  'resource.v1.DeviceCapacity': 'value',
  'resource.v1.DeviceRequestAllocationResult': 'consumedCapacity',
  'storage.v1.CSIStorageCapacity': 'capacity maximumVolumeSize',
};

export function holdsQuantities(type: string, field: string): boolean {
  return quantities.has(`${type}.${field}`);
}

/** Every type and field that a fact is about, as `<type>` and `<type>.<field>`, so that a test can hold them to the schema. */
export const factsAbout = (): string[] => [...lists.keys(), ...quantities, ...atomicMaps];

const lists = new Map(Object.entries(mergeLines).flatMap(([type, line]) => parseMerges(type, line)));
const quantities = new Set(
  Object.entries(quantityLines).flatMap(([type, line]) => line.split(' ').map((field) => `${type}.${field}`)),
);

function core(name: string): string {
  return `core.v1.${name}`;
}

function parseMerges(type: string, line: string): [string, ListMerge][] {
  return line
    .split(' ')
    .filter(Boolean)
    .map((entry) => {
      const [field = '', rule = ''] = entry.split('=');
      const [patch = '', keys = patch.replace('+', '')] = rule.split('/');
      const patchKey = patch.replace('+', '');
      return [
        `${type}.${field}`,
        {
          ...(patchKey && { patchKey }),
          ...(patch.startsWith('+') && { retainKeys: true }),
          ...(keys !== '-' && { listKeys: keys.split(',') }),
        },
      ];
    });
}
