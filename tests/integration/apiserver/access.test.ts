/** Who may ask the API server, for what: by certificates, tokens and nothing at all. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { issue } from '../../../compose/certificates.ts';
import { kubeconfigText } from '../../../master/api/config.ts';
import { ApiClient } from '../../support/api-client.ts';
import { startApiServers, type TestApiServers } from '../../support/apiserver.ts';

let api: TestApiServers;
let admin: ApiClient;

test.before(async () => {
  api = await startApiServers();
  admin = new ApiClient(api.first.kubeconfig);
});

test.after.always(async () => {
  await admin?.close();
  await api?.stop();
});

/** A client with a certificate of the cluster's authority, or of another one. */
async function clientOf(commonName: string, organizations: string[], authority = 'ca'): Promise<ApiClient> {
  const read = (file: string): Promise<string> => readFile(join(api.dir, file), 'utf8');
  const ca = { cert: await read(`ca/${authority}.crt`), key: await read(`ca/${authority}.key`) };
  const { cert, key } = await issue(ca, { commonName, organizations, usages: ['client'] });
  const file = join(api.dir, `${crypto.randomUUID()}.conf`);
  const server = api.first.url;
  await writeFile(file, kubeconfigText({ name: 'test', server, ca: await read('ca/ca.crt'), cert, key }));
  return new ApiClient(file);
}
test('anybody may ask how the server is, and nothing else', async (t) => {
  t.is((await api.first.ask('/readyz')).text, 'ok');
  t.is((await api.first.ask('/version')).status, 200);
  const refused = await api.first.ask('/api/v1/pods');
  t.is(refused.status, 403);
  t.is(
    JSON.parse(refused.text).message,
    'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" at the cluster scope',
  );
});

test('credentials that nobody vouches for are refused, whatever is asked', async (t) => {
  t.is((await api.first.ask('/readyz', { authorization: 'Bearer something' })).status, 401);
  const stranger = await clientOf('kubernetes-admin', ['system:masters'], 'etcd-ca');
  t.is((await stranger.send('GET', '/readyz')).status, 401);
  await stranger.close();
});

test('a node writes its own Node and Lease and no other', async (t) => {
  const node = await clientOf('system:node:node-1', ['system:nodes']);
  const create = (name: string) => node.send('POST', '/api/v1/nodes', { metadata: { name } });
  t.is((await create('node-1')).status, 201);
  const other = await create('node-2');
  t.is(other.status, 403);
  t.regex(other.text, /node \\"node-1\\" is not allowed to modify node \\"node-2\\"/);
  const lease = (name: string) =>
    node.send('POST', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases', { metadata: { name } });
  t.is((await lease('node-1')).status, 201);
  t.is((await lease('node-2')).status, 403);
  t.is((await node.send('GET', '/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-1')).status, 200);
  t.is(
    (await node.send('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: 'x' }, data: {} })).status,
    403,
  );
  await node.close();
});

test('a node reads the Secrets that its own pods name, from the moment it may know of them', async (t) => {
  const node = await clientOf('system:node:node-7', ['system:nodes']);
  const secrets = '/api/v1/namespaces/default/secrets';
  await admin.send('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
  for (const name of ['mine', 'others']) await admin.json('POST', secrets, { metadata: { name } });
  t.is((await node.send('GET', `${secrets}/mine`)).status, 403);
  const volumes = [{ name: 'v', secret: { secretName: 'mine' } }];
  const containers = [{ name: 'c', image: 'x' }];
  await admin.json('POST', '/api/v1/namespaces/default/pods', {
    metadata: { name: 'reader' },
    spec: { nodeName: 'node-7', containers, volumes },
  });
  t.is((await node.send('GET', `${secrets}/mine`)).status, 200);
  const refused = await node.send('GET', `${secrets}/others`);
  t.is(refused.status, 403);
  t.regex(refused.text, /no relationship found between node 'node-7' and this object/);
  await node.close();
});

test('the server tells the administrator how it runs and with which flags', async (t) => {
  t.regex(
    (await admin.send('GET', '/statusz')).text,
    /^\nkube-apiserver statusz\n[\s\S]*\nUp: 0 hr [\s\S]*\nPaths: .*\/livez /,
  );
  t.regex((await admin.send('GET', '/flagz')).text, /\nbind-address: 127\.0\.0\.1\nclient-ca-file: \//);
  t.is((await api.first.ask('/flagz')).status, 403);
});

test('a bootstrap token may ask for a certificate, and for nothing else', async (t) => {
  const data = { 'token-id': 'abcdef', 'token-secret': '0123456789abcdef', 'usage-bootstrap-authentication': 'true' };
  await admin.json('POST', '/api/v1/namespaces/kube-system/secrets', {
    metadata: { name: 'bootstrap-token-abcdef' },
    type: 'bootstrap.kubernetes.io/token',
    stringData: data,
  });
  const headers = { authorization: 'Bearer abcdef.0123456789abcdef' };
  t.is((await api.first.ask('/apis/certificates.k8s.io/v1/certificatesigningrequests', headers)).status, 200);
  const refused = await api.first.ask('/api/v1/nodes', headers);
  t.is(refused.status, 403);
  t.regex(refused.text, /system:bootstrap:abcdef/);
});
