/**
 * Commands of the host, as promises. A command that fails throws what it said last, so that the user sees the reason
 * and not only an exit code.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly input?: string;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  /** Is given each line of both outputs as it comes. */
  readonly onLine?: (line: string) => void;
}

export class CommandFailed extends Error {
  readonly output: string;
  constructor(command: string, reason: string, output: string) {
    super(`${command}: ${reason}${output ? `\n${output}` : ''}`);
    this.name = 'CommandFailed';
    this.output = output;
  }
}

/** Runs a command to its end and gives what it printed on standard output. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { env = process.env, cwd, signal, timeoutMs } = options;
  const child = spawn(command, args, { env, cwd, signal, timeout: timeoutMs, stdio: ['pipe', 'pipe', 'pipe'] });
  const last: string[] = [];
  let stdout = '';
  let partial = '';
  const take = (chunk: string) => {
    const lines = (partial + chunk).split(/\r?\n|\r/);
    partial = lines.pop() ?? '';
    for (const line of lines) {
      options.onLine?.(line);
      last.push(line);
      if (last.length > 25) last.shift();
    }
  };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
    take(chunk);
  });
  child.stderr.setEncoding('utf8').on('data', take);
  // A child that ends before it has read its input is judged by its exit code.
  child.stdin.on('error', () => {}).end(options.input ?? '');
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const name = [command, ...args.slice(0, 3)].join(' ');
  child.on('error', (error) => reject(new CommandFailed(name, error.message, last.join('\n'))));
  child.on('close', (code, killedBy) => {
    if (partial) last.push(partial);
    if (code === 0) resolve();
    else reject(new CommandFailed(name, killedBy ? `ended by ${killedBy}` : `exit code ${code}`, last.join('\n')));
  });
  await promise;
  return stdout;
}

/** Whether the command ends well. */
export async function succeeds(command: string, args: readonly string[], options: RunOptions = {}): Promise<boolean> {
  return run(command, args, options).then(
    () => true,
    () => false,
  );
}

/** Where the command is on PATH. The directories of the administrator are searched too: a user's PATH may lack them. */
export function which(command: string): string | undefined {
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return directories
    .filter(Boolean)
    .map((directory) => join(directory, command))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

export interface Distribution {
  readonly id: string;
  readonly codename: string;
  readonly pretty: string;
}

/** Which distribution this host runs: https://www.freedesktop.org/software/systemd/man/os-release.html */
export function distribution(text = osRelease()): Distribution {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^([A-Z_]+)="?(.*?)"?$/.exec(line);
    if (match) fields.set(match[1]!, match[2]!);
  }
  const id = fields.get('ID') ?? process.platform;
  return { id, codename: fields.get('VERSION_CODENAME') ?? '', pretty: fields.get('PRETTY_NAME') ?? id };
}

function osRelease(): string {
  try {
    return readFileSync('/etc/os-release', 'utf8');
  } catch {
    return '';
  }
}

export const isRoot = process.getuid?.() === 0;
