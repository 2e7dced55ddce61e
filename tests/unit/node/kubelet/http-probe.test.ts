import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { httpProbe, type ProbeResult } from '../../../../node/kubelet/probes/probe.ts';
import { container } from './pods.ts';

/** A server that leads on as its paths say; gives its port and the paths that were asked for. */
async function serve(t: ExecutionContext): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = [];
  const leads: Record<string, string> = {
    '/here': 'done?a=b',
    '/round': '/round',
    '/away': 'http://elsewhere.invalid/',
    '/nowhere': '',
  };
  const server = createServer((request, response) => {
    const url = request.url ?? '';
    asked.push(url);
    const location = leads[url];
    if (location === undefined) return void response.writeHead(url === '/bad' ? 503 : 200).end('fine');
    response.writeHead(302, location === '' ? {} : { location }).end('moved');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return { port: (server.address() as AddressInfo).port, asked };
}

test('a probe follows redirects on its host, and takes one that leads elsewhere for a success with a warning', async (t) => {
  const { port, asked } = await serve(t);
  const probe = (path: string) =>
    httpProbe({ port, path }, 30_000, { container: container('main'), podIp: '127.0.0.1' });
  t.deepEqual(await probe('/here'), { outcome: 'success', output: 'fine' });
  t.deepEqual(asked, ['/here', '/done?a=b']);
  const warned: ProbeResult = {
    outcome: 'success',
    output: 'moved',
    warning: 'Probe terminated redirects, Response body: moved',
  };
  t.deepEqual(await probe('/away'), warned);
  t.deepEqual(await probe('/nowhere'), warned);
  t.deepEqual(await probe('/bad'), { outcome: 'failure', output: 'HTTP probe failed with statuscode: 503' });
  t.deepEqual(await probe('/round'), {
    outcome: 'failure',
    output: `Get "http://127.0.0.1:${port}/round": stopped after 10 redirects`,
  });
});
