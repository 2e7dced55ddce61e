/**
 * Has another member lead etcd before this one ends: a leader that is only missed costs the cluster an election of a second,
 * one that hands over costs it a round trip.
 */
import type { EtcdClient } from './client.ts';

/** The name of the member that leads now; undefined when this one did not lead, or is alone. Rejects when it failed in time. */
export async function handOver(own: EtcdClient, timeoutMs: number): Promise<string | undefined> {
  const [status, { members }] = await Promise.all([own.status(timeoutMs), own.members(false, timeoutMs)]);
  if (status.leaderId !== status.memberId) return undefined;
  const others = members.filter(({ id, isLearner }) => id !== status.memberId && !isLearner);
  if (others.length === 0) return undefined;
  // A member that is gone must not get it, and the one that answers first has the least to do.
  const answering = others.map(async (member) => {
    await own.at(member.clientUrls[0] ?? '').status(timeoutMs);
    return member;
  });
  const { id, name } = await Promise.any(answering);
  await own.moveLeader(id, timeoutMs);
  return name;
}
