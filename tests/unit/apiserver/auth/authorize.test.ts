import test from 'ava';
import { createAuthorizer, refusal } from '../../../../master/apiserver/auth/authorize.ts';
import { policy } from '../../../../master/apiserver/auth/policy.ts';
import { parseRequest } from '../../../../master/apiserver/http/request-info.ts';

const may = createAuthorizer(policy);
const user = (name: string, ...groups: string[]) => ({ name, groups: [...groups, 'system:authenticated'] });
const admin = user('kubernetes-admin', 'system:masters');
const scheduler = user('system:kube-scheduler');
const node = user('system:node:node-1', 'system:nodes');
const nobody = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

const cases: [who: { name: string; groups: string[] }, method: string, url: string, allowed: boolean][] = [
  [admin, 'DELETE', '/api/v1/namespaces/a/secrets', true],
  [admin, 'GET', '/metrics', true],
  [scheduler, 'POST', '/api/v1/namespaces/a/pods/x/binding', true],
  [scheduler, 'GET', '/api/v1/pods?watch=1', true],
  [scheduler, 'GET', '/api/v1/namespaces/a/secrets/x', false],
  [node, 'PATCH', '/api/v1/nodes/node-1/status', true],
  [node, 'PUT', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-1', true],
  [node, 'PUT', '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-scheduler', false],
  [node, 'POST', '/api/v1/namespaces/a/pods', false],
  [user('system:bootstrap:abcdef', 'system:bootstrappers'), 'GET', '/api/v1/nodes', false],
  [user('somebody'), 'GET', '/apis/apps', true],
  [user('somebody'), 'GET', '/openapi/v3/api/v1', true],
  [user('somebody'), 'GET', '/api/v1/pods', false],
  [nobody, 'GET', '/readyz', true],
  [nobody, 'GET', '/version', true],
  [nobody, 'GET', '/api', false],
  [nobody, 'GET', '/metrics', false],
];

test('the policy allows each component its work and nobody more', (t) => {
  for (const [who, method, url, allowed] of cases) {
    t.is(may(who, parseRequest(method, url)), allowed, `${who.name} ${method} ${url}`);
  }
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
