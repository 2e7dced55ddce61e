/**
 * Adds a master to a cluster that runs, and removes one.
 *
 *   npm run masters -- list             which masters there are, and how they are
 *   npm run masters -- add [NAME]       one more; the first free name if none is given
 *   npm run masters -- remove NAME      one less; refused when the others would be too few
 *
 * For the cluster of `npm run local` add `--local .local`.
 */
import { join } from 'node:path';
import { command } from '../master/api/flags.ts';
import { addMaster, type Change, removeMaster, seenMasters } from './change-masters.ts';
import { composeFleet, localFleet } from './fleet.ts';
import { UserError } from './install.ts';
import { nextName, sizeAdvice } from './membership.ts';
import { createProgress } from './progress.ts';
import { projectFrom, root } from './project.ts';
import { CommandFailed } from './system.ts';

const program = command('npm run masters --', 'Adds a master to a cluster that runs, and removes one.')
  .option('--local <dir>', 'the cluster that npm run local runs with this directory, such as .local')
  .option('--timeout <seconds>', 'how long each step may take', Number, 120);
program
  .command('list')
  .description('which masters there are, and how they are')
  .action(() => guided(list));
program
  .command('add [name]')
  .description('one more master; the first free name if none is given')
  .action((name: string | undefined) =>
    guided(async (change) => {
      const names = (await seenMasters(change.fleet)).map((each) => each.name);
      await addMaster(change, name ?? nextName(names));
    }),
  );
program
  .command('remove <name>')
  .description('one master less, its data deleted; refused when the others would be too few')
  .action((name: string) => guided((change) => removeMaster(change, name)));
await program.parseAsync();

async function guided(work: (change: Change) => Promise<void>): Promise<void> {
  const { local, timeout } = program.opts<{ local?: string; timeout: number }>();
  const progress = createProgress({ output: process.stdout, memory: join(root, '.cache/masters-times.json') });
  try {
    const fleet = local ? localFleet(local) : composeFleet(projectFrom());
    await work({ fleet, progress, timeoutMs: timeout * 1_000 });
  } catch (error) {
    if (!(error instanceof UserError || error instanceof CommandFailed)) throw error;
    progress.note(error.message);
    process.exitCode = 1;
  }
}

async function list({ fleet, progress }: Change): Promise<void> {
  const masters = await seenMasters(fleet);
  for (const { name, votes, answers, leads } of masters) {
    const words = [answers ? 'answers' : 'does not answer', votes ? 'votes' : 'does not vote', leads && 'leads etcd'];
    progress.note(`${name}: ${words.filter(Boolean).join(', ')}`);
  }
  const advice = sizeAdvice(masters.length);
  if (advice) progress.note(advice);
}
