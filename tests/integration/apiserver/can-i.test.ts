/** What kubectl tells people about themselves and others: `auth can-i`, `auth whoami`, and acting as somebody else. */
import test from 'ava';
import { startApiServers, type TestApiServers } from '../../support/apiserver.ts';

import { Kubectl } from '../../support/kubectl.ts';
import { startTokenFile, type TokenFile } from '../../support/token-file.ts';

let tokens: TokenFile;
let api: TestApiServers;
let kubectl: Kubectl;
let ann: Kubectl;

test.before(async () => {
  tokens = await startTokenFile(['ann:testers', 'lead']);
  api = await startApiServers({ extraArgs: tokens.args });
  kubectl = new Kubectl(api.first.kubeconfig);
  ann = tokens.kubectl(api.first.kubeconfig, 'ann');
  await kubectl.run('create', 'rolebinding', 'testers', '--clusterrole=system:kube-dns', '--group=testers');
  await kubectl.run('create', 'serviceaccount', 'robot');
  await kubectl.run(
    'create',
    'rolebinding',
    'robot',
    '--clusterrole=system:kube-dns',
    '--serviceaccount=default:robot',
  );
  await kubectl.run(
    ...['create', 'clusterrole', 'acts-as-ann', '--verb=impersonate', '--resource=users', '--resource-name=ann'],
  );
  await kubectl.run('create', 'clusterrolebinding', 'lead', '--clusterrole=acts-as-ann', '--user=lead');
});

test.after.always(async () => {
  await api?.stop();
  await tokens?.remove();
});

const canI = async (who: Kubectl, ...what: string[]): Promise<string> =>
  (await who.try(['auth', 'can-i', ...what])).stdout.trim();

test('can-i answers for the one who asks, in each namespace and for paths', async (t) => {
  t.is(await canI(kubectl, '*', '*', '--all-namespaces'), 'yes');
  t.is(await canI(ann, 'list', 'services'), 'yes');
  t.is(await canI(ann, 'list', 'services', '-n', 'kube-system'), 'no');
  t.is(await canI(ann, 'delete', 'services'), 'no');
  t.is(await canI(ann, 'get', '/healthz'), 'yes');
  t.is(await canI(ann, 'get', '/metrics'), 'no');
});

test('can-i --list tells all that holds', async (t) => {
  const list = await ann.run('auth', 'can-i', '--list');
  t.regex(list, /^Resources\s+Non-Resource URLs\s+Resource Names\s+Verbs\n/);
  t.regex(list, /services\s+\[\]\s+\[\]\s+\[list watch\]/);
  t.regex(list, /selfsubjectaccessreviews\.authorization\.k8s\.io\s+\[\]\s+\[\]\s+\[create\]/);
  t.regex(list, /\[\/version\]\s+\[\]\s+\[get\]/);
  t.regex(await kubectl.run('auth', 'can-i', '--list'), /\*\.\*\s+\[\]\s+\[\]\s+\[\*\]/);
});

test('whoami tells name, groups and uid', async (t) => {
  const told = JSON.parse(await ann.run('auth', 'whoami', '-o', 'json'));
  t.deepEqual(told.status.userInfo, {
    username: 'ann',
    uid: 'uid-of-ann',
    groups: ['testers', 'system:authenticated'],
  });
  t.regex(
    await kubectl.run('auth', 'whoami'),
    /Username\s+kubernetes-admin\nGroups\s+\[system:masters system:authenticated\]/,
  );
});

test('a review of somebody else says whether and why, and is for those who may ask', async (t) => {
  const review = (spec: object) =>
    JSON.stringify({ apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec });
  const resourceAttributes = { verb: 'watch', resource: 'services', namespace: 'default' };
  const asked = review({ user: 'x', groups: ['testers'], resourceAttributes });
  t.deepEqual(JSON.parse(await kubectl.feed(asked, 'create', '-o', 'json', '-f', '-')).status, {
    allowed: true,
    reason: 'RBAC: allowed by RoleBinding "testers/default" of ClusterRole "system:kube-dns" to Group "testers"',
  });
  const pods = async (fieldSelector?: object) => {
    const resourceAttributes = { verb: 'list', resource: 'pods', ...(fieldSelector && { fieldSelector }) };
    const ofNode = review({ user: 'system:node:n', groups: ['system:nodes'], resourceAttributes });
    const { stdout, stderr } = await kubectl.try(['create', '-o', 'jsonpath={.status.allowed}', '-f', '-'], ofNode);
    return stdout || stderr;
  };
  t.is(await pods(), 'false');
  t.is(await pods({ rawSelector: 'spec.nodeName=n' }), 'true');
  t.is(await pods({ requirements: [{ key: 'spec.nodeName', operator: 'In', values: ['n'] }] }), 'true');
  t.is(await pods({ requirements: [{ key: 'spec.nodeName', operator: 'In', values: ['m'] }] }), 'false');
  t.regex(
    await pods({}),
    /fieldSelector\.requirements: Required value: when spec\.resourceAttributes\.fieldSelector is /,
  );
  t.regex((await ann.try(['create', '-f', '-'], asked)).stderr, /cannot create resource "subjectaccessreviews"/);
  t.regex(
    (await kubectl.try(['create', '-f', '-'], review({ resourceAttributes }))).stderr,
    /spec\.user: Invalid value: "": at least one of user or group must be specified/,
  );
  const local = JSON.stringify({
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'LocalSubjectAccessReview',
    metadata: { namespace: 'kube-system' },
    spec: { user: 'x', resourceAttributes },
  });
  t.regex(
    (await kubectl.try(['create', '-f', '-'], local)).stderr,
    /Invalid value: "default": must match metadata.namespace/,
  );
  t.regex((await kubectl.try(['get', 'selfsubjectreviews'])).stderr, /MethodNotAllowed/);
});

test('who acts as another one is that one, and only where he may be', async (t) => {
  t.is(await canI(kubectl, 'list', 'services', '--as=ann', '--as-group=testers'), 'yes');
  t.is(await canI(kubectl, 'list', 'services', '--as=ann'), 'no');
  t.is(await canI(kubectl, 'list', 'services', '--as=system:serviceaccount:default:robot'), 'yes');
  const whoami = JSON.parse(
    await kubectl.run('auth', 'whoami', '-o', 'json', '--as=zoe', '--as-uid=7', '--as-group=a', '--as-group=b'),
  );
  t.deepEqual(whoami.status.userInfo, { username: 'zoe', uid: '7', groups: ['a', 'b', 'system:authenticated'] });
  t.regex(
    (await ann.try(['get', 'services', '--as=lead'])).stderr,
    /User "ann" cannot impersonate-on:user-info:(get path|list resource)/,
  );
  const lead = tokens.kubectl(api.first.kubeconfig, 'lead');
  t.regex(await lead.run('auth', 'whoami', '--as=ann'), /Username\s+ann\n/);
  t.regex(
    (await lead.try(['get', '--raw', '/api', '--as=ann', '--as-group=testers'])).stderr,
    /User "lead" cannot impersonate-on:user-info:get path "\/api"/,
  );
  t.regex(
    (await kubectl.try(['get', 'nodes', '--as=system:node:n', '--as-group=system:nodes'])).stdout +
      (await kubectl.try(['get', 'secrets', '--as=nobody'])).stderr,
    /User "nobody" cannot list resource "secrets"/,
  );
});
