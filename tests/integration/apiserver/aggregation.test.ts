/** A group and version that another server serves, behind a Service that an APIService names. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer, request, type Server } from 'node:https';
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import test from 'ava';
import { createAuthority, issue } from '../../../compose/certificates.ts';
import { startApiServers, type TestApiServers } from '../../support/apiserver.ts';
import { Kubectl } from '../../support/kubectl.ts';
import { within } from '../../support/within.ts';

let api: TestApiServers;
let kubectl: Kubectl;
let extension: Server;
let caBundle: string;
const seen: { readonly url: string; readonly headers: IncomingHttpHeaders; readonly proxy: string }[] = [];

const resources = {
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion: 'ext.example.com/v1',
  resources: [
    {
      name: 'gauges',
      singularName: 'gauge',
      namespaced: true,
      kind: 'Gauge',
      verbs: ['get', 'list'],
      shortNames: ['gg'],
    },
  ],
};
const gauge = { apiVersion: 'ext.example.com/v1', kind: 'Gauge', metadata: { name: 'one', namespace: 'default' } };

const schema = {
  description: 'Gauge shows how much there is.',
  type: 'object',
  properties: { level: { type: 'integer', description: 'Level is how much there is.' } },
  'x-kubernetes-group-version-kind': [{ group: 'ext.example.com', kind: 'Gauge', version: 'v1' }],
};
const operation = {
  operationId: 'readGauge',
  'x-kubernetes-action': 'get',
  'x-kubernetes-group-version-kind': { group: 'ext.example.com', kind: 'Gauge', version: 'v1' },
};
const gaugePath = '/apis/ext.example.com/v1/namespaces/{namespace}/gauges/{name}';
const documentV3 = '/openapi/v3/apis/ext.example.com/v1';

/** What the server says of itself, by path. */
const documents: Readonly<Record<string, unknown>> = {
  '/apis/ext.example.com/v1': resources,
  '/openapi/v2': {
    swagger: '2.0',
    info: { title: 'gauges', version: 'v1' },
    paths: {
      [gaugePath]: { get: { ...operation, responses: { 200: { schema: { $ref: '#/definitions/example.Gauge' } } } } },
      '/version/': { get: { responses: { 200: { description: 'not of the group version' } } } },
    },
    definitions: { 'example.Gauge': schema, 'example.Unused': { type: 'object' } },
  },
  '/openapi/v3': { paths: { 'apis/ext.example.com/v1': { serverRelativeURL: `${documentV3}?hash=1` } } },
  [documentV3]: {
    openapi: '3.0.0',
    info: { title: 'gauges', version: 'v1' },
    paths: Object.fromEntries(
      [gaugePath, dirname(gaugePath), '/apis/ext.example.com/v1/gauges'].map((path) => [
        path,
        { get: { ...operation, responses: { 200: { description: 'OK' } } } },
      ]),
    ),
    components: { schemas: { 'example.Gauge': schema } },
  },
};

/** An endpoint is no address of loopback; the machine's own leads to the same place. */
const address = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

test.before(async () => {
  const authority = await createAuthority('extension');
  const server = await issue(authority, { commonName: 'ext', names: ['ext.default.svc'], usages: ['server'] });
  caBundle = Buffer.from(authority.cert).toString('base64');
  api = await startApiServers({ count: 2 });
  kubectl = new Kubectl(api.first.kubeconfig);
  const frontProxyCa = await readFile(join(api.dir, 'master-1/front-proxy-ca.crt'), 'utf8');
  extension = createServer({ cert: server.cert, key: server.key, ca: frontProxyCa, requestCert: true });
  extension.on('request', (request, response) => {
    const { url = '', headers } = request;
    const socket = request.socket as TLSSocket;
    seen.push({ url, headers, proxy: socket.authorized ? String(socket.getPeerCertificate().subject?.CN) : '' });
    const list = { apiVersion: gauge.apiVersion, kind: 'GaugeList', metadata: {}, items: [gauge] };
    const answer = documents[url.split('?', 1)[0] ?? ''] ?? (url.includes('/gauges/') ? gauge : list);
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
  });
  extension.listen(0, '0.0.0.0');
  await once(extension, 'listening');
});

test.after.always(async () => {
  await api?.stop();
  extension?.closeAllConnections();
  extension?.close();
});

test.serial('requests go to the server that serves them, in the name of who asks', async (t) => {
  const at = extension.address();
  const port = typeof at === 'object' ? at?.port : undefined;
  await kubectl.feed(
    `
apiVersion: v1
kind: Service
metadata: { name: ext }
spec: { ports: [{ port: 443, targetPort: ${port} }] }
---
apiVersion: v1
kind: Endpoints
metadata: { name: ext }
subsets: [{ addresses: [{ ip: ${address} }], ports: [{ port: ${port} }] }]
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: { name: v1.ext.example.com }
spec:
  group: ext.example.com
  version: v1
  groupPriorityMinimum: 1000
  versionPriority: 10
  caBundle: ${caBundle}
  service: { name: ext, namespace: default }
`,
    'apply',
    '-f',
    '-',
  );
  await kubectl.run('wait', '--for=condition=Available', '--timeout=30s', 'apiservice/v1.ext.example.com');
  t.regex(
    await kubectl.run('api-resources', '--api-group=ext.example.com'),
    /gauges\s+gg\s+ext\.example\.com\/v1\s+true\s+Gauge/,
  );
  t.is(
    await kubectl.run('get', 'gg', '-o', 'name', '--as', 'jane', '--as-group', 'system:masters'),
    'gauge.ext.example.com/one\n',
  );
  const asked = seen.find(({ headers }) => headers['x-remote-user'] === 'jane');
  t.regex(asked?.url ?? '', /^\/apis\/ext\.example\.com\/v1\/namespaces\/default\/gauges/);
  t.is(asked?.headers['x-remote-group'], 'system:masters, system:authenticated');
  t.is(asked?.headers['impersonate-user'], undefined);
  t.is(asked?.proxy, 'front-proxy-client');
});

test.serial('kubectl explains what another server serves', async (t) => {
  t.regex(await kubectl.run('explain', 'gauge.level'), /Level is how much there is\./);
  const { definitions, paths } = JSON.parse(await kubectl.run('get', '--raw', '/openapi/v2'));
  t.deepEqual(definitions['example.Gauge'], schema);
  t.is(definitions['example.Unused'], undefined);
  t.is(paths[gaugePath].get.operationId, 'readGauge');
  t.truthy(definitions['io.k8s.api.core.v1.Pod']);
});

test.serial('a server that does not answer is said to be unavailable, and so are its resources', async (t) => {
  await kubectl.run(
    'patch',
    'apiservice',
    'v1.ext.example.com',
    '--type=merge',
    '-p',
    '{"spec":{"service":{"port":444}}}',
  );
  await kubectl.run('wait', '--for=condition=Available=False', '--timeout=30s', 'apiservice/v1.ext.example.com');
  const reason = ['-o', 'jsonpath={.status.conditions[0].reason}'];
  t.is(await kubectl.run('get', 'apiservice', 'v1.ext.example.com', ...reason), 'ServicePortError');
  const refused = await kubectl.try(['get', '--raw', '/apis/ext.example.com/v1/namespaces/default/gauges']);
  t.regex(refused.stderr, /ServiceUnavailable|unable to handle the request|service unavailable/);
  t.notRegex(await kubectl.run('api-resources'), /gauges/);
  t.regex(await kubectl.run('get', '--raw', '/apis'), /"groupVersion":"ext\.example\.com\/v1"/);
  t.not((await kubectl.try(['get', '--raw', '/apis/ext.example.com/v1'])).code, 0);
  await kubectl.run('delete', 'apiservice', 'v1.ext.example.com');
  await within(
    10,
    () => kubectl.run('get', '--raw', '/apis'),
    (groups) => !groups.includes('ext.example.com'),
  );
});

test.serial('who has the certificate of a front proxy says in headers who asks', async (t) => {
  const at = (file: string) => readFile(join(api.dir, 'master-1', file), 'utf8');
  const agent = { ca: api.first.ca, cert: await at('front-proxy-client.crt'), key: await at('front-proxy-client.key') };
  const whoAmI = async (headers: Record<string, string | string[]>): Promise<{ status: number; text: string }> => {
    const sent = request(`${api.first.url}/apis/authentication.k8s.io/v1/selfsubjectreviews`, {
      ...{ ...agent, agent: false, method: 'POST' },
      headers: { ...headers, 'content-type': 'application/json' },
    });
    sent.end('{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}');
    const [answer] = await once(sent, 'response');
    return { status: answer.statusCode, text: await text(answer) };
  };
  const told = await whoAmI({ 'X-Remote-User': 'jane', 'X-Remote-Group': ['a', 'b'], 'X-Remote-Extra-Team': 'x' });
  t.deepEqual(JSON.parse(told.text).status.userInfo, {
    username: 'jane',
    groups: ['a', 'b', 'system:authenticated'],
    extra: { team: ['x'] },
  });
  t.is((await whoAmI({})).status, 401);
});

test.serial('who may be believed is published, and comes back when it is deleted', async (t) => {
  const published = ['-n', 'kube-system', 'configmap', 'extension-apiserver-authentication'];
  const { data } = JSON.parse(await kubectl.run('get', ...published, '-o', 'json'));
  t.is(data['client-ca-file'].trim(), api.first.ca.trim());
  t.is(data['requestheader-allowed-names'], '["front-proxy-client"]');
  t.deepEqual(Object.keys(data), [
    'client-ca-file',
    'requestheader-allowed-names',
    'requestheader-client-ca-file',
    'requestheader-extra-headers-prefix',
    'requestheader-group-headers',
    'requestheader-uid-headers',
    'requestheader-username-headers',
  ]);
  await kubectl.run('delete', ...published);
  await kubectl.run('wait', '--for=create', '--timeout=60s', ...published);
  const scheduler = ['--as', 'system:kube-scheduler', '-n', 'kube-system'];
  t.is(
    await kubectl.run('auth', 'can-i', 'get', 'configmap/extension-apiserver-authentication', ...scheduler),
    'yes\n',
  );
  t.regex((await kubectl.try(['auth', 'can-i', 'get', 'configmap/other', ...scheduler])).stdout, /^no/);
});
