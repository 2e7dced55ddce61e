/** A container's last words: what it wrote to its termination message file, or the end of its log when it asks for that. */
import { open } from 'node:fs/promises';
import type { Pod } from '../../../master/api/types.ts';
import type { ContainerState, Runtime } from '../../runtime/runtime.ts';
import { allContainersOf } from './pod.ts';

const mostFileBytes = 4096;
const mostLogBytes = 2048;
const mostLogLines = 80;

/** Empty when there are none. Never rejects: a container's end must be told with or without words. */
export async function terminationMessage(
  pod: Pod,
  container: ContainerState & { state: 'exited' },
  runtime: Runtime,
): Promise<string> {
  try {
    const written = container.terminationMessageFile ? await head(container.terminationMessageFile) : '';
    if (written !== '' || container.exitCode === 0) return written;
    const spec = allContainersOf(pod).find(({ name }) => name === container.name);
    return spec?.terminationMessagePolicy === 'FallbackToLogsOnError' ? await tail(container.id, runtime) : '';
  } catch {
    return '';
  }
}

async function head(path: string): Promise<string> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(mostFileBytes), 0, mostFileBytes, 0);
  return buffer.subarray(0, bytesRead).toString('utf8');
}

async function tail(id: string, runtime: Runtime): Promise<string> {
  const options = { follow: false, timestamps: false, tailLines: mostLogLines, stdout: true, stderr: true };
  const chunks: Buffer[] = [];
  for await (const chunk of await runtime.logs(id, options)) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  return Buffer.concat(chunks).subarray(-mostLogBytes).toString('utf8');
}
