/**
 * Masters come, go and are restarted while the cluster serves: each step waits until the one before has taken hold, and nothing is
 * begun that would leave too few members. What may be done is decided in `membership.ts`, how in `fleet.ts`.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fleet } from './fleet.ts';
import { UserError } from './install.ts';
import { type Machine, type MasterState, statesOf } from './machines.ts';
import { type SeenMaster, sizeAdvice, whyNotAdd, whyNotRemove, whyNotRestart } from './membership.ts';
import type { Progress } from './progress.ts';

export interface Change {
  readonly fleet: Fleet;
  readonly progress: Progress;
  /** For each wait. */
  readonly timeoutMs: number;
}

const pollMs = 250;
/** So long a master must have been well before the next one ends: by then every balancer has seen it (they check each second). */
const steadyMs = 2_000;

/** So long after the loss of its leader etcd surely has another: several times what an election takes. */
const electionMs = 5_000;

export type FoundMaster = SeenMaster & { readonly leads: boolean };

/** Every master of the configuration, and every member that only etcd knows. */
export async function seenMasters(fleet: Fleet): Promise<readonly FoundMaster[]> {
  const machines = await fleet.machines();
  return seen(machines, await statesOf(machines));
}

function seen(machines: readonly Machine[], states: ReadonlyMap<string, MasterState>) {
  const [agreed] = [...states.values()].filter(({ hasMajority }) => hasMajority);
  const voters = (agreed?.members ?? [])
    .filter(({ isLearner, clientUrls }) => !isLearner && clientUrls.length > 0)
    .map(({ name }) => name);
  const names = new Set([...machines.map(({ name }) => name), ...voters]);
  return [...names].map((name) => ({
    name,
    votes: voters.includes(name),
    answers: states.get(name)?.hasMajority === true,
    leads: states.get(name)?.leads === true,
  }));
}

/** Throws a UserError that says why not, or what it was that did not come about in time. */
export async function addMaster({ fleet, progress, timeoutMs }: Change, name: string): Promise<void> {
  const before = await allowed(fleet, progress, (masters) => whyNotAdd(name, masters));
  await progress.step(`Making keys for ${name}, and starting it`, 3, () => fleet.add(name));
  await progress.step(`Waiting until ${name} has the data, votes and serves`, 10, (report) =>
    untilWell(fleet, name, timeoutMs, report),
  );
  tell(progress, before.length + 1, `${name} is a master now.`);
}

export async function removeMaster({ fleet, progress, timeoutMs }: Change, name: string): Promise<void> {
  const before = await allowed(fleet, progress, (masters) => whyNotRemove(name, masters));
  const machines = await fleet.machines();
  const voters = before.filter(({ votes }) => votes);
  const others = machines.filter((machine) => machine.name !== name);
  const takeOut = (): Promise<void> =>
    progress.step(`Taking ${name} out of the members of etcd`, 1, (report) =>
      until(timeoutMs, report, async () => {
        const answering = before.filter((each) => each.answers && each.name !== name);
        const asked = others.find((machine) => answering.some((each) => each.name === machine.name));
        if (!asked) return 'no other master answers';
        await asked.etcd('remove', name);
        return undefined;
      }),
    );
  if (before.some((each) => each.name === name && each.leads)) {
    await progress.step('Having another member lead etcd', 1, async () => {
      await machines.find((machine) => machine.name === name)?.etcd('hand-over');
    });
  }
  const isRunning = machines.some((machine) => machine.name === name);
  // Of two members the one that is left could not agree alone that the other goes.
  if (voters.length <= 2) await takeOut();
  if (isRunning) await progress.step(`Stopping ${name}: its leads go to others first`, 3, () => fleet.stop(name));
  if (voters.length > 2) await takeOut();
  if (isRunning) await progress.step(`Deleting the data and keys of ${name}`, 2, () => fleet.remove(name));
  tell(progress, before.length - 1, `${name} is no master any more.`);
}

/** Restarts every master, or those that are named, one after the other: that of etcd's leader last. */
export async function rollMasters({ fleet, progress, timeoutMs }: Change, names: readonly string[]): Promise<void> {
  const before = await seenMasters(fleet);
  const unknown = names.find((name) => !before.some((each) => each.name === name));
  if (unknown) throw new UserError(`there is no ${unknown}`);
  const chosen = before.filter(({ name }) => names.length === 0 || names.includes(name));
  const inTurn = chosen.toSorted((a, b) => Number(a.leads) - Number(b.leads)).map(({ name }) => name);
  if (before.length === 1) progress.note('There is one master only: nobody serves while it restarts.');
  for (const [place, name] of inTurn.entries()) {
    await allowed(fleet, progress, (masters) => whyNotRestart(name, masters));
    const title = `${name} (${place + 1} of ${inTurn.length})`;
    await progress.step(`Stopping ${title}: its leads go to others first`, 3, () => fleet.stop(name));
    await progress.step(`Starting ${title}, until it has caught up and serves`, 8, async (report) => {
      await fleet.start(name);
      await untilWell(fleet, name, timeoutMs, report);
    });
  }
  progress.note(`Restarted: ${inTurn.join(', ')}.`);
}

async function untilWell(
  fleet: Fleet,
  name: string,
  timeoutMs: number,
  report: (detail: string) => void,
): Promise<void> {
  let wellAt: number | undefined;
  await until(timeoutMs, report, async () => {
    const missing = await whatIsMissing(fleet, name).catch((error: unknown) => {
      wellAt = undefined;
      throw error;
    });
    if (missing !== undefined) {
      wellAt = undefined;
      return missing;
    }
    wellAt ??= performance.now();
    return performance.now() - wellAt < steadyMs ? 'serves' : undefined;
  });
}

async function whatIsMissing(fleet: Fleet, name: string): Promise<string | undefined> {
  const trouble = await fleet.trouble(name);
  if (trouble !== undefined) return trouble;
  const own = (await seenMasters(fleet)).find((each) => each.name === name);
  if (!own?.answers) return 'its member of etcd does not answer yet';
  return own.votes ? undefined : 'its member of etcd is catching up';
}

/** Looks until nothing is missing; `look` says what is. A UserError means that it cannot be seen yet. */
async function until(
  timeoutMs: number,
  report: (detail: string) => void,
  look: () => Promise<string | undefined>,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const missing = await look().catch((error: unknown) => {
      if (error instanceof UserError) return error.message;
      throw error;
    });
    if (missing === undefined) return;
    report(missing);
    if (Date.now() > deadline) throw new UserError(`It was not so in time: ${missing}. The masters' logs say more.`);
    await sleep(pollMs);
  }
}

/**
 * The masters, when they allow a change; else throws a UserError that says why not. Members that do not answer are given time to
 * elect a leader: none does while there is none.
 */
async function allowed(
  fleet: Fleet,
  progress: Progress,
  whyNot: (masters: readonly SeenMaster[]) => string | undefined,
): Promise<readonly FoundMaster[]> {
  const found = await seenMasters(fleet);
  const why = whyNot(found);
  if (why === undefined) return found;
  const alsoIfAllWereWell = whyNot(found.map((each) => ({ ...each, votes: true, answers: true })));
  const refused = (reason: string): UserError => new UserError(`Nothing was changed: ${reason}`);
  if (alsoIfAllWereWell !== undefined) throw refused(why);
  return progress.step('Waiting for the members of etcd to answer', electionMs / 1_000, async () => {
    const deadline = performance.now() + electionMs;
    for (;;) {
      await sleep(pollMs);
      const masters = await seenMasters(fleet);
      const reason = whyNot(masters);
      if (reason === undefined) return masters;
      if (performance.now() > deadline) throw refused(reason);
    }
  });
}

function tell(progress: Progress, size: number, done: string): void {
  progress.note([done, sizeAdvice(size)].filter(Boolean).join(' '));
}
