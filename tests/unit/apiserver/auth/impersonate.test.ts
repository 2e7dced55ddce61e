import test from 'ava';
import type { PolicyRule } from '../../../../master/api/types.ts';
import { createAuthorizer } from '../../../../master/apiserver/auth/authorize.ts';
import { type Impersonated, impersonate } from '../../../../master/apiserver/auth/impersonate.ts';
import { parseRequest } from '../../../../master/apiserver/http/request-info.ts';
import { roleRef, rolesWith, user, userSubject } from './roles.ts';

/** What comes of a request of `asker`, to whom these rules are given, that lists pods as somebody else. */
function acting(headers: Record<string, string[]>, rules: PolicyRule[], asker = user('ann')): Impersonated {
  const name = 'acting';
  const authorizer = createAuthorizer(
    rolesWith({
      clusterroles: [{ metadata: { name }, rules }],
      clusterrolebindings: [
        { metadata: { name }, roleRef: roleRef('ClusterRole', name), subjects: [userSubject(asker.name)] },
      ],
    }),
  );
  return impersonate(asker, headers, parseRequest('GET', '/api/v1/pods'), authorizer);
}

const as = (name: string, ...groups: string[]) => ({ 'impersonate-user': [name], 'impersonate-group': groups });
const own = 'authentication.k8s.io';
const on = (mode: string): PolicyRule => ({
  verbs: [`impersonate-on:${mode}:list`],
  apiGroups: [''],
  resources: ['pods'],
});
const may = (verb: string, group: string, resource: string, ...names: string[]): PolicyRule => ({
  verbs: [verb],
  apiGroups: [group],
  resources: [resource],
  ...(names.length > 0 ? { resourceNames: names } : {}),
});

test('who may impersonate may act as the other in everything', (t) => {
  const rules = [may('impersonate', '', 'users', 'zoe'), may('impersonate', '', 'groups')];
  t.deepEqual(acting(as('zoe', 'a', 'system:masters'), rules), {
    user: { name: 'zoe', groups: ['a', 'system:masters', 'system:authenticated'] },
  });
  t.throws(() => acting(as('max'), rules), {
    message:
      'pods is forbidden: User "ann" cannot impersonate-on:user-info:list resource "pods" in API group "" at the cluster scope',
  });
});

test('constrained impersonation wants the right to the other, and to what is asked as him', (t) => {
  const verb = 'impersonate:user-info';
  const rules = [on('user-info'), may(verb, own, 'users', 'zoe'), may(verb, own, 'groups', 'a')];
  t.deepEqual(acting(as('zoe', 'a'), rules), {
    user: { name: 'zoe', groups: ['a', 'system:authenticated'] },
    constraint: verb,
  });
  const refused: [headers: Record<string, string[]>, rules: PolicyRule[], message: RegExp][] = [
    [
      as('zoe', 'a'),
      rules.slice(1),
      /^pods is forbidden: User "ann" cannot impersonate-on:user-info:list resource "pods"/,
    ],
    [as('max'), rules, /^users\.authentication\.k8s\.io "max" is forbidden: User "ann" cannot impersonate:user-info /],
    [as('zoe', 'b'), rules, /^groups\.authentication\.k8s\.io "b" is forbidden/],
    [as('zoe', 'system:masters'), rules, /impersonating the system:masters group is not allowed$/],
    [as('zoe', ''), rules, /impersonating the empty string group is not allowed$/],
    [{ ...as('zoe'), 'impersonate-extra-scope': ['x'] }, rules, /impersonating an invalid key in extra is not allowed/],
    [{ ...as('zoe'), 'impersonate-uid': ['7'] }, rules, /^uids\.authentication\.k8s\.io "7" is forbidden/],
    [as('system:serviceaccount:a:b'), rules, /cannot impersonate-on:serviceaccount:list/],
    [as('system:node:n'), rules, /cannot impersonate-on:arbitrary-node:list/],
  ];
  for (const [headers, given, message] of refused) t.throws(() => acting(headers, given), { message });
});

test('service accounts and nodes are impersonated by name alone, each by a right of its own', (t) => {
  const account = [on('serviceaccount'), may('impersonate:serviceaccount', own, 'serviceaccounts', 'b')];
  t.deepEqual(acting(as('system:serviceaccount:a:b'), account), {
    user: {
      name: 'system:serviceaccount:a:b',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:a', 'system:authenticated'],
    },
    constraint: 'impersonate:serviceaccount',
  });
  const node = { user: { name: 'system:node:n', groups: ['system:nodes', 'system:authenticated'] } };
  const anyNode = [on('arbitrary-node'), may('impersonate:arbitrary-node', own, 'nodes', 'n')];
  t.deepEqual(acting(as('system:node:n'), anyNode), { ...node, constraint: 'impersonate:arbitrary-node' });
  t.throws(() => acting(as('system:node:m'), anyNode), { message: /^nodes\.authentication\.k8s\.io "m" is forbidden/ });

  const onNode = (name: string) => ({
    ...user('system:serviceaccount:a:agent'),
    extra: { 'authentication.kubernetes.io/node-name': [name] },
  });
  const ownNode = [on('associated-node'), may('impersonate:associated-node', own, 'nodes')];
  t.deepEqual(acting(as('system:node:n'), ownNode, onNode('n')), {
    ...node,
    constraint: 'impersonate:associated-node',
  });
  t.throws(() => acting(as('system:node:n'), ownNode, onNode('m')), { message: /impersonate-on:arbitrary-node:list/ });
});
