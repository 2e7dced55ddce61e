/** Gives the history of a run to the oracles, and says what they found. */
import { byObject, type History } from './load/history.ts';
import { type DoubleBelief, doubleBeliefs, type Sightings, sharedGenerations } from './oracles/leaders.ts';
import { chainOf, checkRegister } from './oracles/registers.ts';
import { checkSet } from './oracles/sets.ts';
import { checkWatch, type Truth } from './oracles/watches.ts';
import type { LoadSummary, Violation } from './report/result.ts';

/** A stretch of time in which a leader was put to sleep and woken up. */
export interface Sleep {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Less than this for each fault proves nothing. It is a number and no pace: a slow machine proves as much, and takes longer. */
const enough = { reads: 100, writes: 100, watchEvents: 100 };
/** An oracle that finds much has found one thing; the rest is noise. */
const most = 10;

/** Registers, sets and watches. */
export function judgeClients(history: History): Violation[] {
  const registers = byObject(history.registers);
  const sets = byObject(history.sets);
  const truth: Truth = {
    chains: new Map([...registers].map(([object, operations]) => [object, chainOf(operations).values])),
    sets: new Map(
      [...sets]
        .map(([object, operations]) => [object, operations.findLast(({ kind }) => kind === 'elements')])
        .map(([object, read]) => [
          object as string,
          typeof read === 'object' && read.kind === 'elements' ? read.elements : [],
        ]),
    ),
  };
  const lastOf = new Map(history.watches.map((stretch) => [stretch.client, stretch]));
  return [
    ...found(
      'registers',
      [...registers].flatMap(([object, operations]) => checkRegister(operations).map((what) => `${object}: ${what}`)),
    ),
    ...found(
      'sets',
      [...sets].flatMap(([object, operations]) => checkSet(operations).map((what) => `${object}: ${what}`)),
    ),
    ...found(
      'watches',
      history.watches.flatMap((stretch) => checkWatch(stretch, truth, lastOf.get(stretch.client) === stretch)),
    ),
  ];
}

/** At most one leader at a time. One that slept may believe for a moment that it leads; its writes are fenced. */
export function judgeLeaders(
  { beliefs, leases }: Sightings,
  sleeps: readonly Sleep[],
): { violations: Violation[]; sleepers: DoubleBelief[] } {
  const doubles = doubleBeliefs(beliefs);
  const isSleeper = ({ atMs }: DoubleBelief): boolean =>
    sleeps.some(({ fromMs, toMs }) => atMs >= fromMs && atMs <= toMs);
  const violations = doubles
    .filter((double) => !isSleeper(double))
    .map(
      ({ role, masters, lastedMs }) => `${role}: ${masters.join(' and ')} led at once for ${Math.round(lastedMs)} ms`,
    );
  return {
    violations: found('leaders', [...violations, ...sharedGenerations(leases)]),
    sleepers: doubles.filter(isSleeper),
  };
}

/** What the clients did in all, and whether it was enough to prove anything of so many faults. */
export function summaryOf(history: History, seconds: number, faults: number): LoadSummary {
  const of = (kind: string): number => history.signs.filter((sign) => sign.kind === kind).length;
  const [reads, writes, watchEvents] = [of('read'), of('write'), of('watch')];
  const counts = { reads, writes, watchEvents };
  const few = Object.entries(enough).flatMap(([what, perFault]) => {
    const count = counts[what as keyof typeof counts];
    return count >= perFault * faults ? [] : [`${count} ${what} during ${faults} faults`];
  });
  return {
    ...{ seconds, reads, writes, watchEvents, failures: history.failures.length },
    reasons: reasonsOf(history),
    watchesResumed: history.watches.reduce((sum, { resumedMs }) => sum + resumedMs.length, 0),
    ...(few.length > 0 ? { inconclusive: `the load was too small: ${few.join(', ')}` } : {}),
  };
}

/** Why requests failed, the most frequent first; what differs from one to the next is left out. */
function reasonsOf({ failures }: History): { reason: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const { kind, reason } of failures) {
    const known = `${kind}: ${reason.replaceAll(/(?:register|set|appender)-[\w.-]+|\d{4,}/g, '…')}`;
    counts.set(known, (counts.get(known) ?? 0) + 1);
  }
  return [...counts]
    .map(([reason, count]) => ({ reason, count }))
    .toSorted((a, b) => b.count - a.count)
    .slice(0, most);
}

function found(oracle: string, faults: readonly string[]): Violation[] {
  const told = faults.slice(0, most).map((what) => ({ oracle, what }));
  return faults.length > most ? [...told, { oracle, what: `and ${faults.length - most} more` }] : told;
}
