/** A newer kubectl than the distribution's: it asks for other things (WebSockets first, its own user agent, newer discovery). */
import test from 'ava';
import { startApiServers, type TestApiServers } from '../../support/apiserver.ts';
import { clientTools } from '../../support/client-tools.ts';
import { Kubectl } from '../../support/kubectl.ts';

let api: TestApiServers;
let kubectl: Kubectl;

test.before(async () => {
  const tools = await clientTools();
  api = await startApiServers();
  kubectl = new Kubectl(api.first.kubeconfig, { KUBE_EDITOR: 'sed -i s/colour:.*/colour:\\ green/' }, tools.kubectl);
});

test.after.always(async () => {
  await api?.stop();
});

const configMap = (colour: string): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'paint' }, data: { colour } });

test('it finds the server’s version and resources, and explains them', async (t) => {
  const { clientVersion, serverVersion } = JSON.parse(await kubectl.run('version', '-o', 'json'));
  t.is(`${clientVersion.major}.${clientVersion.minor}`, '1.35');
  t.regex(serverVersion.gitVersion, /^v1\.36\./);
  t.regex(await kubectl.run('api-resources'), /^deployments\s+deploy\s+apps\/v1\s+true\s+Deployment$/m);
  t.regex(await kubectl.run('explain', 'pod.spec.containers.image'), /FIELD: image <string>/);
  const whoAmI = await kubectl.run('auth', 'whoami');
  t.regex(whoAmI, /^Username\s+kubernetes-admin$/m);
  t.regex(whoAmI, /^Extra: authentication\.kubernetes\.io\/credential-id\s+\[X509SHA256=[0-9a-f]{64}\]$/m);
  t.is(await kubectl.run('auth', 'can-i', 'create', 'pods'), 'yes\n');
});

test('it applies a part of an object by itself', async (t) => {
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'x:1' }] } };
  const rc = { apiVersion: 'v1', kind: 'ReplicationController', metadata: { name: 'parts' } };
  const apply = ['apply', '--server-side', '-f', '-'];
  const done = 'replicationcontroller/parts serverside-applied\n';
  t.is(await kubectl.feed(JSON.stringify({ ...rc, spec: { replicas: 1, template } }), ...apply), done);
  const status = JSON.stringify({ ...rc, status: { replicas: 1 } });
  t.is(await kubectl.feed(status, ...apply, '--subresource=status'), done);
  const managers = '{range .metadata.managedFields[*]}{.manager}/{.subresource} {end}';
  t.is(
    await kubectl.run('get', 'rc', 'parts', '-o', `jsonpath=${managers}{.status.replicas}`),
    'kubectl/ kubectl/status 1',
  );
});

test('it creates, applies, edits, compares, watches and deletes', async (t) => {
  const watch = kubectl.start('get', 'cm', '--watch', '-o', 'jsonpath={.metadata.name}={.data.colour}{"\\n"}');
  t.teardown(watch.stop);
  t.is(await kubectl.feed(configMap('red'), 'apply', '-f', '-'), 'configmap/paint created\n');
  await watch.until(/paint=red/);
  const diff = await kubectl.try(['diff', '-f', '-'], configMap('blue'));
  t.is(diff.code, 1);
  t.regex(diff.stdout, /-\s+colour: red\n\+\s+colour: blue/);
  t.is(await kubectl.feed(configMap('blue'), 'apply', '-f', '-'), 'configmap/paint configured\n');
  await watch.until(/paint=blue/);
  t.is(await kubectl.run('edit', 'cm', 'paint'), 'configmap/paint edited\n');
  await watch.until(/paint=green/);
  t.is(
    await kubectl.feed(configMap('white'), 'apply', '--server-side', '-f', '-', '--force-conflicts'),
    'configmap/paint serverside-applied\n',
  );
  t.is(await kubectl.run('label', 'cm', 'paint', 'room=hall'), 'configmap/paint labeled\n');
  t.is(await kubectl.run('wait', 'cm/paint', '--for=jsonpath={.data.colour}=white'), 'configmap/paint condition met\n');
  t.is(await kubectl.run('delete', 'cm', '-l', 'room=hall'), 'configmap "paint" deleted from default namespace\n');
});

test('a wrong field is refused before anything is written', async (t) => {
  const wrong = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' }, dta: { a: 'b' } });
  const { code, stderr } = await kubectl.try(['create', '-f', '-'], wrong);
  t.is(code, 1);
  t.regex(stderr, /strict decoding error: unknown field "dta"/);
});

test('what the client has applied is handed over to the server’s apply', async (t) => {
  const handed = (data: object): string =>
    JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'handed' }, data });
  await kubectl.feed(handed({ a: '1', b: '2' }), 'apply', '-f', '-');
  await kubectl.feed(handed({ a: '1' }), 'apply', '--server-side', '-f', '-');
  const { data, metadata } = JSON.parse(
    await kubectl.run('get', 'cm', 'handed', '-o', 'json', '--show-managed-fields'),
  );
  t.deepEqual(data, { a: '1' });
  const managers = metadata.managedFields.map(
    ({ manager, operation }: { manager: string; operation: string }) => `${manager} ${operation}`,
  );
  t.true(managers.includes('kubectl Apply'), managers.join());
  t.false(managers.includes('kubectl-client-side-apply Update'), managers.join());
});

test('there is no difference where nothing differs', async (t) => {
  const plain = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'plain' }, data: { a: 'b' } });
  await kubectl.feed(plain, 'create', '-f', '-');
  t.like(await kubectl.try(['diff', '-f', '-'], plain), { code: 0, stdout: '' });
});

test('a subresource has columns of its own, and deprecated kinds are warned of', async (t) => {
  await kubectl.run('create', 'deployment', 'scaled', '--image=x', '--replicas=2');
  const table = await kubectl.run('get', 'deployment', 'scaled', '--subresource=scale');
  t.regex(table, /^NAME\s+DESIRED\s+AVAILABLE\s+AGE\nscaled\s+2\s+0\s+\d+s\n$/);
  const endpoints = await kubectl.try(['get', 'endpoints']);
  t.is(endpoints.stderr, 'Warning: v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice\n');
  t.is((await kubectl.try(['get', 'cs'])).stderr, 'Warning: v1 ComponentStatus is deprecated in v1.19+\n');
});
