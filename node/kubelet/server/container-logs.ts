/** `/containerLogs/<namespace>/<pod>/<container>`: finds the container that is meant and streams its log. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Pod } from '../../../master/api/types.ts';
import type { ContainerState, Runtime, RuntimePod } from '../../runtime/runtime.ts';
import { allContainersOf, uidOf } from '../pods/pod.ts';
import { HttpError } from './http-error.ts';
import type { LogRequest } from './log-options.ts';

export async function sendLogs(
  response: ServerResponse,
  runtime: Runtime,
  pod: Pod,
  container: string,
  request: LogRequest,
): Promise<void> {
  const state = await runtime.podState(uidOf(pod));
  const { id } = loggedContainer(pod, state, container, request.previous);
  const log = await runtime.logs(id, request.options);
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
  // Whoever follows wants to see at once that there is a stream.
  response.flushHeaders();
  const gone = (): void => void log.destroy();
  response.once('close', gone);
  let left = request.limitBytes ?? Number.POSITIVE_INFINITY;
  try {
    for await (const chunk of log) {
      const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
      const flowing = response.write(bytes.subarray(0, left));
      left -= bytes.length;
      if (left <= 0) break;
      if (!flowing) await once(response, 'drain', { signal: closedSignal(response) });
    }
  } catch (error) {
    // The reader went away: nobody is left to be told.
    if (!response.destroyed) throw error;
  } finally {
    response.off('close', gone);
    log.destroy();
  }
  response.end();
}

/** Aborted when the response can take nothing more. */
function closedSignal(response: ServerResponse): AbortSignal {
  const closed = new AbortController();
  response.once('close', () => closed.abort());
  return closed.signal;
}

/** In Kubernetes' words when there is none. Pure. */
export function loggedContainer(
  pod: Pod,
  state: RuntimePod | undefined,
  name: string,
  previous: boolean,
): ContainerState {
  const podName = pod.metadata?.name;
  if (!allContainersOf(pod).some((container) => container.name === name)) {
    throw new HttpError(404, `container "${name}" not found in pod "${podName}"`);
  }
  const started = (state?.containers ?? []).filter(
    (container) => container.name === name && container.state !== 'created',
  );
  const [newest, last] = started;
  if (previous) {
    const ended = newest?.state === 'exited' && isWaiting(pod, name) ? newest : last;
    if (ended) return ended;
    throw new HttpError(400, `previous terminated container "${name}" in pod "${podName}" not found`);
  }
  if (newest) return newest;
  const waiting = pod.status?.containerStatuses?.find((status) => status.name === name)?.state?.waiting;
  const why = waiting?.reason ?? 'ContainerCreating';
  throw new HttpError(400, `container "${name}" in pod "${podName}" is waiting to start: ${why}`);
}

/** Between two runs the newest container is the previous one, as its status shows it. */
const isWaiting = (pod: Pod, name: string): boolean =>
  pod.status?.containerStatuses?.find((status) => status.name === name)?.state?.waiting !== undefined;
