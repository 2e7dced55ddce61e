/**
 * What there is to see at the moment at which a promise was found broken: enough to look for the cause with nothing but the
 * output of a run. It asks whatever answers, repairs nothing, and never fails.
 */
import type { ApiClient } from '../support/api-client.ts';
import type { Machines } from './faults/machines.ts';
import { roles } from './witness/messages.ts';
import type { Witness } from './witness/witness.ts';

/** What is shown of each master's log, and from how much of it. */
const shownLines = 40;
const readLines = 4_000;
const longestLine = 280;
const witnessed = '/api/v1/namespaces/chaos-witness/replicationcontrollers/witness';

/** Lines for a reader: whose work was seen when, what the witness's object is like, and the masters' last warnings. */
export async function diagnose(machines: Machines, api: ApiClient, witness: Witness): Promise<string[]> {
  const masters = ['master-1', 'master-2', 'master-3'];
  const [object, ...logs] = await Promise.all([
    api.send('GET', witnessed).then(
      ({ status, text }) => `${status} ${text}`,
      (error: Error) => error.message,
    ),
    ...masters.map((master) => machines.log(master, readLines).catch((error: Error) => error.message)),
  ]);
  return [
    ...roles.map((role) => `last work seen of the ${role}: ${describe(witness.actions.findLast(of(role)))}`),
    ...roles.map((role) => `last lease seen of the ${role}: ${describe(witness.leases.findLast(of(role)))}`),
    ...witness.given,
    `the witness's ReplicationController: ${object.slice(0, 1_500)}`,
    ...masters.flatMap((master, index) => [
      `log of ${master}:`,
      ...telling(logs[index] ?? '').map((line) => `  ${line}`),
    ]),
  ];
}

const of =
  (wanted: string) =>
  ({ role }: { readonly role: string }): boolean =>
    role === wanted;

const describe = (seen: unknown): string => (seen ? JSON.stringify(seen) : 'none');

/** The last lines that warn, or tell of a lead or of an etcd member; etcd's own warnings, which are many, get a quarter of the room. */
export function telling(log: string): string[] {
  const lines = log.split('\n').map((line, at) => ({ at, line: line.slice(0, longestLine) }));
  const etcd = lines.filter(
    ({ line }) => line.startsWith('[etcd]') && /"level":"(?!info|debug)|\belected\b|lost leader/.test(line),
  );
  const others = lines.filter(
    ({ line }) =>
      !line.startsWith('[etcd]') && /"level":"(?!info|debug)|"lease"|"member"|^(?!\[[\w-]+\] \{)./.test(line),
  );
  const chosen = [...etcd.slice(-shownLines / 4), ...others.slice((-shownLines * 3) / 4)];
  return chosen.toSorted((a, b) => a.at - b.at).map(({ line }) => line);
}
