/**
 * Has another member lead etcd before this one ends: a leader that is only missed costs the cluster an election of a second,
 * one that hands over costs it a round trip.
 */
import type { EtcdClient, MemberStatus } from './client.ts';

/** The name of the member that leads now; undefined when this one did not lead, or is alone. Rejects when it failed in time. */
export async function handOver(own: EtcdClient, timeoutMs: number): Promise<string | undefined> {
  const [status, { members }] = await Promise.all([own.status(timeoutMs), own.members(false, timeoutMs)]);
  if (status.leaderId !== status.memberId) return undefined;
  const others = members.filter(({ id, isLearner }) => id !== status.memberId && !isLearner);
  let trouble: unknown;
  for (const { id, name, clientUrls } of others) {
    // A member that is starting or gone must not get it.
    if (!(await isThere(own, clientUrls, status, timeoutMs))) continue;
    try {
      await own.moveLeader(id, timeoutMs);
      return name;
    } catch (error) {
      trouble = error;
    }
  }
  if (trouble) throw trouble;
  return undefined;
}

async function isThere(
  own: EtcdClient,
  clientUrls: readonly string[],
  { revision }: MemberStatus,
  timeoutMs: number,
): Promise<boolean> {
  const [url] = clientUrls;
  if (!url) return false;
  const status = await own
    .at(url)
    .status(timeoutMs / 4)
    .catch(() => undefined);
  return status !== undefined && revision - status.revision < 1_000;
}
