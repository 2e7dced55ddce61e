import test from 'ava';
import { isStatusError } from '../../../../master/api/errors.ts';
import { createAuthorizer, refusal } from '../../../../master/apiserver/auth/authorize.ts';
import { RoleIndex } from '../../../../master/apiserver/auth/rbac/role-index.ts';
import { parseRequest } from '../../../../master/apiserver/http/request-info.ts';
import { objectKey } from '../../../../master/apiserver/store/keys.ts';
import { roleRef, rolesWith, user, userSubject } from './roles.ts';

const authorizer = createAuthorizer(rolesWith());
const admin = user('kubernetes-admin', 'system:masters');
const scheduler = user('system:kube-scheduler');
const manager = user('system:kube-controller-manager');
const node = user('system:node:node-1', 'system:nodes');
const nobody = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

const cases: [who: { name: string; groups: string[] }, method: string, url: string, allowed: boolean][] = [
  [admin, 'DELETE', '/api/v1/namespaces/a/secrets', true],
  [admin, 'GET', '/metrics', true],
  [scheduler, 'POST', '/api/v1/namespaces/a/pods/x/binding', true],
  [scheduler, 'GET', '/api/v1/pods?watch=1', true],
  [scheduler, 'GET', '/api/v1/namespaces/a/secrets/x', false],
  [manager, 'DELETE', '/api/v1/namespaces/a/secrets', true],
  [manager, 'GET', '/metrics', false],
  [node, 'PATCH', '/api/v1/nodes/node-1/status', true],
  [node, 'PUT', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-1', true],
  [node, 'PUT', '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-scheduler', false],
  [node, 'GET', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-2', false],
  [node, 'GET', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases', false],
  [node, 'GET', '/apis/storage.k8s.io/v1/csinodes/node-2', false],
  [node, 'GET', '/api/v1/nodes/node-1', true],
  [node, 'GET', '/api/v1/nodes?watch=1&fieldSelector=metadata.name%3Dnode-1', true],
  [node, 'GET', '/api/v1/nodes/node-2', false],
  [node, 'GET', '/api/v1/nodes', false],
  [node, 'GET', '/api/v1/nodes?watch=1&fieldSelector=metadata.name%3Dnode-2', false],
  [node, 'GET', '/apis/discovery.k8s.io/v1/endpointslices', false],
  [user('system:kube-proxy'), 'GET', '/api/v1/nodes?watch=1', true],
  [user('system:kube-proxy'), 'GET', '/apis/discovery.k8s.io/v1/endpointslices', true],
  [user('system:kube-proxy'), 'GET', '/api/v1/pods', false],
  [node, 'POST', '/api/v1/namespaces/a/pods', false],
  [node, 'POST', '/api/v1/namespaces/a/serviceaccounts/x/token', true],
  [user('somebody', 'system:nodes'), 'GET', '/api/v1/nodes', false],
  [user('system:bootstrap:abcdef', 'system:bootstrappers'), 'GET', '/api/v1/nodes', false],
  [
    user('system:bootstrap:abcdef', 'system:bootstrappers'),
    'POST',
    '/apis/certificates.k8s.io/v1/certificatesigningrequests',
    true,
  ],
  [user('somebody'), 'GET', '/apis/apps', true],
  [user('somebody'), 'GET', '/openapi/v3/api/v1', true],
  [user('somebody'), 'GET', '/api/v1/pods', false],
  [user('somebody'), 'GET', '/openid/v1/jwks', false],
  [user('system:serviceaccount:a:b', 'system:serviceaccounts'), 'GET', '/openid/v1/jwks', true],
  [nobody, 'GET', '/readyz', true],
  [nobody, 'GET', '/version', true],
  [nobody, 'GET', '/api', false],
  [nobody, 'GET', '/metrics', false],
];

test('the default roles allow each component its work and nobody more', (t) => {
  for (const [who, method, url, allowed] of cases) {
    t.is(authorizer.allows(who, parseRequest(method, url)), allowed, `${who.name} ${method} ${url}`);
  }
});

test('a role binding holds in its namespace, for what its role says, and until it is changed', (t) => {
  const roles = rolesWith({
    roles: [
      {
        metadata: { namespace: 'a', name: 'reader' },
        rules: [
          { verbs: ['get'], apiGroups: [''], resources: ['pods', '*/scale'] },
          { verbs: ['*'], apiGroups: [''], resources: ['configmaps'], resourceNames: ['mine'] },
        ],
      },
    ],
    rolebindings: [
      {
        metadata: { namespace: 'a', name: 'reads' },
        roleRef: roleRef('Role', 'reader'),
        subjects: [userSubject('ann'), { kind: 'ServiceAccount', namespace: 'b', name: 'bot' }],
      },
    ],
  });
  const { allows } = createAuthorizer(roles);
  const ann = user('ann');
  const bot = user('system:serviceaccount:b:bot');
  for (const who of [ann, bot]) {
    t.true(allows(who, parseRequest('GET', '/api/v1/namespaces/a/pods/x')));
    t.true(allows(who, parseRequest('GET', '/api/v1/namespaces/a/replicationcontrollers/x/scale')));
    t.true(allows(who, parseRequest('DELETE', '/api/v1/namespaces/a/configmaps/mine')));
  }
  t.false(allows(ann, parseRequest('DELETE', '/api/v1/namespaces/a/configmaps/other')));
  t.false(allows(ann, parseRequest('POST', '/api/v1/namespaces/a/configmaps')));
  t.false(allows(ann, parseRequest('GET', '/api/v1/namespaces/a/pods')));
  t.false(allows(ann, parseRequest('GET', '/api/v1/namespaces/a/pods/x/log')));
  t.false(allows(ann, parseRequest('GET', '/api/v1/namespaces/b/pods/x')));
  t.false(allows(user('eve'), parseRequest('GET', '/api/v1/namespaces/a/pods/x')));

  roles.put('rolebindings', objectKey('rolebindings', 'a', 'reads'), undefined);
  t.false(allows(ann, parseRequest('GET', '/api/v1/namespaces/a/pods/x')));
});

test('a decision says by which binding, or which role is missing', (t) => {
  const roles = rolesWith({
    clusterrolebindings: [
      {
        metadata: { name: 'views' },
        roleRef: roleRef('ClusterRole', 'system:kube-dns'),
        subjects: [userSubject('ann')],
      },
      { metadata: { name: 'gone' }, roleRef: roleRef('ClusterRole', 'gone'), subjects: [userSubject('ann')] },
    ],
  });
  const { decide } = createAuthorizer(roles);
  t.deepEqual(decide(user('ann'), parseRequest('GET', '/api/v1/services')), {
    allowed: true,
    reason: 'RBAC: allowed by ClusterRoleBinding "views" of ClusterRole "system:kube-dns" to User "ann"',
  });
  t.deepEqual(decide(user('ann'), parseRequest('GET', '/api/v1/pods')), {
    allowed: false,
    reason: 'RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found',
  });
});

test('before the roles are known only superusers, nodes and health checks are answered', (t) => {
  const { allows } = createAuthorizer(new RoleIndex());
  t.true(allows(admin, parseRequest('GET', '/api/v1/pods')));
  t.true(allows(node, parseRequest('GET', '/api/v1/pods')));
  t.true(allows(nobody, parseRequest('GET', '/readyz')));
  const error = t.throws(() => allows(scheduler, parseRequest('GET', '/api/v1/pods')));
  t.true(isStatusError(error) && error.retryable);
});

test('a refusal says who cannot do what where, as Kubernetes words it', (t) => {
  const message = (method: string, url: string): string => refusal(user('x'), parseRequest(method, url)).message;
  t.is(
    message('GET', '/api/v1/namespaces/default/pods'),
    'pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "default"',
  );
  t.is(
    message('PUT', '/api/v1/nodes/n/status'),
    'nodes "n" is forbidden: User "x" cannot update resource "nodes/status" in API group "" at the cluster scope',
  );
  t.is(message('GET', '/metrics'), 'forbidden: User "x" cannot get path "/metrics"');
});
