/**
 * When etcd's lead leaves a member because of its disk. Pure: `disk-watch.ts` looks and acts.
 *
 * A leader puts each entry on its own disk before it goes on, so its slow disk holds up every write; that of a follower holds up
 * nobody, because a majority is enough. etcd keeps a slow leader as long as its heartbeats are in time.
 *
 * The lead is moved only when it is certain to help: a majority of the members, without this one, is many times as fast in the same
 * seconds. Where all disks are slow, or the others cannot be seen, it stays. So it does not come back to the slow one, either.
 */
/** How often a member has put its log on disk since its start, and how long that took in all. */
export interface Fsyncs {
  readonly count: number;
  readonly seconds: number;
}

export interface DiskWatch {
  readonly own: Fsyncs | undefined;
  /** By member id; looked at only while the own disk is slow. */
  readonly others: ReadonlyMap<string, Fsyncs>;
  /** Looks in a row that found the own disk slow. */
  readonly slowLooks: number;
  readonly movedAtMs: number;
}

export interface DiskLook {
  readonly nowMs: number;
  readonly own: Fsyncs;
  /** Of the other members that vote and answer. */
  readonly others: ReadonlyMap<string, Fsyncs>;
  /** How many members vote. */
  readonly voters: number;
}

/** Disks that are well take a few milliseconds, hardly ever more than 30. */
const slowMs = 100;
/** Others must be so many times as fast. */
const factor = 4;
const looksInARow = 2;
const moveEveryMs = 60_000;

export const nothingSeen: DiskWatch = {
  own: undefined,
  others: new Map(),
  slowLooks: 0,
  movedAtMs: Number.NEGATIVE_INFINITY,
};

/** Whether the own disk was slow since the last look: then it is worth while to look at the others, too. */
export function isSlow({ own: before }: DiskWatch, own: Fsyncs): boolean {
  return (meanMs(before, own) ?? 0) >= slowMs;
}

/** What is known after a look, and the member that is to lead from now on, if another one is. */
export function judge(watch: DiskWatch, look: DiskLook): { watch: DiskWatch; moveTo?: string; ownMs?: number } {
  const { nowMs, own, others, voters } = look;
  // Nothing was written since: what was known is still all there is.
  if (own.count === watch.own?.count) return { watch };
  const ownMs = meanMs(watch.own, own) ?? 0;
  const slow = ownMs >= slowMs;
  const slowLooks = slow ? watch.slowLooks + 1 : 0;
  const next = { ...watch, own, others: slow ? others : nothingSeen.others, slowLooks };
  if (slowLooks < looksInARow || nowMs - watch.movedAtMs < moveEveryMs) return { watch: next };
  const fast = [...others]
    .map(([id, fsyncs]) => ({ id, ms: meanMs(watch.others.get(id), fsyncs) ?? Number.POSITIVE_INFINITY }))
    .filter(({ ms }) => ms * factor <= ownMs)
    .toSorted((a, b) => a.ms - b.ms);
  const [fastest] = fast;
  if (!fastest || fast.length <= voters / 2) return { watch: next };
  return { watch: { ...nothingSeen, movedAtMs: nowMs }, moveTo: fastest.id, ownMs };
}

/** Of each in between; undefined where there was none, or the member was started anew. */
function meanMs(before: Fsyncs | undefined, now: Fsyncs): number | undefined {
  const count = now.count - (before?.count ?? Number.NaN);
  return before && count > 0 ? ((now.seconds - before.seconds) * 1_000) / count : undefined;
}
