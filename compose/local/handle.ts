/** Handles on the processes of a local cluster: to kill, pause and start each, as an operator or a fault would. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Watchdog } from './watchdog.ts';

export interface Launch {
  readonly name: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
}

/** A process with all its children: it is the leader of a process group of its own. */
export class GroupHandle {
  readonly name: string;
  readonly logFile: string;
  readonly #launch: Launch;
  readonly #watchdog: Watchdog;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();

  constructor(launch: Launch, watchdog: Watchdog) {
    this.name = launch.name;
    this.logFile = launch.logFile;
    this.#launch = launch;
    this.#watchdog = watchdog;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves when the process that was started last has ended. */
  get exited(): Promise<void> {
    return this.#exited;
  }

  start(): void {
    if (this.#child) throw new Error(`${this.name} is running already`);
    const { args, env, logFile } = this.#launch;
    mkdirSync(dirname(logFile), { recursive: true });
    const log = openSync(logFile, 'a');
    const stdio = ['ignore', log, log] as const;
    const child = spawn(process.execPath, [...args], {
      detached: true,
      stdio: [...stdio],
      env: { ...process.env, ...env },
    });
    closeSync(log);
    this.#child = child;
    const { pid } = child;
    if (pid !== undefined) this.#watchdog.watch(pid);
    this.#exited = new Promise((resolve) => {
      const gone = (): void => {
        if (pid !== undefined) this.#sweep(pid);
        this.#child = undefined;
        resolve();
      };
      child.once('exit', gone);
      child.once('error', gone);
    });
  }

  /** A machine takes all its processes with it: what a killed supervisor left behind ends too. */
  #sweep(group: number): void {
    signalGroup(group, 'SIGKILL');
    this.#watchdog.release(group);
  }

  /** Sends the signal to the process and all its children at once, as the end of a machine would. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    if (this.pid !== undefined) signalGroup(this.pid, signal);
  }

  /** Everything of it stops answering, and keeps its connections and its memory. */
  pause(): void {
    this.kill('SIGSTOP');
  }

  resume(): void {
    this.kill('SIGCONT');
  }

  /** Asks the process to stop in order, and makes it stop if it does not; returns when it is gone. */
  async stop(graceMs = 20_000): Promise<void> {
    const child = this.#child;
    if (!child) return;
    this.resume();
    child.kill('SIGTERM');
    const timer = setTimeout(() => this.kill('SIGKILL'), graceMs);
    await this.#exited;
    clearTimeout(timer);
  }
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch (error) {
    // No process of the group is left.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** One of the processes under a supervisor. It has no start: the supervisor sees to that. */
export class ComponentHandle {
  readonly name: string;
  readonly #pidFile: string;

  constructor(name: string, dataDir: string) {
    this.name = name;
    this.#pidFile = join(dataDir, 'run', `${name}.pid`);
  }

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return existsSync(this.#pidFile) ? Number(readFileSync(this.#pidFile, 'utf8')) : undefined;
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    const { pid } = this;
    if (pid === undefined) throw new Error(`${this.name} is not running`);
    process.kill(pid, signal);
  }

  pause(): void {
    this.kill('SIGSTOP');
  }

  resume(): void {
    this.kill('SIGCONT');
  }
}
