/** One probe of a container: run once, with its outcome in the words that Kubernetes' events use. */

import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import type { Container, Probe } from '../../../master/api/types.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { grpcProbe } from './grpc-probe.ts';

/** `unknown`: the probe itself could not be made, which counts neither for nor against the container. */
export interface ProbeResult {
  readonly outcome: 'success' | 'failure' | 'unknown';
  readonly output: string;
}

export interface ProbeTarget {
  readonly runtime: Runtime;
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
}

const mostOutput = 10 * 1024;

export async function runProbe(probe: Probe, target: ProbeTarget): Promise<ProbeResult> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  const { runtime } = target;
  if (probe.exec) return await execProbe(probe.exec.command ?? [], timeoutMs, target);
  // Addresses of a simulated network answer nobody: a simulated container that runs is as well as it can be.
  if (!runtime.real) return { outcome: 'success', output: '' };
  try {
    if (probe.httpGet) return await httpProbe(probe.httpGet, timeoutMs, target);
    if (probe.tcpSocket) return await tcpProbe(probe.tcpSocket, timeoutMs, target);
    if (probe.grpc) return await grpcProbe(probe.grpc, target.podIp, timeoutMs);
  } catch (error) {
    return { outcome: 'unknown', output: String(error) };
  }
  return { outcome: 'unknown', output: 'missing probe handler' };
}

async function execProbe(command: readonly string[], timeoutMs: number, target: ProbeTarget): Promise<ProbeResult> {
  try {
    const { exitCode, output } = await target.runtime.exec(target.containerId, command, timeoutMs);
    return { outcome: exitCode === 0 ? 'success' : 'failure', output };
  } catch (error) {
    const late = error instanceof Error && error.name === 'TimeoutError';
    return { outcome: late ? 'failure' : 'unknown', output: error instanceof Error ? error.message : String(error) };
  }
}

export type HttpGet = NonNullable<Probe['httpGet']>;

async function httpProbe(action: HttpGet, timeoutMs: number, target: ProbeTarget): Promise<ProbeResult> {
  try {
    const { status, body } = await httpGet(action, timeoutMs, target);
    if (status >= 200 && status < 400) return { outcome: 'success', output: body };
    return { outcome: 'failure', output: `HTTP probe failed with statuscode: ${status}` };
  } catch (error) {
    return { outcome: 'failure', output: error instanceof Error ? error.message : String(error) };
  }
}

/** The status and the beginning of the body. Redirects are not followed: they count as success. */
export async function httpGet(
  action: HttpGet,
  timeoutMs: number,
  target: Pick<ProbeTarget, 'container' | 'podIp'>,
): Promise<{ status: number; body: string }> {
  const port = portOf(action.port, target.container);
  const secure = action.scheme === 'HTTPS';
  const headers: Record<string, string> = { 'user-agent': 'kube-probe/1.36', accept: '*/*' };
  for (const { name, value } of action.httpHeaders ?? []) headers[name.toLowerCase()] = value;
  const options = { host: action.host || target.podIp, port, path: action.path || '/', headers, agent: false };
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  const request = secure ? httpsRequest({ ...options, rejectUnauthorized: false }) : httpRequest(options);
  const url = `${secure ? 'https' : 'http'}://${options.host}:${port}${options.path}`;
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
    response.on('end', () => resolve({ status: response.statusCode ?? 0, body: body.slice(0, mostOutput) }));
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

async function tcpProbe(
  action: NonNullable<Probe['tcpSocket']>,
  timeoutMs: number,
  target: ProbeTarget,
): Promise<ProbeResult> {
  const host = action.host || target.podIp;
  const port = portOf(action.port, target.container);
  const { promise, resolve } = Promise.withResolvers<ProbeResult>();
  const socket = connect({ host, port });
  socket.setTimeout(timeoutMs, () => {
    resolve({ outcome: 'failure', output: `dial tcp ${host}:${port}: i/o timeout` });
  });
  socket.once('connect', () => resolve({ outcome: 'success', output: '' }));
  socket.once('error', (error) => {
    resolve({ outcome: 'failure', output: `dial tcp ${host}:${port}: ${error.message}` });
  });
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

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
