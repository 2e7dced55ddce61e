/** When a cluster's masters may be changed. Pure: `masters.ts` and `roll.ts` look and act. */

/** One master as it was found. */
export interface SeenMaster {
  readonly name: string;
  /** It is a member of etcd that votes. */
  readonly votes: boolean;
  /** Its member answers, with a majority behind it. */
  readonly answers: boolean;
}

/** How many of so many members must agree. */
export const quorum = (members: number): number => Math.floor(members / 2) + 1;

/** How many may be lost. */
const spare = (members: number): number => members - quorum(members);

/** The first name that is free, of master-1, master-2 and so on. */
export function nextName(taken: readonly string[]): string {
  for (let number = 1; ; number += 1) if (!taken.includes(`master-${number}`)) return `master-${number}`;
}

/** Why no master can be added now; undefined when one can. One more member raises the majority that is needed. */
export function whyNotAdd(name: string, masters: readonly SeenMaster[]): string | undefined {
  if (!/^master-[1-9]\d*$/.test(name)) return `${name} is no name of a master: they are master-1, master-2 and so on`;
  if (masters.some((each) => each.name === name)) return `there is a ${name} already`;
  const away = masters.filter((each) => !(each.votes && each.answers)).map((each) => each.name);
  if (away.length === 0) return undefined;
  return `${away.join(' and ')} must vote and answer first: one more member needs a larger majority. Bring it back, or remove it.`;
}

/** Why this master cannot be removed; undefined when it can. */
export function whyNotRemove(name: string, masters: readonly SeenMaster[]): string | undefined {
  if (!masters.some((each) => each.name === name)) return `there is no ${name}`;
  const voters = masters.filter((each) => each.votes);
  const left = voters.filter((each) => each.name !== name);
  if (left.length === 0) return `${name} is the only member that votes: its end would be that of the cluster`;
  // Of two, one leaves the list while both run; of more, it is stopped first, and the others must agree without it.
  const needed = quorum(voters.length > 2 ? voters.length : left.length);
  const present = left.filter((each) => each.answers).length;
  if (present >= needed) return undefined;
  return `without ${name} only ${present} of the other members would answer, and a majority takes ${needed}: the cluster would stop. Bring the others back first.`;
}

/** Why this master cannot be restarted now; undefined when it can. */
export function whyNotRestart(name: string, masters: readonly SeenMaster[]): string | undefined {
  const voters = masters.filter((each) => each.votes);
  const away = masters.filter((each) => each.name !== name && !(each.votes && each.answers)).map((each) => each.name);
  if (away.length === 0 || voters.length === 1) return undefined;
  return `${away.join(' and ')} must vote and answer first`;
}

/** What the operator should know of a cluster of this size; undefined when nothing. */
export function sizeAdvice(members: number): string | undefined {
  if (members % 2 === 1) return undefined;
  const fewer = members - 1;
  return `${members} masters survive the loss of ${spare(members)}, no more than ${fewer} do: an odd number is advised.`;
}
