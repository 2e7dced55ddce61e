/** `/exec` and `/attach`: joins a client's streams with those of a process, and tells the client how the process ended. */
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Status } from '../../../../master/api/types.ts';
import type { RemoteProcess, StreamOptions } from '../../../runtime/runtime.ts';
import { HttpError } from '../http-error.ts';
import { accept, type Protocols, type UpgradeRequest } from './handshake.ts';
import { openStreams, type RemoteStreams } from './remote-streams.ts';

const protocols: Protocols = {
  webSocket: [
    'v5.channel.k8s.io',
    'v4.channel.k8s.io',
    'v4.base64.channel.k8s.io',
    'channel.k8s.io',
    'base64.channel.k8s.io',
  ],
  spdy: ['v4.channel.k8s.io'],
};

/** The streams that a request names, in the kubelet's words. Throws 400 for none. */
export function streamOptions(query: URLSearchParams): StreamOptions {
  const on = (name: string): boolean => ['1', 'true'].includes(query.get(name) ?? '');
  const tty = on('tty');
  const options = { stdin: on('input'), stdout: on('output'), stderr: on('error') && !tty, tty };
  if (!options.stdin && !options.stdout && !options.stderr) {
    throw new HttpError(400, 'you must specify at least 1 of stdin, stdout, stderr');
  }
  return options;
}

/** Serves one process from the handshake to its end. `open` starts it, or finds it. */
export async function serveProcess(
  upgrade: UpgradeRequest,
  options: StreamOptions,
  open: () => Promise<RemoteProcess>,
): Promise<void> {
  const streams = await openStreams(await accept(upgrade, protocols), options);
  const status = await outcome(streams, open);
  if (!streams.gone.aborted) await streams.finish(status);
}

async function outcome(streams: RemoteStreams, open: () => Promise<RemoteProcess>): Promise<Status> {
  let process: RemoteProcess;
  try {
    process = await open();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const code = neverStarted(message);
    if (code === undefined) return internalError(`error executing command in container: ${message}`);
    (streams.stderr ?? streams.stdout)?.write(`${message}\n`);
    return exitStatus(code);
  }
  const close = (): void => process.close();
  streams.gone.addEventListener('abort', close, { once: true });
  try {
    void join(streams.stdin, process.stdin);
    void resize(streams.resizes, process);
    await Promise.all([join(process.stdout, streams.stdout), join(process.stderr, streams.stderr)]);
    return exitStatus((await process.ended()) ?? 0);
  } catch (error) {
    return internalError(error instanceof Error ? error.message : String(error));
  } finally {
    streams.gone.removeEventListener('abort', close);
    close();
  }
}

/** The exit code of a command that could not be started, as a shell gives it, told by the engine's words. */
export function neverStarted(message: string): number | undefined {
  if (!/exec failed|unable to start container process|starting container process/i.test(message)) return undefined;
  return /executable file not found|no such file or directory/i.test(message) ? 127 : 126;
}

/** As remote commands report their end to clients. */
export function exitStatus(code: number): Status {
  if (code === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: command terminated with exit code ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
}

const internalError = (message: string): Status => ({
  metadata: {},
  status: 'Failure',
  message: `Internal error occurred: ${message}`,
  reason: 'InternalError',
  details: { causes: [{ message }] },
  code: 500,
});

/** Passes on what comes, and the end; that one side goes away early is no error here: the process' end is what counts. */
async function join(from: Readable | undefined, to: Writable | undefined): Promise<void> {
  if (!from || !to) return;
  await pipeline(from, to).catch(() => {});
}

async function resize(source: Readable, process: RemoteProcess): Promise<void> {
  try {
    for await (const { width, height } of sizesIn(source)) await process.resize(width, height);
  } catch {
    // The client is gone.
  }
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Reads `{"Width":80,"Height":24}` documents, with or without something between them. */
export async function* sizesIn(source: AsyncIterable<unknown>): AsyncGenerator<Size> {
  let text = '';
  for await (const chunk of source) {
    text += String(chunk);
    for (let end = text.indexOf('}'); end >= 0; end = text.indexOf('}')) {
      const document: unknown = JSON.parse(text.slice(0, end + 1));
      text = text.slice(end + 1);
      if (typeof document !== 'object' || document === null) continue;
      const { Width: width, Height: height }: { Width?: unknown; Height?: unknown } = document;
      if (typeof width === 'number' && typeof height === 'number' && width > 0 && height > 0) yield { width, height };
    }
  }
}
