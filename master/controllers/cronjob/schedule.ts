/**
 * When a CronJob is to run, as its schedule and time zone say. Pure.
 *
 * croner reads the five fields and knows the time zones. In the nights in which clocks change it is corrected to Kubernetes' cron
 * (robfig/cron): a run at a time of day that the night does not have is left out, and one at a time that it has twice comes twice.
 * `@every`, which is no schedule of cron, is ours.
 */
import { Cron } from 'croner';
import { nowSeconds } from '../../api/meta.ts';

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
      const [last, before] = runsUntil(cron, timeZone, nowMs);
      if (last === undefined || last <= sinceMs) return undefined;
      return { atMs: last, everyMs: before === undefined ? Number.POSITIVE_INFINITY : last - before };
    },
    next(_, afterMs) {
      const second = runsUntil(cron, timeZone, afterMs, 1)
        .map((atMs) => againAt(atMs, timeZone))
        .find((atMs) => atMs !== undefined && atMs > afterMs);
      let next = cron.nextRun(new Date(afterMs));
      while (next && !cron.match(next)) next = cron.nextRun(next);
      if (second === undefined) return next?.getTime();
      return next ? Math.min(second, next.getTime()) : second;
    },
  };
}

/** The last times at which it was due, the latest first: `count` of them, if there were as many. */
function runsUntil(cron: Cron, timeZone: string | undefined, untilMs: number, count = 2): number[] {
  // It gives what was due before a time, and counts in seconds.
  const runs = cron.previousRuns(count + 2, new Date(Math.floor(untilMs / 1_000) * 1_000 + 1_000));
  const due = runs.filter((run) => cron.match(run)).flatMap((run) => [againAt(run.getTime(), timeZone), run.getTime()]);
  const times = due.filter((atMs) => atMs !== undefined).filter((atMs) => atMs <= untilMs);
  return [...new Set(times)].toSorted((a, b) => b - a).slice(0, count);
}

/** RFC 3339 as the clocks of a time zone show it; without one in UTC. */
export function timeIn(atMs: number, timeZone: string | undefined): string {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone: timeZone ?? 'UTC', timeZoneName: 'longOffset' });
  // `GMT+02:00`; `GMT` or `GMT+00:00` for UTC. Some zones count seconds in their past, which no run is in.
  const name = format.formatToParts(atMs).find(({ type }) => type === 'timeZoneName')?.value ?? '';
  const [, sign, hours = '0', minutes = '0'] = /^GMT([+-])(\d\d):(\d\d)$/.exec(name) ?? [];
  if (Number(hours) + Number(minutes) === 0) return nowSeconds(atMs);
  const aheadMs = (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
  return `${nowSeconds(atMs + aheadMs).slice(0, -1)}${sign}${hours}:${minutes}`;
}

/** Whether there is such a time zone. */
export function isTimeZone(name: string): boolean {
  try {
    return clockOf(name) !== undefined;
  } catch {
    return false;
  }
}

const hourMs = 3_600_000;

/** When the clocks show the same again because they were put back meanwhile; undefined if they were not. */
function againAt(atMs: number, timeZone: string | undefined): number | undefined {
  const clock = clockOf(timeZone);
  return clock.format(atMs) === clock.format(atMs + hourMs) ? atMs + hourMs : undefined;
}

const clocks = new Map<string | undefined, Intl.DateTimeFormat>();

function clockOf(timeZone: string | undefined): Intl.DateTimeFormat {
  const known = clocks.get(timeZone);
  if (known) return known;
  const made = new Intl.DateTimeFormat('en-GB', { dateStyle: 'short', timeStyle: 'short', timeZone });
  clocks.set(timeZone, made);
  return made;
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
