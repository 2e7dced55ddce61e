/** Watches as WebSockets, with a client of another make. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import test from 'ava';
import WebSocket from 'ws';
import { parse } from 'yaml';
import { ApiClient } from '../../support/api-client.ts';
import { startApiServers } from '../../support/apiserver.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';

test('a watch as a WebSocket gives one text frame an event, and ends with a close frame', async (t) => {
  const api = await startApiServers();
  t.teardown(api.stop);
  const { url, kubeconfig, ca } = api.first;
  const client = new ApiClient(kubeconfig);
  t.teardown(() => client.close());
  const [{ user }] = parse(readFileSync(kubeconfig, 'utf8')).users;
  const cert = Buffer.from(user['client-certificate-data'], 'base64');
  const key = Buffer.from(user['client-key-data'], 'base64');
  const open = (path: string, trust: object) =>
    new WebSocket(`${url.replace('https', 'wss')}${path}`, { ca, ...trust });

  const first = await client.json<{ metadata: { resourceVersion: string } }>('POST', configMaps, {
    metadata: { name: 'before' },
  });
  const from = first.metadata.resourceVersion;
  const query = `watch=true&allowWatchBookmarks=true&timeoutSeconds=2&resourceVersion=${from}`;
  const watch = open(`${configMaps}?${query}`, { cert, key });
  const seen: string[] = [];
  watch.on('message', (data, isBinary) => {
    t.false(isBinary);
    const { type, object } = JSON.parse(String(data));
    seen.push(`${type} ${object.metadata.name} ${object.data?.a?.length}`);
  });
  await once(watch, 'open');
  for (const length of [0, 200, 70_000]) {
    await client.json('POST', configMaps, { metadata: { name: `c-${length}` }, data: { a: 'x'.repeat(length) } });
  }
  watch.ping();
  await once(watch, 'pong');
  const [code] = await once(watch, 'close');
  t.is(code, 1000);
  const events = seen.filter((line) => !line.includes('kube-root-ca'));
  t.deepEqual(events, ['ADDED c-0 0', 'ADDED c-200 200', 'ADDED c-70000 70000', 'BOOKMARK undefined undefined']);

  // Who may not watch is told so as over HTTP, and a token may come as a protocol.
  const refused = open(`${configMaps}?watch=true`, {});
  const [, answer]: [unknown, IncomingMessage] = await new Promise((resolve) => {
    refused.on('unexpected-response', (...args) => resolve(args));
  });
  t.is(answer.statusCode, 403);
  answer.resume();
  const unknown = new WebSocket(
    `${url.replace('https', 'wss')}${configMaps}?watch=true`,
    ['base64url.bearer.authorization.k8s.io.c3RyYW5nZXI', 'x'],
    { ca },
  );
  const [, second]: [unknown, IncomingMessage] = await new Promise((resolve) => {
    unknown.on('unexpected-response', (...args) => resolve(args));
  });
  t.is(second.statusCode, 401);
  second.resume();
});
