/**
 * When etcd's lead leaves a member because of its disk. Pure: `disk-watch.ts` looks and acts.
 *
 * A leader puts each entry on its own disk before it goes on, so its slow disk holds up every write; that of a follower holds up
 * nobody, because a majority is enough. etcd keeps a slow leader as long as its heartbeats are in time.
 *
 * One slow fsync is a suspicion, after which own and others are looked at more often. The lead is moved only when it is certain to help:
 * the own disk stays slow, and a majority of the members, without this one, is many times as fast in the same moments. Where all disks are
 * slow, or the others cannot be seen, it stays. So it does not come back to the slow one, either, and a member gives it away once a
 * minute at most.
 */
/** How often a member has put its log on disk since its start, and how long that took in all. */
export interface Fsyncs {
  readonly count: number;
  readonly seconds: number;
  /** How many of them took longer than 128 ms. */
  readonly slow: number;
}

export interface DiskWatch {
  /** At the last look. */
  readonly own: Fsyncs | undefined;
  readonly suspicion: Suspicion | undefined;
  readonly movedAtMs: number;
}

/** The own disk was slow at every look since. */
interface Suspicion {
  readonly sinceMs: number;
  /** What is compared is what came after this. */
  readonly from: {
    readonly atMs: number;
    readonly own: Fsyncs;
    /** By member id. */
    readonly others: ReadonlyMap<string, Fsyncs>;
  };
}

export interface DiskLook {
  readonly nowMs: number;
  readonly own: Fsyncs;
  /** Of the other members that vote and answer; needed only where `wantsOthers` says so. */
  readonly others: ReadonlyMap<string, Fsyncs>;
  /** How many members vote. */
  readonly voters: number;
}

/** Disks that are well take a few milliseconds, hardly ever more than 30. */
const slowMs = 100;
/** Others must be so many times as fast. */
const factor = 4;
/** What must have come after the first slow one: a single one, however long, moves nothing. */
const leastFsyncs = 2;
const leastMs = 350;
/** Compared is what was of late: others may have been slow for a moment, too. */
const windowMs = 2_000;
const moveEveryMs = 60_000;
const lookEveryMs = { calm: 500, suspicious: 200, inVain: 1_000 };

export const nothingSeen: DiskWatch = {
  own: undefined,
  suspicion: undefined,
  movedAtMs: Number.NEGATIVE_INFINITY,
};

/** Whether the own disk is under suspicion after this look: then it is worth while to look at the others, too. */
export function wantsOthers({ own: before, suspicion }: DiskWatch, own: Fsyncs): boolean {
  return suspicion !== undefined || (before !== undefined && own.slow > before.slow);
}

/** When to look again, in ms. A suspicion that has led to nothing is not worth as many looks. */
export function nextLookMs({ suspicion }: DiskWatch, nowMs: number): number {
  if (!suspicion) return lookEveryMs.calm;
  return nowMs - suspicion.sinceMs < windowMs ? lookEveryMs.suspicious : lookEveryMs.inVain;
}

/** What is known after a look, and the member that is to lead from now on, if another one is. */
export function judge(watch: DiskWatch, look: DiskLook): { watch: DiskWatch; moveTo?: string; ownMs?: number } {
  const { nowMs, own, others } = look;
  // Nothing was written since: what was known is still all there is.
  if (own.count === watch.own?.count) return { watch };
  const lastMs = meanMs(watch.own, own);
  const calm = { ...watch, own, suspicion: undefined };
  const from = { atMs: nowMs, own, others };
  const { suspicion } = watch;
  if (lastMs === undefined || !wantsOthers(watch, own)) return { watch: calm };
  if (!suspicion) return { watch: { ...calm, suspicion: { sinceMs: nowMs, from } } };
  if (lastMs < slowMs) return { watch: calm };
  const ownMs = meanMs(suspicion.from.own, own) ?? 0;
  const moveTo = nowMs - watch.movedAtMs < moveEveryMs ? undefined : better(suspicion, look, ownMs);
  if (moveTo !== undefined) return { watch: { ...nothingSeen, movedAtMs: nowMs }, moveTo, ownMs };
  const over = nowMs - suspicion.from.atMs >= windowMs;
  return { watch: { ...calm, suspicion: over ? { ...suspicion, from } : suspicion } };
}

/** The fastest member, if it is certain that a majority is fast and this one is not. */
function better({ from }: Suspicion, { own, others, voters }: DiskLook, ownMs: number): string | undefined {
  const enough = own.count - from.own.count >= leastFsyncs && (own.seconds - from.own.seconds) * 1_000 >= leastMs;
  if (!enough || ownMs < slowMs) return undefined;
  const fast = [...others]
    .map(([id, fsyncs]) => ({ id, ms: meanMs(from.others.get(id), fsyncs) ?? Number.POSITIVE_INFINITY }))
    .filter(({ ms }) => ms * factor <= ownMs)
    .toSorted((a, b) => a.ms - b.ms);
  return fast.length > voters / 2 ? fast[0]?.id : undefined;
}

/** Of each in between; undefined where there was none, or the member was started anew. */
function meanMs(before: Fsyncs | undefined, now: Fsyncs): number | undefined {
  const count = now.count - (before?.count ?? Number.NaN);
  return before && count > 0 ? ((now.seconds - before.seconds) * 1_000) / count : undefined;
}
