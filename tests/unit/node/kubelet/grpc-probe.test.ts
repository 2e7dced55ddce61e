/** The kubelet's gRPC probe against servers that speak HTTP/2, as Node makes them. */
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { grpcProbe } from '../../../../node/kubelet/probes/grpc-probe.ts';

/** A server that answers each call so; its port. */
async function serve(t: ExecutionContext, answer: (stream: ServerHttp2Stream, asked: Buffer) => void): Promise<number> {
  const server: Http2Server = createServer();
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    if (headers[':path'] !== '/grpc.health.v1.Health/Check' || headers['content-type'] !== 'application/grpc') {
      stream.respond({ ':status': 404 }, { endStream: true });
      return;
    }
    const chunks: Buffer[] = [];
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => answer(stream, Buffer.concat(chunks)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** An answer with that status of the service, as gRPC frames it. */
function say(stream: ServerHttp2Stream, status: number): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(Buffer.from(status === 0 ? [0, 0, 0, 0, 0] : [0, 0, 0, 0, 2, 8, status]));
}

test('a service that serves is healthy, one that says anything else is not', async (t) => {
  let status = 1;
  const port = await serve(t, (stream) => say(stream, status));
  t.like(await grpcProbe({ port }, '127.0.0.1', 5_000), { outcome: 'success' });
  for (const [other, name] of [
    [2, 'NOT_SERVING'],
    [0, 'UNKNOWN'],
  ] as const) {
    status = other;
    const output = `service unhealthy (responded with "${name}")`;
    t.deepEqual(await grpcProbe({ port }, '127.0.0.1', 5_000), { outcome: 'failure', output });
  }
});

test('the service is asked for by its name', async (t) => {
  let last: Buffer = Buffer.alloc(0);
  const port = await serve(t, (stream, asked) => {
    last = asked;
    say(stream, 1);
  });
  await grpcProbe({ port, service: 'live' }, '127.0.0.1', 5_000);
  t.deepEqual([...last], [0, 0, 0, 0, 6, 10, 4, ...Buffer.from('live')]);
  await grpcProbe({ port, service: 'x'.repeat(200) }, '127.0.0.1', 5_000);
  t.deepEqual([...last.subarray(0, 9)], [0, 0, 0, 0, 203, 10, 0xc8, 1, 0x78]);
  await grpcProbe({ port }, '127.0.0.1', 5_000);
  t.deepEqual([...last], [0, 0, 0, 0, 0]);
});

test('who refuses, does not know the protocol, or does not answer in time is not healthy', async (t) => {
  const without = await serve(t, (stream) => {
    const headers = {
      ':status': 200,
      'content-type': 'application/grpc',
      'grpc-status': '12',
      'grpc-message': 'no%20such',
    };
    stream.respond(headers, { endStream: true });
  });
  t.deepEqual(await grpcProbe({ port: without }, '127.0.0.1', 5_000), {
    outcome: 'failure',
    output: 'error: this server does not implement the grpc health protocol (grpc.health.v1.Health): no such',
  });
  const silent = await serve(t, () => {});
  t.deepEqual(await grpcProbe({ port: silent }, '127.0.0.1', 50), {
    outcome: 'failure',
    output: 'timeout: health rpc did not complete within 0.05s',
  });
  const refused = await grpcProbe({ port: 1 }, '127.0.0.1', 5_000);
  t.is(refused.outcome, 'failure');
  t.regex(refused.output, /^error: failed to connect service at "127.0.0.1:1": .*ECONNREFUSED/);
});
