/**
 * What a member without data does at its start: makes the cluster together with the others, or comes back to one that exists
 * as a new member. Pure: it judges what was seen of the others and says the next step; `start.ts` sees and acts.
 *
 * The danger is a member that lost its data and takes part as who it was: its vote would let the others forget what it had
 * acknowledged. So a cluster is made only when every other master is known to have no data, either; and one that exists is
 * joined under a new identity, without a vote until the data is there, and only with a majority's consent.
 */
import type { ListedMember, MemberList } from './client.ts';
import type { InitialMember } from './member.ts';

/** What another master's peer port says. */
export type PeerState =
  /** No answer, so it may have data or not. */
  | { readonly kind: 'silent'; readonly why: string }
  /** It has no data and looks for the others, as this one. */
  | { readonly kind: 'empty' }
  /** It has given up its data and waits for the cluster that it is to join. */
  | { readonly kind: 'rejoining' }
  /** It is about to become the first member of a cluster with a snapshot's data. */
  | { readonly kind: 'restoring' }
  /** Its etcd runs, and does not say yet whether it has data: it is new, or reads its log. */
  | { readonly kind: 'starting' }
  /** It has the data of a cluster. */
  | { readonly kind: 'member' };

export interface Seen {
  readonly name: string;
  /** The configuration's, this one among them. */
  readonly initialCluster: readonly InitialMember[];
  /** By name, of all others. */
  readonly peers: ReadonlyMap<string, PeerState>;
  /** The members as a majority of them agrees; undefined while there is none. */
  readonly agreed: MemberList | undefined;
  /** This start has added its member to the list, so that it is no stale one. */
  readonly added: boolean;
  /** Why an own cluster must not be made: this master was told to join another's. */
  readonly onlyJoin: boolean;
  /** A cluster that is being given up, and so is not joined. */
  readonly givenUp?: string | undefined;
}

export type JoinStep =
  /** Makes the cluster, with the members of the configuration. */
  | { readonly do: 'form' }
  | { readonly do: 'remove'; readonly member: ListedMember }
  | { readonly do: 'add' }
  /** Starts as the member that was added, among these. */
  | { readonly do: 'join'; readonly cluster: readonly InitialMember[] }
  | { readonly do: 'wait'; readonly why: string };

/** The next step. Every step but `form` and `join` is followed by another look. */
export function nextJoinStep(seen: Seen): JoinStep {
  const { agreed, givenUp } = seen;
  if (agreed && agreed.clusterId === givenUp) return wait('the cluster that is being replaced still runs');
  return agreed ? comeBack(seen, agreed) : makeOrWait(seen);
}

function comeBack({ name, initialCluster, added }: Seen, { members }: MemberList): JoinStep {
  const own = initialCluster.find((member) => member.name === name);
  if (!own) throw new Error(`Invariant: the initial cluster names ${name}`);
  const mine = members.filter((member) => member.name === name || member.peerUrls.includes(own.peerUrl));
  const stale = mine.find((member) => !(added && isNew(member)));
  // The others have just made the cluster with this one in it, and it has never run.
  if (stale && mine.length === 1 && !stale.isLearner && stale.clientUrls.length === 0) return { do: 'form' };
  if (stale) return { do: 'remove', member: stale };
  if (mine.length === 0) return { do: 'add' };
  return { do: 'join', cluster: members.flatMap((member) => named(member, initialCluster)) };
}

const isNew = ({ isLearner, clientUrls }: ListedMember): boolean => isLearner && clientUrls.length === 0;

/** A member that never ran has no name in the list: the configuration knows it by its URL. */
function named({ id, name, peerUrls }: ListedMember, initialCluster: readonly InitialMember[]): InitialMember[] {
  const configured = initialCluster.find(({ peerUrl }) => peerUrls.includes(peerUrl));
  return peerUrls.map((peerUrl) => ({ name: name || configured?.name || id, peerUrl }));
}

function makeOrWait({ peers, onlyJoin }: Seen): JoinStep {
  const those = (kind: PeerState['kind']): string[] =>
    [...peers].filter(([, state]) => state.kind === kind).map(([name]) => name);
  const names = (kind: PeerState['kind']): string => those(kind).join(' and ');
  const [members, silent, starting] = [names('member'), names('silent'), names('starting')];
  const replacing = names('restoring') || names('rejoining');
  if (those('member').length * 2 > peers.size + 1) return wait(`no majority of the cluster answers yet on ${members}`);
  if (members !== '') {
    const noMajority = `the cluster has no majority: its data is on ${members}`;
    // All are there, so waiting alone brings nothing.
    if (silent === '') return wait(`${noMajority} only; it goes on from there with: npm run snapshot -- recover`);
    return wait(`${noMajority}, and ${silent} gave no answer`);
  }
  if (replacing !== '') return wait(`the cluster's data is about to be replaced on ${replacing}`);
  if (onlyJoin) return wait('the cluster that this master was told to join does not answer yet');
  const unsure = [
    ...(silent === '' ? [] : [`${silent} gave no answer and may have the cluster's data`]),
    ...(starting === '' ? [] : [`${starting} cannot say yet whether it has the cluster's data`]),
  ];
  if (unsure.length > 0) return wait(unsure.join('; '));
  return { do: 'form' };
}

const wait = (why: string): JoinStep => ({ do: 'wait', why });
