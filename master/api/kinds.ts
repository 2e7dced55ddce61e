/**
 * The table of kinds: the names under which every resource is known. It is the one place where a resource's group,
 * version, plural, scope and short names are written; clients, discovery, routes and storage keys all read it.
 *
 * A new kind is a row here, a type in `types.ts` and a strategy in `master/apiserver/registry/strategies/`.
 */
import { inGroup, type Kind, part, proxy, row, scale, status } from './kind-row.ts';
import type { ResourceName } from './types.ts';

export type { Kind, Subresource } from './kind-row.ts';

const apps = inGroup('apps');
const batch = inGroup('batch');
const networking = inGroup('networking.k8s.io');
const rbac = inGroup('rbac.authorization.k8s.io');
const storage = inGroup('storage.k8s.io');
const admission = inGroup('admissionregistration.k8s.io');
const devices = inGroup('resource.k8s.io');
const flowcontrol = inGroup('flowcontrol.apiserver.k8s.io');

export const kinds = {
  namespaces: row('Namespace', 'namespaces', {
    namespaced: false,
    shortNames: ['ns'],
    subresources: [status, { name: 'finalize', verbs: ['update'] }],
  }),
  nodes: row('Node', 'nodes', {
    namespaced: false,
    shortNames: ['no'],
    subresources: [status, proxy('NodeProxyOptions')],
  }),
  pods: row('Pod', 'pods', {
    returnsDeleted: true,
    shortNames: ['po'],
    categories: ['all'],
    subresources: [
      status,
      part('ephemeralcontainers'),
      part('resize'),
      { name: 'binding', verbs: ['create'], kind: 'Binding' },
      { name: 'eviction', verbs: ['create'], kind: 'Eviction', group: 'policy', version: 'v1' },
      { name: 'log', verbs: ['get'] },
      { name: 'exec', verbs: ['create', 'get'], kind: 'PodExecOptions' },
      { name: 'attach', verbs: ['create', 'get'], kind: 'PodAttachOptions' },
      { name: 'portforward', verbs: ['create', 'get'], kind: 'PodPortForwardOptions' },
      proxy('PodProxyOptions'),
    ],
  }),
  replicationcontrollers: row('ReplicationController', 'replicationcontrollers', {
    shortNames: ['rc'],
    categories: ['all'],
    subresources: [status, scale],
  }),
  services: row('Service', 'services', {
    returnsDeleted: true,
    shortNames: ['svc'],
    categories: ['all'],
    subresources: [status, proxy('ServiceProxyOptions')],
  }),
  endpoints: row('Endpoints', 'endpoints', {
    shortNames: ['ep'],
    deprecated: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  }),
  events: row('Event', 'events', { shortNames: ['ev'] }),
  configmaps: row('ConfigMap', 'configmaps', { shortNames: ['cm'] }),
  secrets: row('Secret', 'secrets'),
  serviceaccounts: row('ServiceAccount', 'serviceaccounts', {
    returnsDeleted: true,
    shortNames: ['sa'],
    subresources: [
      { name: 'token', verbs: ['create'], kind: 'TokenRequest', group: 'authentication.k8s.io', version: 'v1' },
    ],
  }),
  podtemplates: row('PodTemplate', 'podtemplates', { returnsDeleted: true }),
  limitranges: row('LimitRange', 'limitranges', { shortNames: ['limits'] }),
  resourcequotas: row('ResourceQuota', 'resourcequotas', {
    returnsDeleted: true,
    shortNames: ['quota'],
    subresources: [status],
  }),
  persistentvolumes: row('PersistentVolume', 'persistentvolumes', {
    returnsDeleted: true,
    namespaced: false,
    shortNames: ['pv'],
    subresources: [status],
  }),
  persistentvolumeclaims: row('PersistentVolumeClaim', 'persistentvolumeclaims', {
    returnsDeleted: true,
    shortNames: ['pvc'],
    subresources: [status],
  }),
  apiservices: row('APIService', 'apiservices', {
    group: 'apiregistration.k8s.io',
    namespaced: false,
    categories: ['api-extensions'],
    subresources: [status],
  }),
  deployments: apps('Deployment', 'deployments', {
    shortNames: ['deploy'],
    categories: ['all'],
    subresources: [status, scale],
  }),
  replicasets: apps('ReplicaSet', 'replicasets', {
    shortNames: ['rs'],
    categories: ['all'],
    subresources: [status, scale],
  }),
  statefulsets: apps('StatefulSet', 'statefulsets', {
    shortNames: ['sts'],
    categories: ['all'],
    subresources: [status, scale],
  }),
  daemonsets: apps('DaemonSet', 'daemonsets', { shortNames: ['ds'], categories: ['all'], subresources: [status] }),
  controllerrevisions: apps('ControllerRevision', 'controllerrevisions'),
  horizontalpodautoscalers: row('HorizontalPodAutoscaler', 'horizontalpodautoscalers', {
    group: 'autoscaling',
    version: 'v2',
    shortNames: ['hpa'],
    categories: ['all'],
    subresources: [status],
  }),
  jobs: batch('Job', 'jobs', { categories: ['all'], subresources: [status] }),
  cronjobs: batch('CronJob', 'cronjobs', { shortNames: ['cj'], categories: ['all'], subresources: [status] }),
  certificatesigningrequests: row('CertificateSigningRequest', 'certificatesigningrequests', {
    group: 'certificates.k8s.io',
    namespaced: false,
    shortNames: ['csr'],
    subresources: [status, part('approval')],
  }),
  ingresses: networking('Ingress', 'ingresses', { shortNames: ['ing'], subresources: [status] }),
  ingressclasses: networking('IngressClass', 'ingressclasses', { namespaced: false }),
  networkpolicies: networking('NetworkPolicy', 'networkpolicies', { shortNames: ['netpol'] }),
  ipaddresses: networking('IPAddress', 'ipaddresses', { namespaced: false, shortNames: ['ip'] }),
  servicecidrs: networking('ServiceCIDR', 'servicecidrs', { namespaced: false, subresources: [status] }),
  poddisruptionbudgets: row('PodDisruptionBudget', 'poddisruptionbudgets', {
    group: 'policy',
    shortNames: ['pdb'],
    subresources: [status],
  }),
  roles: rbac('Role', 'roles'),
  rolebindings: rbac('RoleBinding', 'rolebindings'),
  clusterroles: rbac('ClusterRole', 'clusterroles', { namespaced: false }),
  clusterrolebindings: rbac('ClusterRoleBinding', 'clusterrolebindings', { namespaced: false }),
  storageclasses: storage('StorageClass', 'storageclasses', {
    returnsDeleted: true,
    namespaced: false,
    shortNames: ['sc'],
  }),
  volumeattachments: storage('VolumeAttachment', 'volumeattachments', {
    returnsDeleted: true,
    namespaced: false,
    subresources: [status],
  }),
  csidrivers: storage('CSIDriver', 'csidrivers', { returnsDeleted: true, namespaced: false }),
  csinodes: storage('CSINode', 'csinodes', { returnsDeleted: true, namespaced: false }),
  csistoragecapacities: storage('CSIStorageCapacity', 'csistoragecapacities'),
  volumeattributesclasses: storage('VolumeAttributesClass', 'volumeattributesclasses', {
    returnsDeleted: true,
    namespaced: false,
    shortNames: ['vac'],
  }),
  mutatingwebhookconfigurations: admission('MutatingWebhookConfiguration', 'mutatingwebhookconfigurations', {
    namespaced: false,
    categories: ['api-extensions'],
  }),
  validatingwebhookconfigurations: admission('ValidatingWebhookConfiguration', 'validatingwebhookconfigurations', {
    namespaced: false,
    categories: ['api-extensions'],
  }),
  validatingadmissionpolicies: admission('ValidatingAdmissionPolicy', 'validatingadmissionpolicies', {
    namespaced: false,
    categories: ['api-extensions'],
    subresources: [status],
  }),
  validatingadmissionpolicybindings: admission(
    'ValidatingAdmissionPolicyBinding',
    'validatingadmissionpolicybindings',
    { namespaced: false, categories: ['api-extensions'] },
  ),
  mutatingadmissionpolicies: admission('MutatingAdmissionPolicy', 'mutatingadmissionpolicies', {
    namespaced: false,
    categories: ['api-extensions'],
  }),
  mutatingadmissionpolicybindings: admission('MutatingAdmissionPolicyBinding', 'mutatingadmissionpolicybindings', {
    namespaced: false,
    categories: ['api-extensions'],
  }),
  priorityclasses: row('PriorityClass', 'priorityclasses', {
    group: 'scheduling.k8s.io',
    namespaced: false,
    shortNames: ['pc'],
  }),
  customresourcedefinitions: row('CustomResourceDefinition', 'customresourcedefinitions', {
    group: 'apiextensions.k8s.io',
    namespaced: false,
    shortNames: ['crd', 'crds'],
    categories: ['api-extensions'],
    subresources: [status],
  }),
  leases: row('Lease', 'leases', { group: 'coordination.k8s.io' }),
  runtimeclasses: row('RuntimeClass', 'runtimeclasses', { group: 'node.k8s.io', namespaced: false }),
  endpointslices: row('EndpointSlice', 'endpointslices', { group: 'discovery.k8s.io' }),
  deviceclasses: devices('DeviceClass', 'deviceclasses', { returnsDeleted: true, namespaced: false }),
  resourceclaims: devices('ResourceClaim', 'resourceclaims', { returnsDeleted: true, subresources: [status] }),
  resourceclaimtemplates: devices('ResourceClaimTemplate', 'resourceclaimtemplates', { returnsDeleted: true }),
  resourceslices: devices('ResourceSlice', 'resourceslices', { returnsDeleted: true, namespaced: false }),
  flowschemas: flowcontrol('FlowSchema', 'flowschemas', { namespaced: false, subresources: [status] }),
  prioritylevelconfigurations: flowcontrol('PriorityLevelConfiguration', 'prioritylevelconfigurations', {
    namespaced: false,
    subresources: [status],
  }),
} as const satisfies Record<ResourceName, Kind>;

/** Other versions of what is stored as one of the kinds above; whoever deals with all objects leaves them out. */
export const versionKinds = {
  eventsV1: row('Event', 'events', { group: 'events.k8s.io', shortNames: ['ev'] }),
  horizontalpodautoscalersV1: { ...kinds.horizontalpodautoscalers, version: 'v1' },
} as const;

/** A question to the API server: it is created, answered and not stored. */
function question(kind: string, group: string, namespaced = false): Kind {
  return { ...row(kind, `${kind.toLowerCase()}s`, { group, namespaced }), verbs: ['create'] };
}

/** The kinds that are never stored. Nobody lists or watches them, so they have a table of their own. */
export const reviewKinds = {
  tokenReview: question('TokenReview', 'authentication.k8s.io'),
  selfSubjectReview: question('SelfSubjectReview', 'authentication.k8s.io'),
  subjectAccessReview: question('SubjectAccessReview', 'authorization.k8s.io'),
  localSubjectAccessReview: question('LocalSubjectAccessReview', 'authorization.k8s.io', true),
  selfSubjectAccessReview: question('SelfSubjectAccessReview', 'authorization.k8s.io'),
  selfSubjectRulesReview: question('SelfSubjectRulesReview', 'authorization.k8s.io'),
} as const;

/** What is answered by get and list, and never stored; bindings are only created. */
export const unstoredKinds = {
  bindings: { ...row('Binding', 'bindings'), verbs: ['create'] },
  componentstatuses: row('ComponentStatus', 'componentstatuses', {
    namespaced: false,
    shortNames: ['cs'],
    verbs: ['get', 'list'],
    deprecated: 'v1 ComponentStatus is deprecated in v1.19+',
  }),
} as const;

/** All rows, and a check, made once, that no two share a name that must be unique. */
export const allKinds: readonly Kind[] = checked(Object.values(kinds));

/** `v1` or `apps/v1`, as in an object's apiVersion. */
export function apiVersionOf(kind: Pick<Kind, 'group' | 'version'>): string {
  return kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
}

/** The URL path of a resource's group and version: `/api/v1` or `/apis/<group>/<version>`. */
export function groupVersionPath(kind: Pick<Kind, 'group' | 'version'>): string {
  return kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
}

/** `pods` or `leases.coordination.k8s.io`, as messages and RBAC name a resource. */
export function groupResource(kind: Pick<Kind, 'group' | 'resource'>): string {
  return kind.group === '' ? kind.resource : `${kind.resource}.${kind.group}`;
}

function checked(rows: Kind[]): Kind[] {
  const seen = new Set<string>();
  for (const kind of rows) {
    for (const name of [`${groupResource(kind)}`, `${kind.group}/${kind.kind}`]) {
      if (seen.has(name)) throw new Error(`the table of kinds has ${name} twice`);
      seen.add(name);
    }
  }
  return rows;
}
