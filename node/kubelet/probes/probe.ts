/** One probe of a container: run once, with its outcome in the words that Kubernetes' events use. */

import { connect } from 'node:net';
import type { Container, Probe } from '../../../master/api/types.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { grpcProbe } from './grpc-probe.ts';
import { type HttpGet, httpGet, portOf } from './http-get.ts';

/** `unknown`: the probe itself could not be made, which counts neither for nor against the container. */
export interface ProbeResult {
  readonly outcome: 'success' | 'failure' | 'unknown';
  readonly output: string;
  /** What is odd about a success. */
  readonly warning?: string;
}

export interface ProbeTarget {
  readonly runtime: Runtime;
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
}

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

/** A redirect that leads to another host is a success too, with a warning. */
export async function httpProbe(
  action: HttpGet,
  timeoutMs: number,
  target: Pick<ProbeTarget, 'container' | 'podIp'>,
): Promise<ProbeResult> {
  try {
    const { status, body } = await httpGet(action, timeoutMs, target);
    if (status >= 200 && status < 300) return { outcome: 'success', output: body };
    if (status >= 300 && status < 400) {
      return { outcome: 'success', output: body, warning: `Probe terminated redirects, Response body: ${body}` };
    }
    return { outcome: 'failure', output: `HTTP probe failed with statuscode: ${status}` };
  } catch (error) {
    return { outcome: 'failure', output: error instanceof Error ? error.message : String(error) };
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
