/**
 * The GET request of a probe or a hook. A redirect is followed as long as it stays on the host; one that leads elsewhere is the answer
 * itself (Kubernetes, "Configure Liveness, Readiness and Startup Probes", HTTP probes).
 */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { inUrl } from '../../../master/api/addresses.ts';
import type { Container, Probe } from '../../../master/api/types.ts';

export type HttpGet = NonNullable<Probe['httpGet']>;

export interface HttpAnswer {
  readonly status: number;
  /** The beginning of the body. */
  readonly body: string;
  readonly location: string | undefined;
}

interface Address {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

const mostOutput = 10 * 1024;
const mostRedirects = 10;

/** Rejects with an Error for one that cannot be made, takes longer than `timeoutMs`, or leads round and round. */
export async function httpGet(
  action: HttpGet,
  timeoutMs: number,
  { container, podIp }: { readonly container: Container; readonly podIp: string },
): Promise<HttpAnswer> {
  const headers: Record<string, string> = { 'user-agent': 'kube-probe/1.36', accept: '*/*' };
  for (const { name, value } of action.httpHeaders ?? []) headers[name.toLowerCase()] = value;
  const first: Address = {
    secure: action.scheme === 'HTTPS',
    host: action.host || podIp,
    port: portOf(action.port, container),
    path: action.path || '/',
  };
  const deadline = performance.now() + timeoutMs;
  let address = first;
  for (let followed = 0; ; followed++) {
    const answer = await getOnce(address, headers, Math.max(0, deadline - performance.now()));
    const next = redirectOf(answer, address);
    if (!next || next.host !== first.host) return answer;
    if (followed === mostRedirects) throw new Error(`Get "${urlOf(next)}": stopped after ${mostRedirects} redirects`);
    address = next;
  }
}

/** Where the answer leads; undefined if it leads nowhere. */
function redirectOf({ status, location }: HttpAnswer, from: Address): Address | undefined {
  if (![301, 302, 303, 307, 308].includes(status) || !location) return undefined;
  const to = URL.parse(location, urlOf(from));
  if (!to) return undefined;
  const secure = to.protocol === 'https:';
  const port = Number(to.port || (secure ? 443 : 80));
  return { secure, host: to.hostname.replace(/^\[|\]$/g, ''), port, path: `${to.pathname}${to.search}` };
}

async function getOnce(address: Address, headers: Record<string, string>, timeoutMs: number): Promise<HttpAnswer> {
  const { secure, host, port, path } = address;
  const options = { host, port, path, headers, agent: false };
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
  const request = secure ? httpsRequest({ ...options, rejectUnauthorized: false }) : httpRequest(options);
  const url = urlOf(address);
  const timer = setTimeout(() => {
    request.destroy(
      new Error(`Get "${url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`),
    );
  }, timeoutMs);
  request.on('response', (response) => {
    let body = '';
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      if (body.length < mostOutput) body += chunk;
    });
    const { statusCode: status = 0, headers: told } = response;
    response.on('end', () => resolve({ status, body: body.slice(0, mostOutput), location: told.location }));
    response.on('error', reject);
  });
  request.on('error', (error) => {
    reject(error.message.startsWith('Get ') ? error : new Error(`Get "${url}": ${error.message}`));
  });
  request.end();
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

const urlOf = ({ secure, host, port, path }: Address): string =>
  `${secure ? 'https' : 'http'}://${inUrl(host)}:${port}${path.startsWith('/') ? path : `/${path}`}`;

/** A port by number, or by its name in the container. Throws for a name that it does not have. */
export function portOf(port: unknown, container: Container): number {
  if (typeof port === 'number') return port;
  const text = String(port);
  const number = Number(text);
  const named = container.ports?.find(({ name }) => name === text)?.containerPort;
  const found = Number.isInteger(number) ? number : named;
  if (found === undefined) throw new Error(`couldn't find port: ${text}`);
  return found;
}
