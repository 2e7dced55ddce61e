/**
 * The admin port, plain HTTP: `/healthz` (this process lives), `/readyz` (a client would be served), `/state` (JSON) and
 * `/metrics` (Prometheus).
 */
import { createServer, type ServerResponse } from 'node:http';
import type { Balancer, ListenAddress } from './balancer.ts';

/** Resolves with the bound address when it listens; closes when the signal aborts. */
export async function startAdmin(
  balancer: Balancer,
  { host, port }: ListenAddress,
  signal: AbortSignal,
): Promise<ListenAddress> {
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      answer(response, 405, 'text/plain', 'method not allowed\n');
      return;
    }
    serve(balancer, path, response).catch((error: unknown) => {
      answer(response, 500, 'text/plain', `${error instanceof Error ? error.message : String(error)}\n`);
    });
  });
  const listening = Promise.withResolvers<void>();
  server.once('error', listening.reject);
  server.listen({ host, port }, listening.resolve);
  await listening.promise;
  server.off('error', listening.reject);
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  if (signal.aborted) close();
  else signal.addEventListener('abort', close, { once: true });
  const address = server.address();
  return { host, port: typeof address === 'object' && address !== null ? address.port : port };
}

async function serve(balancer: Balancer, path: string, response: ServerResponse): Promise<void> {
  switch (path) {
    case '/healthz':
    case '/livez':
      answer(response, 200, 'text/plain', 'ok');
      break;
    case '/readyz': {
      const { status } = balancer.snapshot();
      if (balancer.ready) answer(response, 200, 'text/plain', 'ok');
      else answer(response, 503, 'text/plain', status === 'serving' ? 'no backend is up\n' : `${status}\n`);
      break;
    }
    case '/state':
      answer(response, 200, 'application/json', `${JSON.stringify(balancer.snapshot(), null, 2)}\n`);
      break;
    case '/metrics': {
      const { registry } = balancer.metrics;
      answer(response, 200, registry.contentType, await registry.metrics());
      break;
    }
    default:
      answer(response, 404, 'text/plain', 'not found: there are /healthz, /readyz, /state and /metrics\n');
  }
}

function answer(response: ServerResponse, code: number, type: string, body: string): void {
  response.writeHead(code, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
