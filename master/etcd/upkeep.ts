/**
 * What a running member and its cluster need now. Pure: `keeper.ts` looks and acts.
 *
 * What concerns all members is decided by the master whose member leads, so that no two act at once: space is given back by one
 * member at a time, by followers only; a leader that needs it hands over the lead first.
 */
import type { MemberList, MemberStatus } from './client.ts';
import type { Identity } from './order.ts';

export interface Seen {
  readonly now: number;
  /** Undefined while the own member does not answer. */
  readonly own: MemberStatus | undefined;
  readonly unwellForMs: number;
  /** How long its log has shown no leader at all, in ms; 0 when it has none, or has had one. */
  readonly neverLedForMs: number;
  /** Whose data this master has. */
  readonly identity: Identity | undefined;
  /** How many masters the configuration has. */
  readonly masters: number;
  /** The members as a majority of them agrees, asked through the others while the own one does not answer. */
  readonly elsewhere: MemberList | undefined;
  /** Of all members that answer, by client URL; looked at by the leader only. */
  readonly statuses: ReadonlyMap<string, MemberStatus>;
  /** All members that vote answer. */
  readonly complete: boolean;
  /** When space was last given back, by client URL. */
  readonly defragmentedAt: ReadonlyMap<string, number>;
  readonly freedAt: number;
}

export type Upkeep =
  | { readonly do: 'promote'; readonly id: string }
  /** The cluster goes on without this member, and will not take it back: its data is of no use. */
  | { readonly do: 'rejoin' }
  /** The cluster that it is to make did not come about: the others may have begun anew, and find it only when it looks for them. */
  | { readonly do: 'meet again' }
  /** A member's database has reached its bound, and etcd refuses all writes. */
  | { readonly do: 'free space' }
  | { readonly do: 'defragment'; readonly url: string }
  | { readonly do: 'hand over'; readonly to: string };

/** A member that is starting, or without a leader for a moment, is not lost. */
const lostAfterMs = 10_000;
/** Below this a database is small enough to be left alone. */
const roomyBytes = 64 * 1024 ** 2;
/** The part of the database that may lie idle. */
const idleShare = 0.5;
const defragmentEveryMs = 10 * 60_000;
const freeSpaceEveryMs = 60_000;

export function nextUpkeep(seen: Seen): Upkeep | undefined {
  const { own } = seen;
  if (!own && seen.neverLedForMs >= lostAfterMs) return { do: 'meet again' };
  if (!own) return isCastOut(seen) ? { do: 'rejoin' } : undefined;
  if (own.isLearner) return { do: 'promote', id: own.memberId };
  if (own.leaderId !== own.memberId) return undefined;
  if (own.alarms.some(({ type }) => type === 'NOSPACE')) {
    return seen.now - seen.freedAt >= freeSpaceEveryMs ? { do: 'free space' } : undefined;
  }
  // The member that is busy answers nobody: the others must be enough.
  return seen.complete ? giveBackSpace(seen, own) : undefined;
}

/** Only a majority of the configured masters can cast one out: two that were restored apart do not give way to each other. */
function isCastOut({ unwellForMs, identity, elsewhere, masters }: Seen): boolean {
  if (!identity || !elsewhere || unwellForMs < lostAfterMs) return false;
  const voters = elsewhere.members.filter(({ isLearner }) => !isLearner).length;
  if (voters * 2 <= masters) return false;
  return elsewhere.clusterId !== identity.clusterId || elsewhere.members.every(({ id }) => id !== identity.memberId);
}

function giveBackSpace({ now, statuses, defragmentedAt }: Seen, own: MemberStatus): Upkeep | undefined {
  const wasteful = [...statuses].filter(([url, { dbSize, dbSizeInUse }]) => {
    const lately = now - (defragmentedAt.get(url) ?? Number.NEGATIVE_INFINITY) < defragmentEveryMs;
    return !lately && dbSize > roomyBytes && dbSize - dbSizeInUse > dbSize * idleShare;
  });
  const follower = wasteful.find(([, { memberId }]) => memberId !== own.memberId);
  if (follower) return { do: 'defragment', url: follower[0] };
  if (wasteful.length === 0) return undefined;
  const successor = [...statuses.values()].find(({ memberId, isLearner }) => memberId !== own.memberId && !isLearner);
  if (successor) return { do: 'hand over', to: successor.memberId };
  // The only member of its cluster has nobody to hand over to.
  return statuses.size === 1 ? { do: 'defragment', url: wasteful[0]?.[0] ?? '' } : undefined;
}
