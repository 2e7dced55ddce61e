/**
 * When a CronJob is to run, as its schedule and time zone say. Pure.
 *
 * croner reads the five fields and knows the time zones. It differs from Kubernetes in the night in which clocks go forward: a run at a
 * time of day that does not exist comes when the gap ends, and is not left out. `@every`, which is no schedule of cron, is ours.
 */
import { Cron } from 'croner';

export interface Schedule {
  /** The last run in (sinceMs, nowMs], and how long before it the one before was due; undefined if there is none. */
  last(sinceMs: number, nowMs: number): { readonly atMs: number; readonly everyMs: number } | undefined;
  /** The first run after that time; undefined if there is none. `sinceMs`: what `@every` counts from. */
  next(sinceMs: number, afterMs: number): number | undefined;
}

/** Throws an Error that says what is wrong with either. */
export function scheduleOf(schedule: string, timeZone: string | undefined): Schedule {
  if (schedule.startsWith('@every ')) return every(durationMs(schedule.slice('@every '.length)));
  const cron = new Cron(schedule, { mode: '5-part', sloppyRanges: true, ...(timeZone && { timezone: timeZone }) });
  // An unknown time zone is found out only when it is asked for a time.
  cron.nextRun();
  return {
    last(sinceMs, nowMs) {
      // It gives what was due before a time, and counts in seconds.
      const [last, before] = cron.previousRuns(2, new Date(Math.floor(nowMs / 1_000) * 1_000 + 1_000));
      if (!last || last.getTime() <= sinceMs) return undefined;
      return { atMs: last.getTime(), everyMs: before ? last.getTime() - before.getTime() : Number.POSITIVE_INFINITY };
    },
    next: (_, afterMs) => cron.nextRun(new Date(afterMs))?.getTime(),
  };
}

function every(periodMs: number): Schedule {
  return {
    last(sinceMs, nowMs) {
      const runs = Math.floor((nowMs - sinceMs) / periodMs);
      return runs > 0 ? { atMs: sinceMs + runs * periodMs, everyMs: periodMs } : undefined;
    },
    next: (sinceMs, afterMs) => sinceMs + (Math.max(0, Math.floor((afterMs - sinceMs) / periodMs)) + 1) * periodMs,
  };
}

const units: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
};

/** `1h30m`, in whole seconds and no less than one. */
function durationMs(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) {
    throw new Error(`time: invalid duration ${JSON.stringify(text)}`);
  }
  const ms = parts.reduce((sum, [, amount, unit = '']) => sum + Number(amount) * (units[unit] ?? 0), 0);
  return Math.max(1_000, Math.floor(ms / 1_000) * 1_000);
}
