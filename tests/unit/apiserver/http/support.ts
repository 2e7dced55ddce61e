/** Routes served over plain HTTP on loopback, so that tests see them as a client does. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { ExecutionContext } from 'ava';
import { isStatusError } from '../../../../master/api/errors.ts';
import { anonymous } from '../../../../master/apiserver/auth/authenticate.ts';
import type { Handler } from '../../../../master/apiserver/http/exchange.ts';
import { parseRequest } from '../../../../master/apiserver/http/request-info.ts';
import { sendError } from '../../../../master/apiserver/http/respond.ts';

/** The URL under which the routes are served until the test ends. */
export async function serve(t: ExecutionContext, routes: ReadonlyMap<string, Handler>): Promise<string> {
  const server = createServer((request, response) => {
    const info = parseRequest(request.method ?? '', request.url ?? '');
    const answer = async (): Promise<void> =>
      routes.get(info.path)?.({ request, response, info, user: anonymous, abort: new AbortController() });
    answer().catch((error: unknown) => {
      if (isStatusError(error)) sendError(response, error);
      else t.fail(String(error));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  return `http://127.0.0.1:${address.port}`;
}

/** A GET; the body parsed where it is JSON. */
export async function ask(url: string, path: string, headers: Record<string, string> = {}) {
  const response = await fetch(url + path, { headers });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json');
  return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined };
}
