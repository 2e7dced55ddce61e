/** Where the simulated runtime keeps what a real engine would keep: one JSON file, written whole and swapped in. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock, Timer } from '../../../master/api/clock.ts';

/** Changes that come within this time are written together. */
const writeDelayMs = 100;

export class StateFile<T> {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #state: () => T;
  readonly #failed: (error: unknown) => void;
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: { path: string; clock: Clock; state: () => T; failed: (error: unknown) => void }) {
    this.#path = options.path;
    this.#clock = options.clock;
    this.#state = options.state;
    this.#failed = options.failed;
  }

  /** What was written last; undefined when nothing was, or when it cannot be read. */
  async read(): Promise<T | undefined> {
    try {
      const state: T = JSON.parse(await readFile(this.#path, 'utf8'));
      return state;
    } catch {
      return undefined;
    }
  }

  /** The state has changed and will be written soon. */
  changed(): void {
    this.#timer ??= this.#clock.setTimeout(() => {
      this.#timer = undefined;
      this.#writing = this.#writing.then(() => this.#write()).catch(this.#failed);
    }, writeDelayMs);
  }

  /** Writes what is not written yet, and resolves when it is. */
  async written(): Promise<void> {
    this.#clock.clearTimeout(this.#timer);
    if (this.#timer !== undefined) this.#writing = this.#writing.then(() => this.#write()).catch(this.#failed);
    this.#timer = undefined;
    await this.#writing;
  }

  async #write(): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true });
    const next = `${this.#path}.next`;
    await writeFile(next, JSON.stringify(this.#state()));
    await rename(next, this.#path);
  }
}
