/**
 * The shapes of the API's objects as they travel: JSON, so times are strings. The field names and types are Kubernetes'
 * own, taken from the official client's declarations (types only, nothing of it is loaded at run time).
 */
import type * as k8s from '@kubernetes/client-node';

/** A declared type as its JSON form: dates become RFC 3339 strings, and names that TypeScript cannot use are restored. */
export type Wire<T> = T extends Date
  ? string
  : T extends (infer Item)[]
    ? Wire<Item>[]
    : T extends object
      ? { [Key in keyof T as Key extends `_${infer Name}` ? Name : Key]: Wire<T[Key]> }
      : T;

export type ObjectMeta = Wire<k8s.V1ObjectMeta>;
export type OwnerReference = Wire<k8s.V1OwnerReference>;
export type ListMeta = Wire<k8s.V1ListMeta>;
export type LabelSelector = Wire<k8s.V1LabelSelector>;
export type Status = Wire<k8s.V1Status>;

/** What every object has. `metadata` is always there once an object has passed decoding. */
export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata?: ObjectMeta;
}

/** A list as the API server answers it. */
export interface ObjectList<T extends KubeObject = KubeObject> {
  apiVersion?: string;
  kind?: string;
  metadata: ListMeta;
  items: T[];
}

/** One event of a watch. ERROR carries a Status; BOOKMARK an object with nothing but its resourceVersion. */
export type WatchEvent<T extends KubeObject = KubeObject> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; object: T }
  | { type: 'ERROR'; object: Status };

export type Namespace = Wire<k8s.V1Namespace>;
export type Node = Wire<k8s.V1Node>;
export type NodeCondition = Wire<k8s.V1NodeCondition>;
export type Taint = Wire<k8s.V1Taint>;
export type Toleration = Wire<k8s.V1Toleration>;
export type NodeSelector = Wire<k8s.V1NodeSelector>;
export type NodeSelectorTerm = Wire<k8s.V1NodeSelectorTerm>;
export type Pod = Wire<k8s.V1Pod>;
export type PodSpec = Wire<k8s.V1PodSpec>;
export type PodStatus = Wire<k8s.V1PodStatus>;
export type PodCondition = Wire<k8s.V1PodCondition>;
export type PodTemplateSpec = Wire<k8s.V1PodTemplateSpec>;
export type Container = Wire<k8s.V1Container>;
export type ContainerStatus = Wire<k8s.V1ContainerStatus>;
export type Probe = Wire<k8s.V1Probe>;
export type Volume = Wire<k8s.V1Volume>;
export type Binding = Wire<k8s.V1Binding>;
export type ComponentStatus = Wire<k8s.V1ComponentStatus>;
export type Eviction = Wire<k8s.V1Eviction>;
export type Service = Wire<k8s.V1Service>;
export type ServicePort = Wire<k8s.V1ServicePort>;
export type Endpoints = Wire<k8s.V1Endpoints>;
export type EndpointSlice = Wire<k8s.V1EndpointSlice>;
export type ReplicationController = Wire<k8s.V1ReplicationController>;
export type Scale = Wire<k8s.V1Scale>;
export type Event = Wire<k8s.CoreV1Event>;
export type EventsV1Event = Wire<k8s.EventsV1Event>;
export type Lease = Wire<k8s.V1Lease>;
export type ConfigMap = Wire<k8s.V1ConfigMap>;
export type Secret = Wire<k8s.V1Secret>;
export type ServiceAccount = Wire<k8s.V1ServiceAccount>;
export type CertificateSigningRequest = Wire<k8s.V1CertificateSigningRequest>;
export type PolicyRule = Wire<k8s.V1PolicyRule>;
export type RoleRef = Wire<k8s.V1RoleRef>;
export type Subject = Wire<k8s.RbacV1Subject>;
export type Role = Wire<k8s.V1Role>;
export type RoleBinding = Wire<k8s.V1RoleBinding>;
export type ClusterRole = Wire<k8s.V1ClusterRole>;
export type ClusterRoleBinding = Wire<k8s.V1ClusterRoleBinding>;
export type SubjectAccessReview = Wire<k8s.V1SubjectAccessReview>;
export type SelfSubjectAccessReview = Wire<k8s.V1SelfSubjectAccessReview>;
export type SelfSubjectRulesReview = Wire<k8s.V1SelfSubjectRulesReview>;
export type SelfSubjectReview = Wire<k8s.V1SelfSubjectReview>;
export type TokenReview = Wire<k8s.V1TokenReview>;
export type TokenRequest = Wire<k8s.AuthenticationV1TokenRequest>;
export type DeleteOptions = Wire<k8s.V1DeleteOptions>;
export type PodTemplate = Wire<k8s.V1PodTemplate>;
export type LimitRange = Wire<k8s.V1LimitRange>;
export type ResourceQuota = Wire<k8s.V1ResourceQuota>;
export type PersistentVolume = Wire<k8s.V1PersistentVolume>;
export type PersistentVolumeClaim = Wire<k8s.V1PersistentVolumeClaim>;
export type APIService = Wire<k8s.V1APIService>;
export type Deployment = Wire<k8s.V1Deployment>;
export type ReplicaSet = Wire<k8s.V1ReplicaSet>;
export type StatefulSet = Wire<k8s.V1StatefulSet>;
export type DaemonSet = Wire<k8s.V1DaemonSet>;
export type ControllerRevision = Wire<k8s.V1ControllerRevision>;
export type HorizontalPodAutoscaler = Wire<k8s.V2HorizontalPodAutoscaler>;
export type HorizontalPodAutoscalerV1 = Wire<k8s.V1HorizontalPodAutoscaler>;
export type MetricSpec = Wire<k8s.V2MetricSpec>;
export type MetricStatus = Wire<k8s.V2MetricStatus>;
export type Job = Wire<k8s.V1Job>;
export type CronJob = Wire<k8s.V1CronJob>;
export type Ingress = Wire<k8s.V1Ingress>;
export type IngressClass = Wire<k8s.V1IngressClass>;
export type NetworkPolicy = Wire<k8s.V1NetworkPolicy>;
export type IPAddress = Wire<k8s.V1IPAddress>;
export type ServiceCIDR = Wire<k8s.V1ServiceCIDR>;
export type PodDisruptionBudget = Wire<k8s.V1PodDisruptionBudget>;
export type StorageClass = Wire<k8s.V1StorageClass>;
export type VolumeAttachment = Wire<k8s.V1VolumeAttachment>;
export type CSIDriver = Wire<k8s.V1CSIDriver>;
export type CSINode = Wire<k8s.V1CSINode>;
export type CSIStorageCapacity = Wire<k8s.V1CSIStorageCapacity>;
export type VolumeAttributesClass = Wire<k8s.V1VolumeAttributesClass>;
export type MutatingWebhookConfiguration = Wire<k8s.V1MutatingWebhookConfiguration>;
export type ValidatingWebhookConfiguration = Wire<k8s.V1ValidatingWebhookConfiguration>;
export type ValidatingAdmissionPolicy = Wire<k8s.V1ValidatingAdmissionPolicy>;
export type ValidatingAdmissionPolicyBinding = Wire<k8s.V1ValidatingAdmissionPolicyBinding>;
export type MutatingAdmissionPolicy = Wire<k8s.V1MutatingAdmissionPolicy>;
export type MutatingAdmissionPolicyBinding = Wire<k8s.V1MutatingAdmissionPolicyBinding>;
export type CustomResourceDefinition = Wire<k8s.V1CustomResourceDefinition>;
export type PriorityClass = Wire<k8s.V1PriorityClass>;
export type RuntimeClass = Wire<k8s.V1RuntimeClass>;
export type DeviceClass = Wire<k8s.V1DeviceClass>;
export type ResourceClaim = Wire<k8s.ResourceV1ResourceClaim>;
export type ResourceClaimTemplate = Wire<k8s.V1ResourceClaimTemplate>;
export type ResourceSlice = Wire<k8s.V1ResourceSlice>;
export type FlowSchema = Wire<k8s.V1FlowSchema>;
export type PriorityLevelConfiguration = Wire<k8s.V1PriorityLevelConfiguration>;

/** The resource names that components name in code, and what each holds. */
export interface ResourceTypes {
  namespaces: Namespace;
  nodes: Node;
  pods: Pod;
  services: Service;
  endpoints: Endpoints;
  endpointslices: EndpointSlice;
  replicationcontrollers: ReplicationController;
  events: Event;
  leases: Lease;
  configmaps: ConfigMap;
  secrets: Secret;
  serviceaccounts: ServiceAccount;
  certificatesigningrequests: CertificateSigningRequest;
  roles: Role;
  rolebindings: RoleBinding;
  clusterroles: ClusterRole;
  clusterrolebindings: ClusterRoleBinding;
  podtemplates: PodTemplate;
  limitranges: LimitRange;
  resourcequotas: ResourceQuota;
  persistentvolumes: PersistentVolume;
  persistentvolumeclaims: PersistentVolumeClaim;
  apiservices: APIService;
  deployments: Deployment;
  replicasets: ReplicaSet;
  statefulsets: StatefulSet;
  daemonsets: DaemonSet;
  controllerrevisions: ControllerRevision;
  horizontalpodautoscalers: HorizontalPodAutoscaler;
  jobs: Job;
  cronjobs: CronJob;
  ingresses: Ingress;
  ingressclasses: IngressClass;
  networkpolicies: NetworkPolicy;
  ipaddresses: IPAddress;
  servicecidrs: ServiceCIDR;
  poddisruptionbudgets: PodDisruptionBudget;
  storageclasses: StorageClass;
  volumeattachments: VolumeAttachment;
  csidrivers: CSIDriver;
  csinodes: CSINode;
  csistoragecapacities: CSIStorageCapacity;
  volumeattributesclasses: VolumeAttributesClass;
  mutatingwebhookconfigurations: MutatingWebhookConfiguration;
  validatingwebhookconfigurations: ValidatingWebhookConfiguration;
  validatingadmissionpolicies: ValidatingAdmissionPolicy;
  validatingadmissionpolicybindings: ValidatingAdmissionPolicyBinding;
  mutatingadmissionpolicies: MutatingAdmissionPolicy;
  mutatingadmissionpolicybindings: MutatingAdmissionPolicyBinding;
  customresourcedefinitions: CustomResourceDefinition;
  priorityclasses: PriorityClass;
  runtimeclasses: RuntimeClass;
  deviceclasses: DeviceClass;
  resourceclaims: ResourceClaim;
  resourceclaimtemplates: ResourceClaimTemplate;
  resourceslices: ResourceSlice;
  flowschemas: FlowSchema;
  prioritylevelconfigurations: PriorityLevelConfiguration;
}

export type ResourceName = keyof ResourceTypes;
