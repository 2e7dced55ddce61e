/** Who may do what, as the real kubectl meets it: roles, bindings, and that nobody grants what he does not have. */
import test from 'ava';
import { startApiServers, type TestApiServers } from '../../support/apiserver.ts';
import { Kubectl } from '../../support/kubectl.ts';
import { startTokenFile, type TokenFile } from '../../support/token-file.ts';

let tokens: TokenFile;
let api: TestApiServers;
let kubectl: Kubectl;

test.before(async () => {
  tokens = await startTokenFile(['ann', 'bob', 'eve']);
  api = await startApiServers({ extraArgs: tokens.args });
  kubectl = new Kubectl(api.first.kubeconfig);
});

test.after.always(async () => {
  await api?.stop();
  await tokens?.remove();
});

/** A person who is known by name and has no group of his own. */
const as = (name: string): Kubectl => tokens.kubectl(api.first.kubeconfig, name);

/** Repeats what is refused until roles that were just bound are known to the server. */
async function soon(attempt: () => Promise<string>): Promise<string> {
  for (let tries = 0; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (tries === 20) throw error;
    }
  }
}

test.serial('the default roles and bindings are there, and tables show them as Kubernetes does', async (t) => {
  const roles = await kubectl.run('get', 'clusterroles');
  t.regex(roles, /^NAME\s+CREATED AT\nadmin\s+\d{4}-\d\d-\d\dT/);
  for (const name of ['cluster-admin', 'edit', 'view', 'system:discovery', 'system:node']) {
    t.true(roles.includes(`\n${name} `), name);
  }
  const wide = await kubectl.run('get', 'clusterrolebindings', '-o', 'wide');
  t.regex(wide, /^NAME\s+ROLE\s+AGE\s+USERS\s+GROUPS\s+SERVICEACCOUNTS\n/);
  t.regex(wide, /cluster-admin\s+ClusterRole\/cluster-admin\s+\d+s\s+system:masters/);
  t.regex(
    wide,
    /system:public-info-viewer\s+ClusterRole\/system:public-info-viewer\s+\d+s\s+system:authenticated, system:unauthenticated/,
  );
  t.regex(await kubectl.run('describe', 'clusterrole', 'system:basic-user'), /selfsubjectaccessreviews\.authorization/);
});

test.serial('a bound role opens its namespace and nothing else, and closes it when the binding goes', async (t) => {
  await kubectl.run('create', 'namespace', 'team');
  t.regex(
    (await as('ann').try(['-n', 'team', 'get', 'configmaps'])).stderr,
    /configmaps is forbidden: User "ann" cannot list resource "configmaps" in API group "" in the namespace "team"/,
  );
  t.is(
    await kubectl.run('-n', 'team', 'create', 'role', 'reader', '--verb=get,list,watch', '--resource=configmaps'),
    'role.rbac.authorization.k8s.io/reader created\n',
  );
  t.is(
    await kubectl.run('-n', 'team', 'create', 'rolebinding', 'reads', '--role=reader', '--user=ann'),
    'rolebinding.rbac.authorization.k8s.io/reads created\n',
  );
  t.is(await soon(() => as('ann').run('-n', 'team', 'get', 'configmaps')), '');
  t.not((await as('ann').try(['-n', 'default', 'get', 'configmaps'])).code, 0);
  t.not((await as('ann').try(['-n', 'team', 'create', 'configmap', 'x'])).code, 0);
  await kubectl.run('-n', 'team', 'delete', 'rolebinding', 'reads');
  t.not((await as('ann').try(['-n', 'team', 'get', 'configmaps'])).code, 0);
});

test.serial('who may write roles grants only what he has', async (t) => {
  await kubectl.run('create', 'namespace', 'sub');
  await kubectl.run('-n', 'sub', 'create', 'role', 'manager', '--verb=*', '--resource=roles,rolebindings');
  await kubectl.run('-n', 'sub', 'create', 'role', 'pods', '--verb=get,list', '--resource=pods');
  await kubectl.run('-n', 'sub', 'create', 'rolebinding', 'manages', '--role=manager', '--user=bob');
  const bob = as('bob');
  await soon(() => bob.run('-n', 'sub', 'get', 'roles'));
  // `*` holds `escalate` and `bind` too.
  await bob.run('-n', 'sub', 'create', 'role', 'anything', '--verb=get', '--resource=secrets');
  const verbs = '[{"op":"replace","path":"/rules/0/verbs","value":["get","list","create","update","patch"]}]';
  await kubectl.run('-n', 'sub', 'patch', 'role', 'manager', '--type=json', '-p', verbs);
  await kubectl.run('-n', 'sub', 'create', 'rolebinding', 'has-pods', '--role=pods', '--user=bob');
  await soon(() => bob.run('-n', 'sub', 'get', 'pods'));

  t.is(
    (await bob.try(['-n', 'sub', 'create', 'role', 'more', '--verb=get,watch', '--resource=pods,secrets'])).stderr,
    'Error from server (Forbidden): roles.rbac.authorization.k8s.io "more" is forbidden: user "bob" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n' +
      '{APIGroups:[""], Resources:["pods"], Verbs:["watch"]}\n' +
      '{APIGroups:[""], Resources:["secrets"], Verbs:["get" "watch"]}\n',
  );
  await bob.run('-n', 'sub', 'create', 'role', 'same', '--verb=get', '--resource=pods');
  t.regex(
    (await bob.try(['-n', 'sub', 'create', 'rolebinding', 'up', '--clusterrole=cluster-admin', '--user=bob'])).stderr,
    /rolebindings\.rbac\.authorization\.k8s\.io "up" is forbidden: user "bob".*not currently held/,
  );
  await bob.run('-n', 'sub', 'create', 'rolebinding', 'shares', '--role=pods', '--user=eve');
  t.is(await soon(() => as('eve').run('-n', 'sub', 'get', 'pods')), '');
});

test.serial('who may only update and patch creates nothing by the way', async (t) => {
  await kubectl.run('create', 'clusterrole', 'changes', '--verb=get,update,patch', '--resource=leases,configmaps');
  await kubectl.run('create', 'clusterrolebinding', 'changes', '--clusterrole=changes', '--user=eve');
  await soon(() => as('eve').run('auth', 'can-i', 'patch', 'leases'));
  const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'new' } };
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'new' } };
  const path = '/apis/coordination.k8s.io/v1/namespaces/default/leases/new';
  t.regex(
    (await as('eve').try(['replace', '--raw', path, '-f', '-'], JSON.stringify(lease))).stderr,
    /leases\.coordination\.k8s\.io "new" is forbidden: User "eve" cannot create resource "leases"/,
  );
  t.regex(
    (await as('eve').try(['apply', '--server-side', '-f', '-'], JSON.stringify(map))).stderr,
    /configmaps "new" is forbidden: User "eve" cannot create resource "configmaps"/,
  );
  await kubectl.feed(JSON.stringify(map), 'create', '-f', '-');
  await as('eve').feed(JSON.stringify({ ...map, data: { a: 'b' } }), 'apply', '--server-side', '-f', '-');
  t.pass();
});

test.serial('what is wrong with a role or binding is told by field', async (t) => {
  const refused = async (object: object): Promise<string> =>
    (await kubectl.try(['create', '-f', '-'], JSON.stringify(object))).stderr;
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' };
  const metadata = { name: 'wrong' };
  t.regex(
    await refused({ apiVersion, kind: 'Role', metadata, rules: [{ verbs: [], nonResourceURLs: ['/x'] }] }),
    /rules\[0\]\.verbs: Required value: verbs must contain at least one value\n.*namespaced rules cannot apply to non-resource URLs/,
  );
  t.regex(
    await refused({ apiVersion, kind: 'ClusterRoleBinding', metadata, roleRef: { ...roleRef, kind: 'Role' } }),
    /The ClusterRoleBinding "wrong" is invalid: roleRef\.kind: Unsupported value: "Role": supported values: "ClusterRole"/,
  );
  t.regex(
    await refused({ apiVersion, kind: 'RoleBinding', metadata, roleRef, subjects: [{ kind: 'Robot', name: 'r' }] }),
    /subjects\[0\]\.kind: Unsupported value: "Robot": supported values: "Group", "ServiceAccount", "User"/,
  );
  await kubectl.run('create', 'rolebinding', 'fixed', '--clusterrole=view', '--user=x');
  t.regex(
    (await kubectl.try(['patch', 'rolebinding', 'fixed', '--type=merge', '-p', '{"roleRef":{"name":"edit"}}'])).stderr,
    /roleRef: Invalid value: .*cannot change roleRef/,
  );
});

test.serial('a default role that was cut is whole again after a restart, unless it is to be left alone', async (t) => {
  const cut = (name: string, ...more: string[]): Promise<string> =>
    kubectl.run('patch', 'clusterrole', name, '--type=merge', '-p', `{"rules":[]${more.join('')}}`);
  await cut('system:kube-dns');
  await cut(
    'system:node-problem-detector',
    ',"metadata":{"annotations":{"rbac.authorization.kubernetes.io/autoupdate":"false"}}',
  );
  await api.first.end('SIGTERM');
  api.first.start();
  await api.first.ready();
  const rules = (name: string): Promise<string> => kubectl.run('get', 'clusterrole', name, '-o', 'jsonpath={.rules}');
  t.regex(await rules('system:kube-dns'), /endpoints/);
  t.is(await rules('system:node-problem-detector'), '[]');
});
