/**
 * A process in a container with its streams in our hands: over the engine's exec and attach, whose connections are taken
 * over ("hijacked") and then carry the input one way, and the outputs, in frames unless there is a terminal, the other way.
 */
import { once } from 'node:events';
import { type Duplex, finished, PassThrough, type Readable, type Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Container } from 'dockerode';
import type { RemoteProcess, StreamOptions } from '../runtime.ts';
import { unlessDone } from './engine-error.ts';
import { framesOf } from './log-stream.ts';

/** How long a command whose outputs have ended may take to end, and how often it is asked for. */
const endMs = 10_000;
const askMs = 50;

export async function openExec(
  container: Container,
  command: readonly string[],
  streams: StreamOptions,
): Promise<RemoteProcess> {
  const exec = await container.exec({
    Cmd: [...command],
    AttachStdin: streams.stdin,
    AttachStdout: streams.stdout,
    AttachStderr: streams.stderr && !streams.tty,
    Tty: streams.tty,
  });
  const connection = await exec.start({ hijack: true, stdin: streams.stdin, Tty: streams.tty });
  return processOver(connection, streams, {
    resize: (width, height) => exec.resize({ w: width, h: height }),
    async exitCode() {
      // The outputs may end a moment before the process does.
      for (const deadline = Date.now() + endMs; Date.now() < deadline; await sleep(askMs)) {
        const { Running, ExitCode } = await exec.inspect();
        if (!Running && ExitCode !== null) return ExitCode;
      }
      return undefined;
    },
  });
}

export async function attachTo(container: Container, streams: StreamOptions): Promise<RemoteProcess> {
  const { Config } = await container.inspect();
  const { stdin, stdout, stderr } = streams;
  const connection = await container.attach({ stream: true, hijack: true, stdin, stdout, stderr });
  return processOver(
    connection as Duplex,
    { ...streams, tty: Config.Tty },
    {
      resize: (width, height) => container.resize({ w: width, h: height }),
      exitCode: () => Promise.resolve(undefined),
    },
  );
}

interface Control {
  resize(width: number, height: number): Promise<unknown>;
  exitCode(): Promise<number | undefined>;
}

function processOver(connection: Duplex, streams: StreamOptions, control: Control): RemoteProcess {
  const output = new PassThrough();
  const errors = new PassThrough();
  const outputs = streams.tty ? copy(connection, output) : split(connection, output, errors);
  // A connection that broke ends the outputs as an end does: the exit code says how it went.
  const over = outputs.catch(() => {}).then(() => void [output, errors].map((stream) => stream.end()));
  if (!streams.stdout) output.resume();
  if (!streams.stderr || streams.tty) errors.resume();
  return {
    stdin: streams.stdin ? connection : undefined,
    stdout: streams.stdout ? output : undefined,
    stderr: streams.stderr && !streams.tty ? errors : undefined,
    async resize(width, height) {
      // A terminal that is gone has no size.
      if (streams.tty) await unlessDone(control.resize(width, height)).catch(() => {});
    },
    async ended() {
      await over;
      return await control.exitCode();
    },
    close() {
      connection.destroy();
      output.destroy();
      errors.destroy();
    },
  };
}

async function split(source: Readable, output: Writable, errors: Writable): Promise<void> {
  for await (const { stream, payload } of framesOf(source)) await write(stream === 2 ? errors : output, payload);
}

async function copy(source: Readable, output: Writable): Promise<void> {
  for await (const chunk of source) await write(output, chunk);
}

/** Resolves when more may be written; a reader that went away wants no more. */
async function write(target: Writable, chunk: Buffer): Promise<void> {
  if (target.destroyed || target.write(chunk)) return;
  const closed = new AbortController();
  const forget = finished(target, () => closed.abort());
  await once(target, 'drain', { signal: closed.signal }).catch(() => {});
  forget();
}
