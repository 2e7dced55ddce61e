/** Runs one command in a container and gives its exit code and output: what exec probes and hooks need. */
import type { Container } from 'dockerode';
import type { ExecResult } from '../runtime.ts';
import { withoutFrames } from './log-stream.ts';

/** As much of the output as an event's message can use. */
const outputBytes = 10 * 1024;

export async function execIn(container: Container, command: readonly string[], timeoutMs: number): Promise<ExecResult> {
  const exec = await container.exec({ Cmd: [...command], AttachStdout: true, AttachStderr: true });
  const stream = await exec.start({ hijack: false, stdin: false });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new DOMException(`command ${JSON.stringify(command.join(' '))} timed out`, 'TimeoutError'));
    }, timeoutMs);
  });
  try {
    const output = await Promise.race([collect(stream), late]);
    const { ExitCode } = await exec.inspect();
    return { exitCode: ExitCode ?? 0, output };
  } finally {
    clearTimeout(timer);
    stream.destroy();
  }
}

async function collect(stream: NodeJS.ReadableStream): Promise<string> {
  const plain = withoutFrames();
  stream.on('error', (error: Error) => plain.destroy(error));
  stream.pipe(plain);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of plain) {
    if (!Buffer.isBuffer(chunk) || size >= outputBytes) continue;
    chunks.push(chunk);
    size += chunk.length;
  }
  return Buffer.concat(chunks).subarray(0, outputBytes).toString('utf8');
}
