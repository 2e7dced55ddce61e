/** What every process's command line shares: help, clear errors for bad flags, durations, signals and exit codes. */
import { randomUUID } from 'node:crypto';
import { Command, InvalidArgumentError, Option } from 'commander';
import { logLevels } from './logging.ts';

/** A command as all our processes have it: `--help`, `--log-level`, exit code 1 and one clear line for a bad flag. */
export function command(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .allowExcessArguments(false)
    .showHelpAfterError(`(${name} --help lists the flags)`)
    .addOption(new Option('--log-level <level>', 'how much to log').choices([...logLevels]).default('info'));
}

const unitsMs: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a duration as Go writes it: `500ms`, `1m30s`, `0`. For commander's `argParser`. */
export function durationMs(text: string): number {
  if (text === '0') return 0;
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) {
    throw new InvalidArgumentError('A duration is a number with a unit, such as 500ms, 3s or 1m30s.');
  }
  let total = 0;
  for (const [, number, , unit] of text.matchAll(/(\d+(\.\d+)?)(ms|s|m|h)/g))
    total += Number(number) * (unitsMs[unit ?? ''] ?? 0);
  return total;
}

/** A port number; 0 where the flag's text says what that means. */
export function portNumber(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new InvalidArgumentError('A port is a number from 0 to 65535.');
  return port;
}

/** A whole number that is not negative. */
export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

/** The flags of a parsed command line that have a value, by their names, as text. What was read into more than that is left out. */
export function flagValues(parsed: Command): Record<string, string> {
  const values = parsed.options.flatMap((option): [string, string][] => {
    const value: unknown = parsed.getOptionValue(option.attributeName());
    const isPlain = ['string', 'number', 'boolean'].includes(typeof value) || Array.isArray(value);
    return isPlain ? [[option.name(), String(value)]] : [];
  });
  return Object.fromEntries(values);
}

/** An identity that begins with the name and is this process's own, also over its restarts. For commander's `argParser`. */
export const ownIdentity = (name: string): string => `${name}_${randomUUID()}`;

/** The parts of `a,b,c`; an empty text has none. */
export function commaList(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** Two signals within this time are one. */
const sameKeyMs = 500;

/**
 * Runs a process's main function with a signal that SIGTERM and SIGINT abort, and ends the process when it returns: exit
 * code 0, or 1 with the error on standard error. A second SIGINT or SIGTERM, a moment later, does not wait.
 */
export async function runMain(main: (signal: AbortSignal) => Promise<void>): Promise<never> {
  const stop = new AbortController();
  let stoppedMs = 0;
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      // Under npm one Ctrl-C comes twice: from the terminal, and passed on by npm.
      if (stop.signal.aborted && performance.now() - stoppedMs > sameKeyMs) process.exit(1);
      if (!stop.signal.aborted) stoppedMs = performance.now();
      stop.abort();
    });
  }
  try {
    await main(stop.signal);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  }
  process.exit(0);
}
