/** How API servers begin, stand beside one another, and end. */
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { ApiClient, NeverConnected } from '../../support/api-client.ts';
import { startApiServers } from '../../support/apiserver.ts';
import { startEtcd } from '../../support/etcd.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';

test('what one server has acknowledged, another one shows', async (t) => {
  const etcd = await startEtcd();
  t.teardown(etcd.stop);
  const api = await startApiServers({ etcd: etcd.endpoints, count: 2 });
  t.teardown(api.stop);
  const [first, second] = api.servers.map((server) => new ApiClient(server.kubeconfig));
  if (!first || !second) throw new Error('two servers were started');
  for (let index = 0; index < 100; index += 1) {
    await first.json('POST', configMaps, { metadata: { name: `c-${index}` } });
    t.is((await second.send('GET', `${configMaps}/c-${index}`)).status, 200, `c-${index}`);
    await second.json('PATCH', `${configMaps}/c-${index}`, { data: { a: 'b' } }, 'application/merge-patch+json');
    const { data } = await first.json<{ data: unknown }>('GET', `${configMaps}/c-${index}`);
    t.deepEqual(data, { a: 'b' });
  }
  await first.close();
  await second.close();
});

test('a server that is told to stop turns red, serves on, ends its watches and goes', async (t) => {
  const etcd = await startEtcd();
  t.teardown(etcd.stop);
  const api = await startApiServers({ etcd: etcd.endpoints, extraArgs: ['--shutdown-delay-duration', '3s'] });
  t.teardown(api.stop);
  const client = new ApiClient(api.first.kubeconfig);
  const path = '/api/v1/namespaces?watch=1&allowWatchBookmarks=true';
  const lines: string[] = [];
  const watching = (async () => {
    for await (const line of client.watch(path, new AbortController().signal)) lines.push(JSON.parse(line).type);
  })();
  while (lines.length < 4) await delay(10);

  const gone = api.first.end('SIGTERM');
  for (let tries = 0; (await api.first.ask('/readyz')).status === 200 && tries < 250; tries += 1) await delay(10);
  const { status, text } = await api.first.ask('/readyz');
  t.is(status, 500);
  t.regex(text, /\[-\]shutdown failed/);
  t.is((await api.first.ask('/livez')).status, 200);
  t.is((await client.send('POST', configMaps, { metadata: { name: 'late' } })).status, 201);
  // The watch ends as at its time-out: cleanly, with a last bookmark to go on from.
  await watching;
  t.is(lines.at(-1), 'BOOKMARK');
  t.is(await gone, 0);
  await client.close();
});

test('a server that goes does not wait for watches that begin after it has ended all', async (t) => {
  const etcd = await startEtcd();
  t.teardown(etcd.stop);
  const api = await startApiServers({ etcd: etcd.endpoints, extraArgs: ['--shutdown-delay-duration', '100ms'] });
  t.teardown(api.stop);
  const client = new ApiClient(api.first.kubeconfig);
  const ended: unknown[] = [];
  /** As an informer does: again, over the connection that is still open, until there is nothing to connect to. */
  const watching = (async () => {
    for (;;) {
      try {
        for await (const _ of client.watch('/api/v1/namespaces?watch=1', new AbortController().signal));
        ended.push('cleanly');
      } catch (error) {
        ended.push(error instanceof NeverConnected ? 'never connected' : error);
        return;
      }
    }
  })();
  await client.send('GET', '/api/v1/namespaces');
  t.is(await api.first.end('SIGTERM'), 0);
  await watching;
  t.deepEqual([ended[0], ended.at(-1)], ['cleanly', 'never connected']);
  await client.close();
});

test('a server without etcd lives, says that it is not ready, and answers what needs no etcd', async (t) => {
  const etcd = await startEtcd();
  t.teardown(etcd.stop);
  const api = await startApiServers({ etcd: etcd.endpoints });
  t.teardown(api.stop);
  const client = new ApiClient(api.first.kubeconfig, { timeoutMs: 30_000 });
  await etcd.members[0]?.kill();
  t.is((await client.send('GET', '/api/v1/namespaces/default?resourceVersion=0')).status, 200);
  t.is((await client.send('GET', '/api/v1/namespaces/default')).status, 503);
  t.is((await api.first.ask('/livez')).status, 200);
  for (let tries = 0; (await api.first.ask('/readyz')).status === 200 && tries < 200; tries += 1) await delay(100);
  t.is((await client.send('GET', '/readyz/etcd')).status, 500);
  await etcd.startAll();
  await api.first.ready();
  t.is((await client.send('GET', '/api/v1/namespaces/default')).status, 200);
  await client.close();
});

test('clients of two servers lose no request while one of them is stopped', async (t) => {
  const etcd = await startEtcd();
  t.teardown(etcd.stop);
  const api = await startApiServers({
    etcd: etcd.endpoints,
    count: 2,
    extraArgs: ['--shutdown-delay-duration', '500ms'],
  });
  t.teardown(api.stop);
  const clients = api.servers.map((server) => new ApiClient(server.kubeconfig));
  let stopped = false;
  let done = false;
  const refused: string[] = [];

  /** Over the first server while it takes connections, then over the other one. */
  const worker = async (id: number): Promise<number> => {
    let at = id % 2;
    const send: ApiClient['send'] = async (...request) => {
      try {
        return await (clients[at] as ApiClient).send(...request);
      } catch (error) {
        // A connection that was never made carried no request.
        if (!(error instanceof NeverConnected) || !stopped || at !== 0) throw error;
        refused.push(error.code);
        at = 1;
        return await send(...request);
      }
    };
    let writes = 0;
    for (; !done; writes += 1) {
      const name = `worker-${id}-${writes}`;
      const created = await send('POST', configMaps, { metadata: { name } });
      if (created.status !== 201) throw new Error(`${created.status}: ${created.text}`);
      const read = await send('GET', `${configMaps}/${name}`);
      if (read.status !== 200) throw new Error(`${read.status}: ${read.text}`);
    }
    return writes;
  };
  const working = Promise.all(Array.from({ length: 16 }, (_, id) => worker(id)));
  await Promise.race([working, delay(500)]);
  stopped = true;
  t.is(await api.first.end('SIGTERM'), 0);
  await Promise.race([working, delay(200)]);
  done = true;
  const writes = (await working).reduce((sum, count) => sum + count, 0);
  t.true(refused.length > 0);
  const [, second] = clients;
  const { items } = await (second as ApiClient).json<{ items: { metadata: { name: string } }[] }>('GET', configMaps);
  t.is(items.filter(({ metadata }) => metadata.name.startsWith('worker-')).length, writes);
  await Promise.all(clients.map((client) => client.close()));
});
