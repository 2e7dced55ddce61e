/**
 * Who may do what: rows laid out as RBAC's roles with their bindings, so that roles read from the API can take this
 * table's place. The names and what they allow are those of Kubernetes' default cluster roles, as far as there is
 * something here to allow.
 */

/** As a rule of a ClusterRole. `*` stands for all. */
export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  /** `pods`, `pods/status`, or `*`. */
  readonly resources?: readonly string[];
  /** Absent: objects of any name. */
  readonly resourceNames?: readonly string[];
  /** Absent: in all namespaces, and cluster-scoped ones. */
  readonly namespaces?: readonly string[];
  /** `/healthz`, `/healthz/*` */
  readonly nonResourceURLs?: readonly string[];
}

export interface PolicyRow {
  readonly role: string;
  readonly users?: readonly string[];
  readonly groups?: readonly string[];
  readonly rules: readonly PolicyRule[];
}

const read = ['get', 'list', 'watch'];
const write = ['create', 'update', 'patch', 'delete', 'deletecollection'];

const core = (resources: string[], verbs: string[]): PolicyRule => ({ apiGroups: [''], resources, verbs });
const group = (name: string, resources: string[], verbs: string[]): PolicyRule => ({
  apiGroups: [name],
  resources,
  verbs,
});

/** What an elected component does with its Lease. */
const leases = group('coordination.k8s.io', ['leases'], ['get', 'list', 'watch', 'create', 'update', 'patch']);
const events: PolicyRule = {
  apiGroups: ['', 'events.k8s.io'],
  resources: ['events'],
  verbs: ['create', 'patch', 'update'],
};

export const policy: readonly PolicyRow[] = [
  {
    role: 'cluster-admin',
    groups: ['system:masters'],
    rules: [
      { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
      { nonResourceURLs: ['*'], verbs: ['*'] },
    ],
  },
  {
    role: 'system:discovery',
    groups: ['system:authenticated'],
    rules: [
      {
        nonResourceURLs: ['/api', '/api/*', '/apis', '/apis/*', '/healthz', '/livez', '/openapi', '/openapi/*'],
        verbs: ['get'],
      },
      { nonResourceURLs: ['/readyz', '/version', '/version/'], verbs: ['get'] },
    ],
  },
  {
    role: 'system:public-info-viewer',
    groups: ['system:authenticated', 'system:unauthenticated'],
    rules: [{ nonResourceURLs: ['/healthz', '/livez', '/readyz', '/version', '/version/'], verbs: ['get', 'head'] }],
  },
  {
    role: 'system:monitoring',
    groups: ['system:monitoring'],
    rules: [
      {
        nonResourceURLs: ['/healthz', '/healthz/*', '/livez', '/livez/*', '/readyz', '/readyz/*', '/metrics'],
        verbs: ['get'],
      },
    ],
  },
  {
    role: 'system:kube-scheduler',
    users: ['system:kube-scheduler'],
    rules: [
      events,
      leases,
      core(['nodes', 'namespaces', 'services', 'replicationcontrollers'], read),
      core(['pods'], [...read, 'delete']),
      core(['pods/binding', 'bindings'], ['create']),
      core(['pods/status'], ['patch', 'update']),
    ],
  },
  {
    role: 'system:kube-controller-manager',
    users: ['system:kube-controller-manager'],
    // Its garbage collector and its namespace controller read and delete objects of every kind.
    rules: [
      { apiGroups: ['*'], resources: ['*'], verbs: [...read, ...write] },
      { nonResourceURLs: ['/api', '/api/*', '/apis', '/apis/*'], verbs: ['get'] },
    ],
  },
  {
    role: 'system:node',
    groups: ['system:nodes'],
    // What a node may do to its own objects only is in node-restriction.ts.
    rules: [
      events,
      core(['nodes'], [...read, 'create', 'update', 'patch', 'delete']),
      core(['nodes/status'], ['get', 'patch', 'update']),
      core(['pods'], [...read, 'delete']),
      core(['pods/status'], ['get', 'patch', 'update']),
      core(['pods/eviction'], ['create']),
      core(['configmaps', 'secrets'], read),
      core(['services', 'endpoints', 'namespaces', 'serviceaccounts'], read),
      group('discovery.k8s.io', ['endpointslices'], read),
      { ...leases, verbs: [...leases.verbs, 'delete'], namespaces: ['kube-node-lease'] },
      group('certificates.k8s.io', ['certificatesigningrequests'], ['create', ...read]),
    ],
  },
  {
    role: 'system:node-proxier',
    users: ['system:kube-proxy'],
    rules: [
      events,
      core(['services', 'endpoints', 'nodes'], read),
      group('discovery.k8s.io', ['endpointslices'], read),
    ],
  },
  {
    role: 'system:node-bootstrapper',
    groups: ['system:bootstrappers'],
    rules: [group('certificates.k8s.io', ['certificatesigningrequests'], ['create', ...read])],
  },
];
