/**
 * The table of kinds: the names under which every resource is known. It is the one place where a resource's group,
 * version, plural, scope and short names are written; clients, discovery, routes and storage keys all read it.
 *
 * A new kind is a row here, a type in `types.ts` and a strategy in `master/apiserver/registry/strategies/`.
 */
import type { ResourceName } from './types.ts';

/** The names of one resource. Verbs and subresources are facts of discovery too, so they stand here. */
export interface Kind {
  readonly kind: string;
  /** Plural, lower case, as in URLs and in etcd keys. */
  readonly resource: string;
  readonly singular: string;
  /** '' is the core group. */
  readonly group: string;
  readonly version: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly subresources: readonly Subresource[];
  /** Absent: all that the registry gives to what is stored. */
  readonly verbs?: readonly string[];
}

export interface Subresource {
  readonly name: string;
  readonly verbs: readonly string[];
  /** The kind that the subresource speaks, where it is not the resource's own, and its group and version. */
  readonly kind?: string;
  readonly group?: string;
  readonly version?: string;
}

const status: Subresource = { name: 'status', verbs: ['get', 'patch', 'update'] };
const scale: Subresource = {
  name: 'scale',
  verbs: ['get', 'patch', 'update'],
  kind: 'Scale',
  group: 'autoscaling',
  version: 'v1',
};

/** Requests that are passed on. */
const proxy = (kind: string): Subresource => ({
  name: 'proxy',
  verbs: ['create', 'delete', 'get', 'patch', 'update'],
  kind,
});

interface Names {
  group?: string;
  version?: string;
  namespaced?: boolean;
  shortNames?: string[];
  categories?: string[];
  subresources?: Subresource[];
}

function row(kind: string, resource: string, names: Names = {}): Kind {
  const { group = '', version = 'v1', namespaced = true, shortNames = [], categories = [], subresources = [] } = names;
  const singular = kind.toLowerCase();
  return { kind, resource, singular, group, version, namespaced, shortNames, categories, subresources };
}

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
    shortNames: ['po'],
    categories: ['all'],
    subresources: [
      status,
      { name: 'binding', verbs: ['create'], kind: 'Binding' },
      { name: 'eviction', verbs: ['create'], kind: 'Eviction', group: 'policy', version: 'v1' },
      { name: 'log', verbs: ['get'] },
      { name: 'exec', verbs: ['create', 'get'], kind: 'PodExecOptions' },
      { name: 'attach', verbs: ['create', 'get'], kind: 'PodAttachOptions' },
      { name: 'portforward', verbs: ['create', 'get'], kind: 'PodPortForwardOptions' },
      proxy('PodProxyOptions'),
    ],
  }),
  services: row('Service', 'services', {
    shortNames: ['svc'],
    categories: ['all'],
    subresources: [status, proxy('ServiceProxyOptions')],
  }),
  endpoints: row('Endpoints', 'endpoints', { shortNames: ['ep'] }),
  endpointslices: row('EndpointSlice', 'endpointslices', { group: 'discovery.k8s.io' }),
  replicationcontrollers: row('ReplicationController', 'replicationcontrollers', {
    shortNames: ['rc'],
    categories: ['all'],
    subresources: [status, scale],
  }),
  events: row('Event', 'events', { shortNames: ['ev'] }),
  leases: row('Lease', 'leases', { group: 'coordination.k8s.io' }),
  configmaps: row('ConfigMap', 'configmaps', { shortNames: ['cm'] }),
  secrets: row('Secret', 'secrets'),
  serviceaccounts: row('ServiceAccount', 'serviceaccounts', {
    shortNames: ['sa'],
    subresources: [
      { name: 'token', verbs: ['create'], kind: 'TokenRequest', group: 'authentication.k8s.io', version: 'v1' },
    ],
  }),
  certificatesigningrequests: row('CertificateSigningRequest', 'certificatesigningrequests', {
    group: 'certificates.k8s.io',
    namespaced: false,
    shortNames: ['csr'],
    subresources: [status, { name: 'approval', verbs: ['get', 'patch', 'update'] }],
  }),
  roles: row('Role', 'roles', { group: 'rbac.authorization.k8s.io' }),
  rolebindings: row('RoleBinding', 'rolebindings', { group: 'rbac.authorization.k8s.io' }),
  clusterroles: row('ClusterRole', 'clusterroles', { group: 'rbac.authorization.k8s.io', namespaced: false }),
  clusterrolebindings: row('ClusterRoleBinding', 'clusterrolebindings', {
    group: 'rbac.authorization.k8s.io',
    namespaced: false,
  }),
} as const satisfies Record<ResourceName, Kind>;

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
