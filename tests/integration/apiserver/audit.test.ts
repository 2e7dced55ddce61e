/** The audit log of a real API server, with a client behind something that speaks the PROXY protocol. */
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import test from 'ava';
import { proxyHeader } from '../../../lb/proxy-protocol.ts';
import { ApiClient } from '../../support/api-client.ts';
import { startApiServers } from '../../support/apiserver.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
const policy = `
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
  - { level: None, users: ['system:apiserver'] }
  - { level: RequestResponse, resources: [{ group: '', resources: [configmaps] }], omitStages: [RequestReceived] }
  - { level: Metadata, resources: [{ group: '', resources: [secrets] }] }
  - { level: Metadata, nonResourceURLs: [/version] }
`;

interface AuditEvent {
  level: string;
  auditID: string;
  stage: string;
  verb: string;
  requestURI: string;
  user: { username?: string };
  impersonatedUser?: { username: string };
  sourceIPs: string[];
  objectRef?: object;
  responseStatus?: { code: number; reason?: string };
  requestObject?: { data?: object };
  responseObject?: { metadata?: { uid?: string } };
  annotations?: Record<string, string>;
}

test('requests are recorded as the policy says, with who asked from where and what came of it', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'trimaster-audit-'));
  t.teardown(() => rm(dir, { recursive: true }));
  const policyFile = join(dir, 'policy.yaml');
  const log = join(dir, 'audit.log');
  await writeFile(policyFile, policy);
  const api = await startApiServers({
    extraArgs: ['--audit-policy-file', policyFile, '--audit-log-path', log, '--proxy-protocol', '127.0.0.0/8'],
  });
  t.teardown(api.stop);
  const events = async (what: (event: AuditEvent) => boolean, count: number): Promise<AuditEvent[]> => {
    for (let tries = 0; ; tries += 1) {
      const lines = (await readFile(log, 'utf8')).trimEnd().split('\n');
      const found = lines.map((line): AuditEvent => JSON.parse(line)).filter(what);
      if (found.length >= count || tries === 1_000) return found;
      await delay(10);
    }
  };

  const client = new ApiClient(api.first.kubeconfig);
  await client.json('POST', configMaps, { metadata: { name: 'a' }, data: { b: 'c' } });
  await client.send('GET', `${configMaps}/none`);
  const [created, missing] = await events(({ requestURI }) => requestURI.startsWith(configMaps), 2);
  t.like(created, {
    ...{ kind: 'Event', apiVersion: 'audit.k8s.io/v1', level: 'RequestResponse', stage: 'ResponseComplete' },
    ...{ verb: 'create', sourceIPs: ['127.0.0.1'], user: { username: 'kubernetes-admin' } },
    objectRef: { resource: 'configmaps', namespace: 'default', name: 'a', apiVersion: 'v1' },
    responseStatus: { code: 201 },
    requestObject: { data: { b: 'c' } },
    annotations: { 'authorization.k8s.io/decision': 'allow', 'authorization.k8s.io/reason': '' },
  });
  t.is(typeof created?.responseObject?.metadata?.uid, 'string');
  t.like(missing, { verb: 'get', responseStatus: { code: 404, reason: 'NotFound' } });

  // What lasts is told of when it begins, and when it is over.
  const watching = client.watch(`${configMaps}?watch=1&timeoutSeconds=1`, new AbortController().signal);
  for await (const _line of watching);
  const watched = await events(({ verb }) => verb === 'watch', 2);
  t.deepEqual(
    watched.map(({ stage, responseStatus }) => [stage, responseStatus?.code]),
    [
      ['ResponseStarted', 200],
      ['ResponseComplete', 200],
    ],
  );

  // Metadata alone of Secrets, at each stage, and of those that may not.
  await client.json('POST', '/api/v1/namespaces/default/secrets', {
    metadata: { name: 's' },
    stringData: { a: 'hidden' },
  });
  const secret = await events(({ objectRef }) => JSON.stringify(objectRef)?.includes('secrets'), 2);
  t.deepEqual(
    secret.map(({ stage }) => stage),
    ['RequestReceived', 'ResponseComplete'],
  );
  t.is(secret[0]?.auditID, secret[1]?.auditID);
  t.notRegex(await readFile(log, 'utf8'), /hidden/);
  await api.first.ask(configMaps);
  const [refused] = await events(({ user }) => user.username === 'system:anonymous', 1);
  t.like(refused, { responseStatus: { code: 403 }, annotations: { 'authorization.k8s.io/decision': 'forbid' } });
  await api.first.ask('/version', { authorization: 'Bearer wrong' });
  const [unknown] = await events(({ responseStatus }) => responseStatus?.code === 401, 1);
  t.is(unknown?.stage, 'ResponseStarted');

  // Behind a balancer.
  const address = { address: '192.0.2.7', port: 4711 };
  for (const version of ['v1', 'v2'] as const) {
    const socket: Socket = connect(api.first.port, '127.0.0.1');
    socket.write(proxyHeader(version, { client: address, server: { address: '192.0.2.1', port: 6443 } }));
    const secure = connectTls({ socket, ca: api.first.ca, servername: 'localhost' });
    secure.write(`GET /version?by=${version} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    const [answer] = await once(secure, 'data');
    t.regex(String(answer), /^HTTP\/1.1 200 /);
    const [seen] = await events(({ requestURI }) => requestURI === `/version?by=${version}`, 1);
    t.deepEqual(seen?.sourceIPs, ['192.0.2.7']);
    secure.destroy();
  }
  t.regex((await client.send('GET', '/metrics')).text, /^apiserver_audit_event_total [1-9]/m);
  await client.close();
});
