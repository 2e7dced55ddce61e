/**
 * The commands that look after a member, run beside its master: in its container, or on its machine.
 *
 *   node master/etcd/main.ts save [FILE]     saves a snapshot
 *   node master/etcd/main.ts status FILE     checks one and says what is in it
 *   node master/etcd/main.ts state           what this master has, and the members as it sees them
 *   node master/etcd/main.ts restore FILE    begins a new cluster with a snapshot's data, this master its first member
 *   node master/etcd/main.ts recover         the same with this member's own data, after a majority was lost
 *   node master/etcd/main.ts rejoin          gives up this member's data and joins the cluster of the others
 *   node master/etcd/main.ts cancel          takes an order back that could not be carried out yet
 *   node master/etcd/main.ts hand-over       has another member lead, if this one does
 *   node master/etcd/main.ts remove NAME     takes another master's member out of the cluster
 *
 * Restore to cancel tell the running master, which does it: `compose/snapshot.ts` tells all masters in the right order.
 */
import { copyFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { command, runMain, wholeNumber } from '../api/flags.ts';
import { EtcdClient, type EtcdCredentials, etcdCredentials } from './client.ts';
import { handOver } from './hand-over.ts';
import { hasData } from './member.ts';
import { type Order, readIdentity, readOrder, removeOrder, writeOrder } from './order.ts';
import { endProcess, type MemberSettings, readSettings, requireRunning } from './settings.ts';
import { checkSnapshot, pruneSnapshots, saveSnapshot, snapshotDir, snapshotName } from './snapshot.ts';

interface Flags {
  dataDir: string;
  keep?: number;
  token?: string;
  givenUp?: string;
}

const timeoutMs = 5_000;
const print = (value: unknown): unknown => process.stdout.write(`${JSON.stringify(value)}\n`);

const program = command('etcd', 'Looks after the etcd member of the master that runs here.').option(
  '--data-dir <dir>',
  "the master's data directory",
  '/var/lib/trimaster',
);

program
  .command('save [file]')
  .description("saves a snapshot; without a file, among those that the master keeps in its data directory's snapshots/")
  .option('--keep <count>', 'delete all but the newest so many of those', wholeNumber)
  .action((file: string | undefined) => run('save', (flags, signal) => save(flags, file, signal)));
program
  .command('status <file>')
  .description('checks a snapshot: its size, its hash, its keys and its revision')
  .action((file: string) => run('status', async () => print(await checkSnapshot(file))));
program
  .command('state')
  .description('says what this master has and was told, and lists the members of its cluster')
  .action(() => run('state', async ({ dataDir }) => print(await state(dataDir))));
program
  .command('restore <file>')
  .description('begins a new cluster with the data of a snapshot; the other masters have to rejoin')
  .option('--token <text>', 'tells this restore apart from others')
  .action((file: string) => run('restore', (flags) => restore(flags, file)));
program
  .command('recover')
  .description('begins a new cluster with the data of this member, when a majority of the members is lost')
  .option('--token <text>', 'tells this recovery apart from others')
  .action(() => run('recover', async (flags) => recover(flags)));
program
  .command('rejoin')
  .description('puts the data of this member aside and joins the cluster of the others as a new member')
  .option('--given-up <cluster>', 'the cluster that is not to be joined; this member is of it, if left out')
  .action(() => run('rejoin', async (flags) => rejoin(flags)));
program
  .command('cancel')
  .description('takes back what this master was told, if it has not done it yet')
  .action(() => run('cancel', async ({ dataDir }) => cancel(dataDir)));

program
  .command('hand-over')
  .description('has another member lead, if this one does')
  .action(() => run('hand-over', ({ dataDir }) => passLead(dataDir)));
program
  .command('remove <name>')
  .description("takes another master's member out of the cluster; it must not run when there are more than two")
  .action((name: string) => run('remove', ({ dataDir }) => remove(dataDir, name)));

await program.parseAsync();

async function run(name: string, work: (flags: Flags, signal: AbortSignal) => Promise<unknown>): Promise<void> {
  const own = program.commands.find((each) => each.name() === name);
  await runMain(async (signal) => {
    try {
      await work({ ...program.opts<Flags>(), ...own?.opts<Partial<Flags>>() }, signal);
    } catch (error) {
      // What went wrong says itself what to do; where in the code it was noticed helps nobody here.
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
      process.exit(1);
    }
  });
}

async function save({ dataDir, keep }: Flags, file: string | undefined, signal: AbortSignal): Promise<void> {
  const settings = readSettings(dataDir);
  const dir = snapshotDir(dataDir);
  const client = await firstThatAnswers(settings);
  print(await saveSnapshot(client, resolve(file ?? join(dir, snapshotName())), signal));
  if (keep !== undefined) pruneSnapshots(dir, keep);
}

async function state(dataDir: string): Promise<unknown> {
  const settings = readSettings(dataDir);
  requireRunning(settings);
  const { member } = settings;
  const client = new EtcdClient(member.clientUrl, etcdCredentials(member.pkiDir));
  const agreed = await client.members(true, timeoutMs).catch(() => undefined);
  const known = agreed ?? (await client.members(false, timeoutMs).catch(() => undefined));
  return {
    name: member.name,
    hasData: hasData(member.dataDir),
    clusterId: known?.clusterId ?? readIdentity(dataDir)?.clusterId,
    order: readOrder(dataDir)?.kind,
    hasMajority: agreed !== undefined,
    leads: await client.status(timeoutMs).then(
      ({ leaderId, memberId }) => leaderId === memberId,
      () => false,
    ),
    members: known?.members ?? [],
  };
}

/** The own member before the others; one that has a majority behind it. */
async function firstThatAnswers({ member, clientUrls }: MemberSettings): Promise<EtcdClient> {
  const credentials: EtcdCredentials = etcdCredentials(member.pkiDir);
  const ownFirst = [member.clientUrl, ...clientUrls.filter((url) => url !== member.clientUrl)];
  const reasons: string[] = [];
  for (const url of ownFirst) {
    const client = new EtcdClient(url, credentials);
    try {
      await client.members(true, timeoutMs);
      return client;
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new Error(`no member of etcd answers: ${reasons.join('; ')}`);
}

async function restore({ dataDir, token = newToken() }: Flags, file: string): Promise<void> {
  readSettings(dataDir);
  const { sha256, revision } = await checkSnapshot(file);
  const snapshot = 'restore.db';
  copyFileSync(file, join(dataDir, snapshot));
  give(dataDir, { kind: 'restore', snapshot, sha256, token });
  print({ token, sha256, revision });
}

function recover({ dataDir, token = newToken() }: Flags): void {
  const { member } = readSettings(dataDir);
  if (!hasData(member.dataDir)) throw new Error(`there is no data of a member in ${member.dataDir} to go on from`);
  give(dataDir, { kind: 'recover', token });
  print({ token });
}

function rejoin({ dataDir, givenUp = readIdentity(dataDir)?.clusterId }: Flags): void {
  readSettings(dataDir);
  give(dataDir, { kind: 'rejoin', givenUp });
  print({ givenUp });
}

function give(dataDir: string, order: Order): void {
  writeOrder(dataDir, order);
  // Its supervisor starts it again, and looks at the order first.
  endProcess(dataDir, 'etcd', 'SIGTERM');
}

async function passLead(dataDir: string): Promise<void> {
  const { member } = readSettings(dataDir);
  const to = await handOver(new EtcdClient(member.clientUrl, etcdCredentials(member.pkiDir)), timeoutMs);
  print({ to });
}

async function remove(dataDir: string, name: string): Promise<void> {
  const settings = readSettings(dataDir);
  if (name === settings.member.name) throw new Error('a master does not remove itself: ask another one');
  const client = await firstThatAnswers(settings);
  const { members } = await client.members(true, timeoutMs);
  const gone = members.filter((member) => member.name === name);
  for (const { id } of gone) await client.removeMember(id, timeoutMs);
  print({ removed: gone.map(({ id }) => id) });
}

function cancel(dataDir: string): void {
  removeOrder(dataDir);
  print({});
}

function newToken(): string {
  return `trimaster-${new Date().toISOString().replaceAll(/[^0-9]/g, '')}`;
}
