/** The real kubectl against a kubeconfig, as a person would run it. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class Kubectl {
  readonly #env: NodeJS.ProcessEnv;
  readonly #program: string;

  /** `program`: another kubectl than the one that is installed, or another program that takes a kubeconfig like it. */
  constructor(kubeconfig: string, extraEnv: Readonly<Record<string, string>> = {}, program = 'kubectl') {
    this.#program = program;
    // A home of its own: kubectl caches discovery there, by the server's address.
    this.#env = { ...process.env, KUBECONFIG: kubeconfig, HOME: mkdtempSync(join(tmpdir(), 'kubectl-')), ...extraEnv };
  }

  /** Whatever comes of it. `input` is what `-f -` reads. */
  async try(args: readonly string[], input = ''): Promise<Outcome> {
    const child = spawn(this.#program, args, { env: this.#env, timeout: 60_000 });
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

  /** A command that goes on, such as a watch; `stop` ends it. */
  start(...args: string[]): RunningKubectl {
    return new RunningKubectl(spawn(this.#program, args, { env: this.#env, stdio: ['ignore', 'pipe', 'pipe'] }));
  }

  async #succeed(args: readonly string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await this.try(args, input);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: exit code ${code}\n${stderr}${stdout}`);
    return stdout;
  }
}

export class RunningKubectl {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  #waiting: (() => void)[] = [];
  #ended = false;
  output = '';

  constructor(child: ChildProcessByStdio<null, Readable, Readable>) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
        this.#wake();
      });
    }
    child.on('close', () => {
      this.#ended = true;
      this.#wake();
    });
  }

  /** Resolves when the output has the pattern; rejects when the command ends without it. */
  async until(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.output)) {
      if (this.#ended) throw new Error(`kubectl ended without ${pattern}:\n${this.output}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  readonly stop = (): void => {
    this.#child.kill();
  };

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
