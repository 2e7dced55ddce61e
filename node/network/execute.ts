/** Runs a command of the operating system to its end. Throws an Error that carries what it said. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const deadlineMs = 20_000;

export async function execute(command: string, args: readonly string[], input?: string): Promise<string> {
  const running = promisify(execFile)(command, args, { timeout: deadlineMs, maxBuffer: 64 * 1024 * 1024 });
  // A command that ends before it has read its input is judged by its exit code.
  running.child.stdin?.on('error', () => {}).end(input ?? '');
  return (await running).stdout;
}
