/** Takeovers and who led when, from what the witness saw. */
import type { Action, Belief, LeaseChange, Parts, Role } from '../witness/messages.ts';

/** The parts of a takeover, in ms from the fault on. */
export interface Takeover {
  readonly role: Role;
  /** The new leader wrote itself into the Lease. */
  readonly electedMs: number;
  /** It first said of itself that it leads; looked at every 40 ms. */
  readonly leadingMs: number | undefined;
  /** A watcher saw its first piece of work. */
  readonly firstActionMs: number | undefined;
  /** What it says itself: `detected`, `elected`, `synced` and `firstAction`, each from the end of the one before. */
  readonly parts: Readonly<Record<string, number>>;
}

export interface Sightings {
  readonly leases: readonly LeaseChange[];
  readonly beliefs: readonly Belief[];
  readonly actions: readonly Action[];
  readonly parts: readonly Parts[];
}

/** How another came to lead after `fromMs`; undefined as long as none has. */
export function takeoverOf(
  role: Role,
  fromMs: number,
  { leases, beliefs, actions, parts }: Sightings,
): Takeover | undefined {
  const own = leases
    .filter((lease) => lease.role === role && lease.holder !== '')
    .toSorted((a, b) => a.generation - b.generation);
  const before = own.findLast((lease) => lease.acquiredMs <= fromMs)?.generation ?? -1;
  const next = own.find((lease) => lease.generation > before && lease.acquiredMs > fromMs);
  if (!next) return undefined;
  const belief = beliefs.find((seen) => seen.role === role && seen.generation === next.generation);
  const action = actions.find((seen) => seen.role === role && seen.atMs >= next.acquiredMs);
  return {
    role,
    electedMs: next.acquiredMs - fromMs,
    leadingMs: belief && belief.fromMs - fromMs,
    firstActionMs: action && action.atMs - fromMs,
    parts: parts.find((told) => told.role === role && told.generation === next.generation)?.parts ?? {},
  };
}

export interface DoubleBelief {
  readonly role: Role;
  readonly masters: readonly string[];
  readonly atMs: number;
  readonly lastedMs: number;
}

/** Stretches in which two processes certainly both believed that they lead. */
export function doubleBeliefs(beliefs: readonly Belief[]): DoubleBelief[] {
  const sorted = beliefs.toSorted((a, b) => a.fromMs - b.fromMs);
  return sorted.flatMap((first, index) =>
    sorted.slice(index + 1).flatMap((second) => {
      if (second.role !== first.role || second.generation === first.generation) return [];
      const lastedMs = Math.min(first.toMs, second.toMs) - second.fromMs;
      if (lastedMs <= 0) return [];
      return [{ role: first.role, masters: [first.master, second.master], atMs: second.fromMs, lastedMs }];
    }),
  );
}

/** Generations that were held by two: then the fence would not tell them apart. */
export function sharedGenerations(leases: readonly LeaseChange[]): string[] {
  const holders = new Map<string, Set<string>>();
  for (const { role, generation, holder } of leases) {
    if (holder === '') continue;
    const key = `generation ${generation} of the ${role}`;
    holders.set(key, (holders.get(key) ?? new Set()).add(holder));
  }
  return [...holders]
    .filter(([, who]) => who.size > 1)
    .map(([key, who]) => `${key} was held by ${[...who].join(' and ')}`);
}
