/**
 * `npm run roll`: restarts the masters one after the other while the cluster serves. With --upgrade the images are built first, and
 * each master is made anew from them; a local cluster runs what is checked out, so every restart of it is an upgrade.
 */
import { join } from 'node:path';
import { command } from '../master/api/flags.ts';
import { rollMasters } from './change-masters.ts';
import { composeFleet, localFleet } from './fleet.ts';
import { ensureImages } from './images.ts';
import { UserError } from './install.ts';
import { createProgress } from './progress.ts';
import { projectFrom, root } from './project.ts';
import { CommandFailed } from './system.ts';

const program = command('npm run roll --', 'Restarts the masters one after the other while the cluster serves.')
  .argument('[masters...]', 'these only')
  .option('--upgrade', 'build the images first, and make each master anew from them')
  .option('--local <dir>', 'the cluster that npm run local runs with this directory, such as .local')
  .option('--timeout <seconds>', 'how long each step may take', Number, 120)
  .parse();
const { upgrade, local, timeout } = program.opts<{ upgrade?: boolean; local?: string; timeout: number }>();
const progress = createProgress({ output: process.stdout, memory: join(root, '.cache/roll-times.json') });
const project = projectFrom();
try {
  if (upgrade && !local) await ensureImages(project, progress);
  const fleet = local ? localFleet(local) : composeFleet(project);
  await rollMasters({ fleet, progress, timeoutMs: timeout * 1_000 }, program.args);
} catch (error) {
  if (!(error instanceof UserError || error instanceof CommandFailed)) throw error;
  progress.note(error.message);
  process.exitCode = 1;
}
