/** pods/log: the way from kubectl through the API server to a kubelet, which is played by a TLS server here. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import WebSocket from 'ws';
import { parse } from 'yaml';
import { issue } from '../../../compose/certificates.ts';
import { ApiClient } from '../../support/api-client.ts';
import { startApiServers, type TestApiServers } from '../../support/apiserver.ts';
import { Kubectl } from '../../support/kubectl.ts';

let api: TestApiServers;
let admin: ApiClient;
let kubectl: Kubectl;

test.before(async () => {
  api = await startApiServers();
  admin = new ApiClient(api.first.kubeconfig, { timeoutMs: 20_000 });
  kubectl = new Kubectl(api.first.kubeconfig);
});

test.after.always(async () => {
  await admin?.close();
  await api?.stop();
});

/** A node whose kubelet answers as `answer` says, and a pod on it. */
async function nodeWithPod(
  t: ExecutionContext,
  name: string,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<void> {
  const read = (file: string): Promise<string> => readFile(join(api.dir, file), 'utf8');
  const ca = { cert: await read('ca/ca.crt'), key: await read('ca/ca.key') };
  const leaf = await issue(ca, { commonName: `system:node:${name}`, names: ['127.0.0.1'], usages: ['server'] });
  const server = createServer({ ...leaf, ca: ca.cert, requestCert: true, rejectUnauthorized: true }, answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  await addNode(name, address.port);
}

async function addNode(name: string, port: number): Promise<void> {
  await admin.json('POST', '/api/v1/nodes', { metadata: { name } });
  const status = {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
  };
  await admin.json('PATCH', `/api/v1/nodes/${name}/status`, { status }, 'application/merge-patch+json');
  await admin.json('POST', '/api/v1/namespaces/default/pods', {
    metadata: { name: `on-${name}` },
    spec: { nodeName: name, containers: [{ name: 'main', image: 'trimaster/echo:1' }] },
  });
}

test('logs come from the kubelet of the pod’s node, which is asked as the API server and with the options given', async (t) => {
  const asked: string[] = [];
  await nodeWithPod(t, 'talking', (request, response) => {
    if (request.socket instanceof TLSSocket) asked.push(String(request.socket.getPeerCertificate().subject.O));
    asked.push(request.url ?? '', String(request.headers.authorization));
    response.end('one\ntwo\n');
  });
  t.is(await kubectl.run('logs', 'on-talking', '--tail=2', '--timestamps'), 'one\ntwo\n');
  t.deepEqual(asked, [
    'system:masters',
    '/containerLogs/default/on-talking/main?timestamps=true&tailLines=2',
    'undefined',
  ]);
});

test('logs are followed line by line, and the kubelet is left when the client leaves', async (t) => {
  const { promise: left, resolve } = Promise.withResolvers<void>();
  const { promise: begun, resolve: begin } = Promise.withResolvers<ServerResponse>();
  await nodeWithPod(t, 'following', (_request, response) => {
    response.on('close', resolve);
    response.write('first\n');
    begin(response);
  });
  const logs = kubectl.start('logs', '-f', 'on-following');
  t.teardown(logs.stop);
  await logs.until(/first/);
  (await begun).write('second\n');
  await logs.until(/second/);
  logs.stop();
  await left;
  t.pass();
});

test('a log comes over a WebSocket as well, as bytes or as text, and ends with it', async (t) => {
  const upgrades: unknown[] = [];
  await nodeWithPod(t, 'framed', (request, response) => {
    upgrades.push(request.headers.upgrade, request.headers['sec-websocket-protocol']);
    response.end('one\ntwo\n');
  });
  const [{ user }] = parse(await readFile(api.first.kubeconfig, 'utf8')).users;
  const cert = Buffer.from(user['client-certificate-data'], 'base64');
  const key = Buffer.from(user['client-key-data'], 'base64');
  const hear = async (pod: string, protocol: string): Promise<string> => {
    const url = `${api.first.url.replace('https', 'wss')}/api/v1/namespaces/default/pods/${pod}/log`;
    const socket = new WebSocket(url, protocol, { ca: api.first.ca, cert, key });
    let text = '';
    socket.on('message', (data) => {
      text += String(data);
    });
    const [code] = await once(socket, 'close');
    return `${code} ${socket.protocol} ${text}`;
  };
  t.is(await hear('on-framed', 'binary.k8s.io'), '1000 binary.k8s.io one\ntwo\n');
  t.is(await hear('on-framed', 'base64.binary.k8s.io'), `1000 base64.binary.k8s.io ${btoa('one\ntwo\n')}`);
  t.deepEqual(upgrades, [undefined, undefined, undefined, undefined]);
});

test('what the kubelet refuses is told in its words', async (t) => {
  await nodeWithPod(t, 'refusing', (_request, response) => {
    response.writeHead(400).end('container "main" in pod "on-refusing" is waiting to start: ImagePullBackOff\n');
  });
  const { stderr } = await kubectl.try(['logs', 'on-refusing']);
  t.regex(stderr, /\(BadRequest\): container "main" in pod "on-refusing" is waiting to start: ImagePullBackOff/);
});

test('a kubelet that is not there is an error, and the server lives on', async (t) => {
  await addNode('absent', 1);
  const { status, text } = await admin.send('GET', '/api/v1/namespaces/default/pods/on-absent/log');
  t.is(status, 500);
  t.regex(text, /Get .*containerLogs\/default\/on-absent\/main.*ECONNREFUSED/);
  t.is((await api.first.ask('/readyz')).text, 'ok');
});
