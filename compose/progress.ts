/**
 * What the user sees while something takes long: what is being done, how long it has taken and how long it will still
 * take. Estimates are what the same step took the last time on this machine.
 *
 * On a terminal the current line is rewritten; elsewhere only what changed is printed, a line each and not too many.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Where lines stay, a step says where it stands at most this often. */
const quietMs = 1_000;

export interface Progress {
  /** Runs one step under a title. `report` says where it stands. `expectedS` is the estimate for the first time. */
  step<T>(title: string, expectedS: number, work: (report: (detail: string) => void) => Promise<T>): Promise<T>;
  /** A line of its own, for what took no time. */
  note(text: string): void;
}

export interface ProgressOptions {
  readonly output: { write(text: string): unknown; isTTY?: boolean };
  /** Where what each step took is kept from one run to the next. */
  readonly memory?: string;
  readonly now?: () => number;
}

export function createProgress({ output, memory, now = Date.now }: ProgressOptions): Progress {
  const tookS = remembered(memory);

  async function step<T>(title: string, expectedS: number, work: (report: (detail: string) => void) => Promise<T>) {
    const startedAt = now();
    const estimateS = tookS[title] ?? expectedS;
    const elapsedS = () => (now() - startedAt) / 1000;
    let detail = '';
    let saidAt = startedAt;
    const line = () => `  ${title}${detail && `: ${detail}`} ${remaining(estimateS, elapsedS())}`;
    const draw = () => output.write(output.isTTY ? `\r\u001b[K${line()}` : `${line()}\n`);
    draw();
    const timer = output.isTTY ? setInterval(draw, 500) : undefined;
    try {
      const result = await work((text) => {
        if (text === detail) return;
        detail = text;
        if (!output.isTTY && now() - saidAt < quietMs) return;
        saidAt = now();
        draw();
      });
      tookS[title] = Math.round(elapsedS() * 10) / 10;
      output.write(`${output.isTTY ? '\r\u001b[K' : ''}✔ ${title} (${elapsedS().toFixed(1)} s)\n`);
      if (memory) keep(memory, tookS);
      return result;
    } catch (error) {
      output.write(`${output.isTTY ? '\r\u001b[K' : ''}✘ ${title} (${elapsedS().toFixed(1)} s)\n`);
      throw error;
    } finally {
      clearInterval(timer);
    }
  }

  return { step, note: (text) => output.write(`${text}\n`) };
}

/** How long a step still takes, in words. */
export function remaining(estimateS: number, elapsedS: number): string {
  const leftS = Math.round(estimateS - elapsedS);
  if (leftS > 0) return `(about ${leftS < 90 ? `${leftS} s` : `${Math.round(leftS / 60)} min`} left)`;
  return `(${Math.round(elapsedS)} s, a little longer than expected)`;
}

function remembered(path: string | undefined): Record<string, number> {
  try {
    return path ? JSON.parse(readFileSync(path, 'utf8')) : {};
  } catch {
    return {};
  }
}

function keep(path: string, tookS: Record<string, number>): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(tookS, undefined, 2)}\n`);
}
