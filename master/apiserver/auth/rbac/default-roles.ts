/**
 * The cluster roles and bindings that every cluster has from the start: Kubernetes' own names and rules (its documentation,
 * "Using RBAC Authorization", and `kubectl get clusterroles -o yaml`), as far as there is something to allow. The one
 * source of what is allowed at first; what an administrator adds stands in the store beside it.
 *
 * kube-controller-manager acts as one user here, and its garbage collector and namespace controller deal with objects of every
 * kind. So its role has what Kubernetes gives to the accounts of its controllers together, and there are no `system:controller:*`.
 */
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding, Subject } from '../../../api/types.ts';
import type { PolicyRule } from './rules.ts';

const rbac = 'rbac.authorization.k8s.io';
const bootstrapping = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };

/** Verbs, groups and resources are lists with commas; `core` is the core group. */
function on(verbs: string, groups: string, resources: string, names?: string): PolicyRule {
  return {
    verbs: words(verbs),
    apiGroups: words(groups).map((group) => (group === 'core' ? '' : group)),
    resources: words(resources),
    ...(names === undefined ? {} : { resourceNames: words(names) }),
  };
}

const paths = (verbs: string, urls: string): PolicyRule => ({ verbs: words(verbs), nonResourceURLs: words(urls) });
const words = (text: string): string[] => text.split(',');

const read = 'get,list,watch';
const write = 'create,delete,deletecollection,patch,update';
const all = `${write},${read}`;
const builtinSigners =
  'kubernetes.io/kube-apiserver-client,kubernetes.io/kube-apiserver-client-kubelet,kubernetes.io/kubelet-serving,kubernetes.io/legacy-unknown';

const workloads = 'deployments,deployments/scale,replicasets,replicasets/scale,statefulsets,statefulsets/scale';
const apps = `controllerrevisions,daemonsets,daemonsets/status,${workloads},deployments/status,replicasets/status,statefulsets/status`;
const csr = 'certificates.k8s.io';

/** What an elected component does with its Lease. */
const leases = on('create,get,list,patch,update,watch', 'coordination.k8s.io', 'leases');
const events = on('create,patch,update', 'core,events.k8s.io', 'events');
const delegated = [
  on('create', 'authentication.k8s.io', 'tokenreviews'),
  on('create', 'authorization.k8s.io', 'subjectaccessreviews'),
];

/** May be granted to anybody: what a namespace's users look at. */
const viewed: readonly PolicyRule[] = [
  on(read, 'core', 'configmaps,endpoints,persistentvolumeclaims,persistentvolumeclaims/status,pods'),
  on(read, 'core', 'replicationcontrollers,replicationcontrollers/scale,serviceaccounts,services,services/status'),
  on(read, 'core', 'bindings,events,limitranges,namespaces/status,pods/log,pods/status,resourcequotas'),
  on(read, 'core', 'replicationcontrollers/status,resourcequotas/status,namespaces'),
  on(read, 'discovery.k8s.io', 'endpointslices'),
  on(read, 'apps', apps),
  on(read, 'autoscaling', 'horizontalpodautoscalers,horizontalpodautoscalers/status'),
  on(read, 'batch', 'cronjobs,cronjobs/status,jobs,jobs/status'),
  on(read, 'policy', 'poddisruptionbudgets,poddisruptionbudgets/status'),
  on(read, 'networking.k8s.io', 'ingresses,ingresses/status,networkpolicies'),
];

const edited: readonly PolicyRule[] = [
  on(read, 'core', 'pods/attach,pods/exec,pods/portforward,pods/proxy,secrets,services/proxy'),
  on('impersonate', 'core', 'serviceaccounts'),
  on(write, 'core', 'pods,pods/attach,pods/exec,pods/portforward,pods/proxy'),
  on('create', 'core', 'pods/eviction'),
  on(write, 'core', 'configmaps,events,persistentvolumeclaims,replicationcontrollers,replicationcontrollers/scale'),
  on(write, 'core', 'secrets,serviceaccounts,services,services/proxy'),
  on('create', 'core', 'serviceaccounts/token'),
  on(write, 'apps', `daemonsets,deployments/rollback,${workloads}`),
  on(write, 'autoscaling', 'horizontalpodautoscalers'),
  on(write, 'batch', 'cronjobs,jobs'),
  on(write, 'policy', 'poddisruptionbudgets'),
  on(write, 'networking.k8s.io', 'ingresses,networkpolicies'),
  on(all, 'coordination.k8s.io', 'leases'),
];

const administered: readonly PolicyRule[] = [
  on('create', 'authorization.k8s.io', 'localsubjectaccessreviews'),
  on(all, rbac, 'rolebindings,roles'),
];

const probes = '/healthz,/livez,/readyz,/version,/version/';

/** What a node may do, the objects apart: those are in node-authorizer.ts and node-restriction.ts. */
export const nodeRules: readonly PolicyRule[] = [
  ...delegated,
  on('create', 'authorization.k8s.io', 'localsubjectaccessreviews'),
  events,
  on(`create,patch,update,${read}`, 'core', 'nodes'),
  on('get,patch,update', 'core', 'nodes/status'),
  on(`delete,${read}`, 'core', 'pods'),
  on('get,patch,update', 'core', 'pods/status'),
  on('create', 'core', 'pods/eviction'),
  on(read, 'core', 'configmaps,secrets,services'),
  on('get', 'core', 'persistentvolumeclaims,persistentvolumes'),
  on(read, 'node.k8s.io', 'runtimeclasses'),
  on(read, 'storage.k8s.io', 'csidrivers'),
  on('create,delete,get,patch,update', 'storage.k8s.io', 'csinodes'),
  on('get', 'storage.k8s.io', 'volumeattachments'),
  on('create', 'core', 'serviceaccounts/token'),
  on('create,delete,get,patch,update', 'coordination.k8s.io', 'leases'),
  on(`create,${read}`, csr, 'certificatesigningrequests'),
];

const proxierRules: readonly PolicyRule[] = [
  events,
  on('list,watch', 'core', 'services,endpoints'),
  on(read, 'core', 'nodes'),
  on('list,watch', 'discovery.k8s.io', 'endpointslices'),
];

const roles: Readonly<Record<string, readonly PolicyRule[]>> = {
  'cluster-admin': [on('*', '*', '*'), paths('*', '*')],
  'system:discovery': [
    paths('get', `/api,/api/*,/apis,/apis/*,/healthz,/livez,/openapi,/openapi/*,/readyz,/version,/version/`),
  ],
  'system:public-info-viewer': [paths('get', probes)],
  // As public as the addresses themselves: balancers follow the masters by it, and have no credentials.
  'trimaster:public-masters-viewer': [on('get', 'core', 'endpoints', 'kubernetes')],
  'system:basic-user': [
    on('create', 'authorization.k8s.io', 'selfsubjectaccessreviews,selfsubjectrulesreviews'),
    on('create', 'authentication.k8s.io', 'selfsubjectreviews'),
  ],
  'system:monitoring': [
    paths('get', '/flagz,/healthz,/healthz/*,/livez,/livez/*,/metrics,/metrics/slis,/readyz,/readyz/*,/statusz'),
  ],
  'system:service-account-issuer-discovery': [
    paths(
      'get',
      '/.well-known/openid-configuration,/.well-known/openid-configuration/,/openid/v1/jwks,/openid/v1/jwks/',
    ),
  ],
  'system:auth-delegator': delegated,
  'system:kubelet-api-admin': [
    on(read, 'core', 'nodes'),
    on('proxy', 'core', 'nodes'),
    on('*', 'core', 'nodes/configz,nodes/healthz,nodes/log,nodes/metrics,nodes/pods,nodes/proxy,nodes/stats'),
  ],
  'system:kube-dns': [on('list,watch', 'core', 'endpoints,services')],
  'system:node': nodeRules,
  'system:node-proxier': proxierRules,
  'system:node-problem-detector': [on('get', 'core', 'nodes'), on('patch', 'core', 'nodes/status'), events],
  'system:node-bootstrapper': [on(`create,${read}`, csr, 'certificatesigningrequests')],
  'system:certificates.k8s.io:certificatesigningrequests:nodeclient': [
    on('create', csr, 'certificatesigningrequests/nodeclient'),
  ],
  'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient': [
    on('create', csr, 'certificatesigningrequests/selfnodeclient'),
  ],
  'system:certificates.k8s.io:kube-apiserver-client-approver': [
    on('approve', csr, 'signers', 'kubernetes.io/kube-apiserver-client'),
  ],
  'system:certificates.k8s.io:kube-apiserver-client-kubelet-approver': [
    on('approve', csr, 'signers', 'kubernetes.io/kube-apiserver-client-kubelet'),
  ],
  'system:certificates.k8s.io:kubelet-serving-approver': [
    on('approve', csr, 'signers', 'kubernetes.io/kubelet-serving'),
  ],
  'system:certificates.k8s.io:legacy-unknown-approver': [on('approve', csr, 'signers', 'kubernetes.io/legacy-unknown')],
  'system:kube-scheduler': [
    events,
    leases,
    ...delegated,
    on(read, 'core', 'nodes,namespaces,services,replicationcontrollers,persistentvolumeclaims,persistentvolumes'),
    on(`delete,${read}`, 'core', 'pods'),
    on('create', 'core', 'bindings,pods/binding'),
    on('patch,update', 'core', 'pods/status'),
    on(read, 'apps', 'replicasets,statefulsets'),
    on(read, 'policy', 'poddisruptionbudgets'),
    on(read, 'storage.k8s.io', 'csidrivers,csinodes,csistoragecapacities,storageclasses,volumeattachments'),
  ],
  'system:volume-scheduler': [
    on(`patch,update,${read}`, 'core', 'persistentvolumes'),
    on(read, 'storage.k8s.io', 'storageclasses'),
    on(`patch,update,${read}`, 'core', 'persistentvolumeclaims'),
  ],
  'system:kube-controller-manager': [
    on(all, '*', '*'),
    on('approve,sign', csr, 'signers', builtinSigners),
    // Its aggregation controller writes rules that it has only in part itself.
    on('escalate', rbac, 'clusterroles'),
    paths('get', '/api,/api/*,/apis,/apis/*'),
  ],
  'system:aggregate-to-view': viewed,
  'system:aggregate-to-edit': edited,
  'system:aggregate-to-admin': administered,
};

/** The roles that gather the rules of all others with a label; a role may itself be gathered into the next. */
const aggregated: Readonly<Record<string, { gathers: readonly string[]; labels?: Record<string, string> }>> = {
  admin: { gathers: ['admin'] },
  edit: { gathers: ['edit'], labels: gatheredInto('admin') },
  view: { gathers: ['view'], labels: gatheredInto('edit') },
};

const labels: Readonly<Record<string, Record<string, string>>> = {
  'system:aggregate-to-view': gatheredInto('view'),
  'system:aggregate-to-edit': gatheredInto('edit'),
  'system:aggregate-to-admin': gatheredInto('admin'),
};

/** Which role whom is given; `user:` or `group:` and the name. The binding has the role's name, or the one that is said. */
const bindings: readonly (readonly [role: string, subjects: readonly string[], name?: string])[] = [
  ['cluster-admin', ['group:system:masters']],
  ['system:discovery', ['group:system:authenticated']],
  ['system:basic-user', ['group:system:authenticated']],
  ['system:public-info-viewer', ['group:system:authenticated', 'group:system:unauthenticated']],
  ['trimaster:public-masters-viewer', ['group:system:authenticated', 'group:system:unauthenticated']],
  ['system:monitoring', ['group:system:monitoring']],
  ['system:service-account-issuer-discovery', ['group:system:serviceaccounts']],
  // Nodes are allowed by the node authorizer; the binding is there for administrators who want it otherwise.
  ['system:node', []],
  ['system:node-proxier', ['user:system:kube-proxy']],
  ['system:kube-scheduler', ['user:system:kube-scheduler']],
  ['system:volume-scheduler', ['user:system:kube-scheduler']],
  ['system:kube-controller-manager', ['user:system:kube-controller-manager']],
  ['system:node-bootstrapper', ['group:system:bootstrappers'], 'trimaster:kubelet-bootstrap'],
];

/** Who looks after requests that the API server passes on reads there whose word counts. */
const trustReader = 'extension-apiserver-authentication-reader';

/** Roles of namespaces, with whom they are given. */
export function defaultRoles(): Role[] {
  const rules = [on(read, 'core', 'configmaps', 'extension-apiserver-authentication')];
  return [{ metadata: { ...metadata(trustReader), namespace: 'kube-system' }, rules: rules.map(mutable) }];
}

export function defaultRoleBindings(): RoleBinding[] {
  return [
    {
      metadata: { ...metadata(`system::${trustReader}`), namespace: 'kube-system' },
      subjects: ['user:system:kube-controller-manager', 'user:system:kube-scheduler'].map(subjectOf),
      roleRef: { apiGroup: rbac, kind: 'Role', name: trustReader },
    },
  ];
}

export function defaultClusterRoles(): ClusterRole[] {
  const plain = Object.entries(roles).map(
    ([name, rules]): ClusterRole => ({
      metadata: metadata(name, labels[name]),
      rules: rules.map(mutable),
    }),
  );
  const gathering = Object.entries(aggregated).map(
    ([name, { gathers, labels: own }]): ClusterRole => ({
      metadata: metadata(name, own),
      aggregationRule: { clusterRoleSelectors: gathers.map((into) => ({ matchLabels: gatheredInto(into) })) },
    }),
  );
  return [...plain, ...gathering];
}

export function defaultClusterRoleBindings(): ClusterRoleBinding[] {
  return bindings.map(([role, subjects, name = role]) => ({
    metadata: metadata(name),
    subjects: subjects.map(subjectOf),
    roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: role },
  }));
}

function gatheredInto(role: string): Record<string, string> {
  return { [`${rbac}/aggregate-to-${role}`]: 'true' };
}

function metadata(name: string, own: Record<string, string> = {}): NonNullable<ClusterRole['metadata']> {
  return {
    name,
    labels: { ...bootstrapping, ...own },
    annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' },
  };
}

function subjectOf(text: string): Subject {
  const colon = text.indexOf(':');
  return { kind: text.startsWith('user:') ? 'User' : 'Group', apiGroup: rbac, name: text.slice(colon + 1) };
}

const mutable = ({ verbs, apiGroups, resources, resourceNames, nonResourceURLs }: PolicyRule) => ({
  verbs: [...verbs],
  ...(apiGroups ? { apiGroups: [...apiGroups] } : {}),
  ...(resources ? { resources: [...resources] } : {}),
  ...(resourceNames ? { resourceNames: [...resourceNames] } : {}),
  ...(nonResourceURLs ? { nonResourceURLs: [...nonResourceURLs] } : {}),
});
