import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import test from 'ava';
import { troubleAt } from '../../../master/api/health-probe.ts';

async function answering(status: number, text: string): Promise<{ url: string; server: Server }> {
  const server = createServer((_, response) => response.writeHead(status).end(text));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  return { server, url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/healthz` };
}

test('a process that answers 200 is well', async (t) => {
  const { url, server } = await answering(200, 'ok');
  t.teardown(() => server.close());
  t.is(await troubleAt(url, 1_000), undefined);
});

test('another answer is told with its text', async (t) => {
  const { url, server } = await answering(500, 'etcd failed');
  t.teardown(() => server.close());
  t.is(await troubleAt(url, 1_000), '500 etcd failed');
});

test('a process that is not there, or says nothing, is not well', async (t) => {
  const { url, server } = await answering(200, 'ok');
  server.close();
  await once(server, 'close');
  t.is(await troubleAt(url, 1_000), 'ECONNREFUSED');
  const silent = createServer(() => {});
  await once(silent.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => silent.closeAllConnections());
  t.teardown(() => silent.close());
  const address = silent.address();
  const port = typeof address === 'object' ? address?.port : '';
  t.is(await troubleAt(`http://127.0.0.1:${port}/`, 20), 'no answer within 20 ms');
});
