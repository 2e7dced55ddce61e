/** A group and version that another server serves, behind a Service that an APIService names. */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer, type Server } from 'node:https';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import test from 'ava';
import { createAuthority, issue } from '../../../compose/certificates.ts';
import { startApiServers, type TestApiServers } from '../../support/apiserver.ts';
import { startEtcd, type TestEtcd } from '../../support/etcd.ts';
import { Kubectl } from '../../support/kubectl.ts';

let dir: string;
let etcd: TestEtcd;
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

/** An endpoint is no address of loopback; the machine's own leads to the same place. */
const address = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

test.before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'trimaster-aggregation-'));
  const authority = await createAuthority('extension');
  const server = await issue(authority, { commonName: 'ext', names: ['ext.default.svc'], usages: ['server'] });
  const proxy = await issue(authority, { commonName: 'front-proxy', names: [], usages: ['client'] });
  await writeFile(join(dir, 'proxy.crt'), proxy.cert);
  await writeFile(join(dir, 'proxy.key'), proxy.key);
  caBundle = Buffer.from(authority.cert).toString('base64');
  extension = createServer({ cert: server.cert, key: server.key, ca: authority.cert, requestCert: true });
  extension.on('request', (request, response) => {
    const { url = '', headers } = request;
    const { subject } = (request.socket as TLSSocket).getPeerCertificate();
    seen.push({ url, headers, proxy: String(subject?.CN) });
    const answer = url.startsWith('/apis/ext.example.com/v1/')
      ? url.includes('/gauges/')
        ? gauge
        : { apiVersion: gauge.apiVersion, kind: 'GaugeList', metadata: {}, items: [gauge] }
      : resources;
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
  });
  extension.listen(0, '0.0.0.0');
  await once(extension, 'listening');
  etcd = await startEtcd();
  const flags = ['--proxy-client-cert-file', join(dir, 'proxy.crt'), '--proxy-client-key-file', join(dir, 'proxy.key')];
  api = await startApiServers({ etcd: etcd.endpoints, count: 2, extraArgs: flags });
  kubectl = new Kubectl(api.first.kubeconfig);
});

test.after.always(async () => {
  await api?.stop();
  await etcd?.stop();
  extension?.closeAllConnections();
  extension?.close();
  await rm(dir, { recursive: true, force: true });
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
  t.is(asked?.proxy, 'front-proxy');
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
  t.is(await kubectl.run('get', 'apiservice', 'v1.ext.example.com', ...reason), 'FailedDiscoveryCheck');
  const refused = await kubectl.try(['get', '--raw', '/apis/ext.example.com/v1/namespaces/default/gauges']);
  t.regex(refused.stderr, /ServiceUnavailable|unable to handle the request|service unavailable/);
  await kubectl.run('delete', 'apiservice', 'v1.ext.example.com');
  t.notRegex(await kubectl.run('api-resources'), /gauges/);
});
