/** The real kubectl against a kubeconfig, as a person would run it. */
import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class Kubectl {
  readonly #env: NodeJS.ProcessEnv;

  constructor(kubeconfig: string) {
    // A home of its own: kubectl caches discovery there, by the server's address.
    this.#env = { ...process.env, KUBECONFIG: kubeconfig, HOME: mkdtempSync(join(tmpdir(), 'kubectl-')) };
  }

  /** Whatever comes of it. `input` is what `-f -` reads. */
  async try(args: readonly string[], input = ''): Promise<Outcome> {
    const child = spawn('kubectl', args, { env: this.#env, timeout: 60_000 });
    const out = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      out.stderr += text;
    });
    child.stdin.on('error', () => {}).end(input);
    const code = await new Promise<number>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (status) => resolve(status ?? -1));
    });
    return { code, ...out };
  }

  /** What it prints; rejects with what it complains of unless it succeeds. */
  async run(...args: string[]): Promise<string> {
    return this.#succeed(args);
  }

  /** The same, with `input` on its standard input. */
  async feed(input: string, ...args: string[]): Promise<string> {
    return this.#succeed(args, input);
  }

  async #succeed(args: readonly string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await this.try(args, input);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: exit code ${code}\n${stderr}${stdout}`);
    return stdout;
  }
}
