import test from 'ava';
import { completedBinding, completedRole } from '../../../../master/apiserver/auth/rbac/bootstrap.ts';
import {
  defaultClusterRoleBindings,
  defaultClusterRoles,
} from '../../../../master/apiserver/auth/rbac/default-roles.ts';
import { missingRules, ruleText } from '../../../../master/apiserver/auth/rbac/rules.ts';
import { roleRef, userSubject } from './roles.ts';

const on = (verbs: string[], resources: string[], resourceNames?: string[]) => ({
  verbs,
  apiGroups: [''],
  resources,
  ...(resourceNames ? { resourceNames } : {}),
});

test('rules cover what they allow, whatever the form in which it is wanted', (t) => {
  const all = { verbs: ['*'], apiGroups: ['*'], resources: ['*'] };
  t.deepEqual(missingRules([all], [on(['get'], ['pods/log'], ['a'])]), []);
  t.deepEqual(missingRules([all], [all]), []);
  t.deepEqual(missingRules([on(['get'], ['pods'])], [on(['get'], ['pods'], ['a'])]), []);
  t.deepEqual(missingRules([on(['get'], ['pods'], ['a'])], [on(['get'], ['pods'])]), [on(['get'], ['pods'])]);
  t.deepEqual(missingRules([on(['get'], ['*/scale'])], [on(['get'], ['x/scale'])]), []);
  t.deepEqual(missingRules([on(['get', 'list'], ['pods'])], [all]), [all]);
  t.deepEqual(
    missingRules(
      [on(['get'], ['pods']), on(['list'], ['secrets'])],
      [on(['get', 'list', 'watch'], ['pods', 'secrets'])],
    ),
    [on(['get', 'watch'], ['secrets']), on(['list', 'watch'], ['pods'])],
  );
  const urls = (...nonResourceURLs: string[]) => ({ verbs: ['get'], nonResourceURLs });
  t.deepEqual(missingRules([urls('/healthz/*')], [urls('/healthz/etcd')]), []);
  t.deepEqual(missingRules([urls('/healthz/etcd')], [urls('/healthz/*')]), [urls('/healthz/*')]);
});

test('a rule is told of as Kubernetes tells it', (t) => {
  t.is(
    ruleText(on(['get', 'list'], ['pods'], ['a'])),
    '{APIGroups:[""], Resources:["pods"], ResourceNames:["a"], Verbs:["get" "list"]}',
  );
});

test('every default binding refers to a default role', (t) => {
  const names = new Set(defaultClusterRoles().map(({ metadata }) => metadata?.name));
  t.deepEqual(
    defaultClusterRoleBindings().filter(({ roleRef: { name } }) => !names.has(name)),
    [],
  );
  t.is(names.size, defaultClusterRoles().length);
});

test('a default role gets back what it lacks and keeps what was added', (t) => {
  const metadata = { name: 'r', labels: { own: 'x' } };
  const wanted = { metadata: { name: 'r', labels: { default: 'y' } }, rules: [on(['get', 'list'], ['pods'])] };
  const present = { metadata, rules: [on(['get'], ['pods']), on(['get'], ['secrets'])] };
  const completed = completedRole(present, wanted);
  t.deepEqual(completed.rules, [...present.rules, on(['list'], ['pods'])]);
  t.deepEqual(completed.metadata?.labels, { own: 'x', default: 'y' });

  const binding = (...names: string[]) => ({
    metadata: { name: 'b' },
    roleRef: roleRef('ClusterRole', 'r'),
    subjects: names.map(userSubject),
  });
  t.deepEqual(completedBinding(binding('a'), binding('b', 'a')).subjects, binding('a', 'b').subjects);
});
