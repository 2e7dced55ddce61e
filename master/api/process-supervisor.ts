/**
 * The supervisor of a handful of processes, as a master and a node need it.
 *
 * Guarantees: every process is started at once and started again when it ends, after a delay that doubles with every quick
 * end and starts over when the process has run for a while. Its lines go out whole, with its name before them. At the end the processes
 * are asked to stop in reverse order (SIGTERM, and SIGKILL after a grace), and `run` returns when the last one is gone. A process
 * that ended unasked is cleaned up after (`afterCrash`) before it is started again.
 *
 * It does not: decide whether a running process is well. That is the health check's business.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { join } from 'node:path';
import { aborted, type Clock, sleep, systemClock } from './clock.ts';

/** What the supervisor says itself; a pino logger is one. */
export interface SupervisorLogger {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

export interface ProcessSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the supervisor's own environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /**
   * Says before each start what is to be run, in place of `command` and `args`. It may wait as long as it must; when the
   * signal is aborted its answer is no longer used. A rejection counts as a failed start.
   */
  readonly prepare?: (signal: AbortSignal) => Promise<{ readonly command: string; readonly args: readonly string[] }>;
  /** Asked after every start until it says true; only logged, so that the log shows how long a start takes. */
  readonly ready?: () => Promise<boolean>;
  /** Processes of a higher level stop first, those of one level together. The place in the list, if left out. */
  readonly stopLevel?: number;
  /** It goes before other processes where that is allowed: a negative niceness (setpriority(2) wants CAP_SYS_NICE for it). */
  readonly niceness?: number;
  /** Between SIGTERM and SIGKILL for this process, where it is not the supervisor's. */
  readonly graceMs?: number;
  /** Called at once when the process ended unasked; the next start waits for it. What it gives or throws is logged. */
  readonly afterCrash?: (signal: AbortSignal) => Promise<object | undefined>;
  /** Called when it is to stop, before it is asked to. What it gives or throws is logged. */
  readonly beforeStop?: () => Promise<object | undefined>;
}

export interface SupervisorOptions {
  readonly logger: SupervisorLogger;
  /** The delay before the first restart; it doubles up to `maxDelayMs`. */
  readonly baseDelayMs?: number;
  readonly maxDelayMs?: number;
  /** A process that ran this long has started well, so its next delay is the first one again. */
  readonly steadyAfterMs?: number;
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs?: number;
  /** Where `<name>.pid` files are kept while a process runs. */
  readonly pidDir?: string;
  /** Takes whole lines, each ended by a newline. */
  readonly output?: (text: string) => void;
  readonly clock?: Clock;
}

type Settings = Required<Omit<SupervisorOptions, 'pidDir'>> & Pick<SupervisorOptions, 'pidDir'>;

const lastLinesMs = 200;

/** How a process ended: its exit code, the signal that killed it, or why it could not be started. */
type Ending = { code: number } | { signal: NodeJS.Signals } | { error: string };

export class ProcessSupervisor {
  readonly #options: Settings;

  constructor(options: SupervisorOptions) {
    this.#options = {
      baseDelayMs: 500,
      maxDelayMs: 30_000,
      steadyAfterMs: 10_000,
      graceMs: 8_000,
      output: (text) => process.stdout.write(text),
      clock: systemClock,
      ...options,
    };
    if (options.pidDir) mkdirSync(options.pidDir, { recursive: true });
  }

  /** Runs the processes until the signal is aborted, and returns when the last one has ended. */
  async run(specs: readonly ProcessSpec[], signal: AbortSignal): Promise<void> {
    const names = new Set(specs.map((spec) => spec.name));
    if (names.size !== specs.length) throw new Error('two supervised processes have the same name');
    const levels = new Map<number, Supervised[]>();
    const running = specs.map((spec, place) => {
      const supervised = new Supervised(spec, this.#options);
      const level = spec.stopLevel ?? place;
      levels.set(level, [...(levels.get(level) ?? []), supervised]);
      return supervised.keepRunning();
    });
    await aborted(signal);
    for (const [, together] of [...levels].sort(([a], [b]) => b - a)) {
      await Promise.all(together.map((supervised) => supervised.stop()));
    }
    await Promise.all(running);
  }
}

class Supervised {
  readonly #spec: ProcessSpec;
  readonly #options: Settings;
  readonly #stopping = new AbortController();
  #child: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();

  constructor(spec: ProcessSpec, options: Settings) {
    this.#spec = spec;
    this.#options = options;
  }

  async keepRunning(): Promise<void> {
    const { logger, clock, baseDelayMs, maxDelayMs, steadyAfterMs } = this.#options;
    const { name } = this.#spec;
    const { signal } = this.#stopping;
    let delayMs = baseDelayMs;
    while (!signal.aborted) {
      const startedAt = clock.elapsed();
      const ending = await this.#runOnce();
      if (signal.aborted) {
        logger.info({ process: name, ...ending }, 'stopped');
        return;
      }
      const ranMs = clock.elapsed() - startedAt;
      if (ranMs >= steadyAfterMs) delayMs = baseDelayMs;
      logger.warn({ process: name, ...ending, ranMs, restartInMs: delayMs }, 'ended, will be started again');
      await Promise.all([this.#cleanUp(signal), sleep(delayMs, signal, clock)]);
      delayMs = Math.min(delayMs * 2, maxDelayMs);
    }
  }

  async #cleanUp(signal: AbortSignal): Promise<void> {
    const { name, afterCrash } = this.#spec;
    const { logger } = this.#options;
    try {
      const done = await afterCrash?.(signal);
      if (done) logger.info({ process: name, ...done }, 'cleaned up after its end');
    } catch (error) {
      logger.warn({ process: name, reason: String(error) }, 'not cleaned up after its end');
    }
  }

  /** Asks the process to stop, and makes it stop when it does not; returns when it is gone. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    if (!this.#child) return;
    await this.#beforeStop();
    // It may have ended meanwhile.
    const child = this.#child;
    if (!child) return;
    child.kill('SIGTERM');
    const { clock, logger } = this.#options;
    const graceMs = this.#spec.graceMs ?? this.#options.graceMs;
    const timer = clock.setTimeout(() => {
      logger.warn({ process: this.#spec.name, graceMs }, 'did not stop in time, killed');
      child.kill('SIGKILL');
    }, graceMs);
    await this.#ended;
    clock.clearTimeout(timer);
  }

  async #beforeStop(): Promise<void> {
    const { name, beforeStop } = this.#spec;
    const { logger } = this.#options;
    try {
      const done = await beforeStop?.();
      if (done) logger.info({ process: name, ...done }, 'prepared to stop');
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      logger.warn({ process: name, reason }, 'not prepared to stop');
    }
  }

  async #runOnce(): Promise<Ending> {
    const { name, env } = this.#spec;
    const { output, logger } = this.#options;
    const prepared = await this.#prepared();
    if ('error' in prepared) return prepared;
    const { command, args } = prepared;
    const start = () =>
      spawn(command, [...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    const child = withNiceness(this.#spec.niceness, start);
    this.#child = child;
    child.stdout.setEncoding('utf8').on('data', lines(name, output));
    child.stderr.setEncoding('utf8').on('data', lines(name, output));
    const ended = new Promise<Ending>((resolve) => {
      child.once('error', (error) => {
        // A child that runs also reports signals which it could not be sent: only a failed start ends it.
        if (child.pid === undefined) resolve({ error: error.message });
      });
      const endingOf = (code: number | null, signal: NodeJS.Signals | null): Ending =>
        signal ? { signal } : { code: code ?? 0 };
      child.once('close', (code, signal) => resolve(endingOf(code, signal)));
      // A grandchild may hold the pipes open for ever: the last lines get a moment, no more.
      child.once('exit', (code, signal) => setTimeout(() => resolve(endingOf(code, signal)), lastLinesMs));
    });
    this.#ended = ended;
    const over = new AbortController();
    const watching = this.#reportReadiness(over.signal);
    if (child.pid !== undefined) {
      logger.info({ process: name, pid: child.pid }, 'started');
      this.#writePid(child.pid);
    }
    const ending = await ended;
    this.#child = undefined;
    over.abort();
    this.#removePid();
    await watching;
    return ending;
  }

  async #prepared(): Promise<Pick<ProcessSpec, 'command' | 'args'> | { error: string }> {
    const { prepare } = this.#spec;
    if (!prepare) return this.#spec;
    const { signal } = this.#stopping;
    try {
      const prepared = await prepare(signal);
      return signal.aborted ? { error: 'stopped before it was started' } : prepared;
    } catch (error) {
      return { error: error instanceof Error ? error.message : String(error) };
    }
  }

  async #reportReadiness(signal: AbortSignal): Promise<void> {
    const { name, ready } = this.#spec;
    const { clock, logger } = this.#options;
    if (!ready) return;
    const startedAt = clock.elapsed();
    while (!signal.aborted) {
      const isReady = await ready().catch(() => false);
      if (isReady && !signal.aborted) {
        logger.info({ process: name, afterMs: clock.elapsed() - startedAt }, 'ready');
        return;
      }
      await sleep(100, signal, clock);
    }
  }

  #writePid(pid: number): void {
    const { pidDir } = this.#options;
    if (pidDir) writeFileSync(join(pidDir, `${this.#spec.name}.pid`), `${pid}\n`);
  }

  #removePid(): void {
    const { pidDir } = this.#options;
    if (pidDir) rmSync(join(pidDir, `${this.#spec.name}.pid`), { force: true });
  }
}

/** All threads of a process inherit the niceness of the thread that starts it; set afterwards it would be that of the first alone. */
function withNiceness<T>(niceness: number | undefined, start: () => T): T {
  if (niceness === undefined) return start();
  const own = getPriority();
  try {
    setPriority(Math.min(own, niceness));
  } catch {
    // It may not: then the process runs as the others do.
    return start();
  }
  try {
    return start();
  } finally {
    setPriority(own);
  }
}

/** The longest line that is kept whole; what never ends its line must not fill the memory. */
const longestLine = 64 * 1024;

/** Takes chunks as a pipe gives them and hands on whole lines, each with the name before it. */
export function lines(name: string, output: (text: string) => void): (chunk: string) => void {
  const prefix = `[${name}] `;
  let rest = '';
  return (chunk) => {
    const end = chunk.lastIndexOf('\n');
    if (end < 0 && rest.length + chunk.length < longestLine) {
      rest += chunk;
      return;
    }
    const whole = end < 0 ? rest + chunk : rest + chunk.slice(0, end);
    rest = end < 0 ? '' : chunk.slice(end + 1);
    output(`${prefix}${whole.replaceAll('\n', `\n${prefix}`)}\n`);
  };
}
