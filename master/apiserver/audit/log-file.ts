/**
 * A log file that is written in order and rotated by size. A file that is full is renamed with the time in its name
 * (`audit-2026-01-02T15-04-05.000.log`); old ones go by number and age.
 */
import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { type Clock, systemClock } from '../../api/clock.ts';

export interface LogFileOptions {
  readonly path: string;
  /** Bytes of a file after which the next one is begun. */
  readonly maxBytes: number;
  /** How many full files are kept; 0 for all. */
  readonly maxBackups: number;
  /** How long full files are kept; 0 for ever. */
  readonly maxAgeMs: number;
  readonly onError: (error: Error) => void;
  readonly clock?: Clock;
}

/** Where audit lines go. */
export interface LineSink {
  /** Takes a line without its end. */
  write(line: string): void;
  /** Resolves when everything is written; nothing may be written after. */
  close(): Promise<void>;
}

/** Lines that may wait for a disk that is stuck; what comes on top is lost, and said to be. */
const waitingLimitBytes = 64 * 1024 * 1024;

/** Mode of a log file: it tells who asked for what. */
export const ownerOnly = 0o600;

export const standardOutput: LineSink = {
  write: (line) => void process.stdout.write(`${line}\n`),
  close: async () => {},
};

export class LogFile implements LineSink {
  readonly #options: LogFileOptions;
  readonly #clock: Clock;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> | undefined;

  constructor(options: LogFileOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  write(line: string): void {
    if (this.#waitingBytes > waitingLimitBytes) {
      this.#options.onError(new Error('the disk does not keep up: audit events are lost'));
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += line.length + 1;
    this.#writing ??= this.#writeAll();
  }

  async close(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  async #writeAll(): Promise<void> {
    // What a moment brings is written at once.
    await new Promise(setImmediate);
    try {
      while (this.#waiting.length > 0) {
        const text = `${this.#waiting.join('\n')}\n`;
        this.#waiting = [];
        this.#waitingBytes = 0;
        await this.#append(Buffer.from(text));
      }
    } catch (error) {
      this.#options.onError(error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.#writing = undefined;
    }
  }

  async #append(bytes: Buffer): Promise<void> {
    const { path, maxBytes } = this.#options;
    const size = (await stat(path).catch(() => undefined))?.size ?? 0;
    if (size > 0 && size + bytes.length > maxBytes) await this.#rotate();
    const file = await open(path, 'a', ownerOnly);
    try {
      await file.write(bytes);
    } finally {
      await file.close();
    }
  }

  async #rotate(): Promise<void> {
    const { path, maxBackups, maxAgeMs } = this.#options;
    const extension = extname(path);
    const stem = `${basename(path, extension)}-`;
    const now = this.#clock.now();
    const nameAt = (ms: number): string => {
      const time = new Date(ms).toISOString().slice(0, -1).replaceAll(':', '-');
      return `${stem}${time}${extension}`;
    };
    await rename(path, join(dirname(path), nameAt(now)));
    const full = (await readdir(dirname(path)))
      .filter((name) => name.startsWith(stem) && name.endsWith(extension) && name.length === nameAt(now).length)
      .toSorted()
      .toReversed();
    const tooOld = nameAt(now - maxAgeMs);
    const gone = full.filter(
      (name, index) => (maxBackups > 0 && index >= maxBackups) || (maxAgeMs > 0 && name < tooOld),
    );
    for (const name of gone) await rm(join(dirname(path), name), { force: true });
  }
}
