/** How watches behave on the wire, also as WebSockets with a client of another make. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import test from 'ava';
import WebSocket from 'ws';
import { parse } from 'yaml';
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

const configMaps = '/api/v1/namespaces/default/configmaps';
const configMap = (name: string, data: Record<string, string> = {}) => ({ metadata: { name }, data });

test('a watch begins where it is told, marks how far it is, and ends in time', async (t) => {
  const first = await admin.json<{ metadata: { resourceVersion: string } }>('POST', configMaps, configMap('w-1'));
  await admin.json('POST', configMaps, configMap('w-2'));
  await admin.json('PATCH', `${configMaps}/w-2`, { data: { a: 'b' } }, 'application/merge-patch+json');
  await admin.send('DELETE', `${configMaps}/w-1`);
  const query = `watch=1&allowWatchBookmarks=true&timeoutSeconds=1&resourceVersion=${first.metadata.resourceVersion}`;
  const seen: string[] = [];
  for await (const line of admin.watch(`${configMaps}?${query}`, new AbortController().signal)) {
    const { type, object } = JSON.parse(line);
    if (type === 'BOOKMARK' || object.metadata.name.startsWith('w-')) seen.push(`${type} ${object.metadata.name}`);
  }
  t.deepEqual(seen, ['ADDED w-2', 'MODIFIED w-2', 'DELETED w-1', 'BOOKMARK undefined']);
});

test('the bookmark of an idle watch moves on with writes to other resources, and a watch from there misses nothing', async (t) => {
  const idle = '/api/v1/namespaces/default/podtemplates';
  const { metadata } = await admin.json<{ metadata: { resourceVersion: string } }>('GET', idle);
  const other = await admin.json<{ metadata: { resourceVersion: string } }>('POST', configMaps, configMap('other'));
  await admin.json('GET', idle);
  const watch = (from: string): AsyncIterable<string> => {
    const query = `watch=1&allowWatchBookmarks=true&timeoutSeconds=1&resourceVersion=${from}`;
    return admin.watch(`${idle}?${query}`, new AbortController().signal);
  };
  const bookmarks: string[] = [];
  for await (const line of watch(metadata.resourceVersion)) {
    const { type, object } = JSON.parse(line);
    t.is(type, 'BOOKMARK');
    bookmarks.push(object.metadata.resourceVersion);
  }
  t.is(bookmarks.length, 1);
  t.true(Number(bookmarks[0]) >= Number(other.metadata.resourceVersion), `${bookmarks[0]}`);
  const spec = { containers: [{ name: 'c', image: 'i' }] };
  await admin.json('POST', idle, { metadata: { name: 'p' }, template: { metadata: {}, spec } });
  const seen: string[] = [];
  for await (const line of watch(bookmarks[0] ?? '')) seen.push(JSON.parse(line).type);
  t.deepEqual(seen, ['ADDED', 'BOOKMARK']);
});

test('a watch of the initial state says where that ends', async (t) => {
  const query = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
  const types: string[] = [];
  const stop = new AbortController();
  for await (const line of admin.watch(`/api/v1/namespaces?${query}`, stop.signal)) {
    const { type, object } = JSON.parse(line);
    types.push(type);
    if (object.metadata.annotations?.['k8s.io/initial-events-end'] === 'true') break;
  }
  t.deepEqual(types, ['ADDED', 'ADDED', 'ADDED', 'ADDED', 'BOOKMARK']);
});

test('a hundred watchers that do not read are closed, and those that read miss nothing', async (t) => {
  const url = '/api/v1/namespaces/default/secrets';
  const { metadata } = await admin.json<{ metadata: { resourceVersion: string } }>('GET', `${url}?limit=1`);
  const path = `${url}?watch=1&resourceVersion=${metadata.resourceVersion}`;
  const watchers = async (): Promise<number> => {
    const { text } = await admin.send('GET', '/metrics');
    return Number(/^apiserver_registered_watchers\{.*kind="Secret"\} (\d+)$/m.exec(text)?.[1] ?? 0);
  };
  const before = await watchers();
  // Begun, and never read from again.
  const idle = new AbortController();
  const idlers = new ApiClient(api.first.kubeconfig, { connections: 100, timeoutMs: 30_000 });
  const stuck = Array.from({ length: 100 }, () => idlers.watch(path, idle.signal));
  const first = Promise.all(stuck.map((watch) => watch.next()));
  while ((await watchers()) < before + 100) await new Promise(setImmediate);
  const count = 60;
  const reading = (async () => {
    let seen = 0;
    for await (const line of admin.watch(path, new AbortController().signal)) {
      if (JSON.parse(line).type === 'ADDED') seen += 1;
      if (seen === count) return seen;
    }
    return seen;
  })();
  for (let index = 0; index < count; index += 1) {
    const data = { a: Buffer.alloc(700_000, index).toString('base64') };
    await admin.json('POST', url, { metadata: { name: `large-${index}` }, data });
  }
  await first;
  t.is(await reading, count);
  for (let tries = 0; (await watchers()) > before && tries < 100; tries += 1) await new Promise(setImmediate);
  t.is(await watchers(), before);
  idle.abort();
  await idlers.close();
});

test('a watch as a WebSocket gives one text frame an event, and ends with a close frame', async (t) => {
  // Of its own: it sees every ConfigMap.
  const alone = await startApiServers();
  t.teardown(alone.stop);
  const { url, kubeconfig, ca } = alone.first;
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
