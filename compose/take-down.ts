/** The way down, with or without the data. Safe to repeat. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { removeOverride } from './override.ts';
import { createProgress } from './progress.ts';
import { compose, projectFrom, root } from './project.ts';
import { CommandFailed, which } from './system.ts';

export async function takeDown({ withData }: { withData: boolean }): Promise<void> {
  const progress = createProgress({ output: process.stdout, memory: join(root, '.cache/start-times.json') });
  const project = projectFrom();
  if (!which('docker')) {
    progress.note('Docker is not there, so nothing runs.');
    return;
  }
  try {
    const title = withData ? 'Taking the cluster down and deleting its data' : 'Taking the cluster down';
    // Nobody waits for a pod's grace when the data goes.
    const how = withData ? ['--volumes', '--timeout=1'] : [];
    await progress.step(title, 5, (report) =>
      compose(project, ['down', '--remove-orphans', ...how], {
        onLine: (line) => {
          const match = /^\s*(?:Container|Network|Volume) (\S+)\s+(\w+)/.exec(line);
          if (match) report(`${match[1]} ${match[2]}`);
        },
      }),
    );
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    progress.note(error.message);
    process.exitCode = 1;
    return;
  }
  if (withData) {
    rmSync(project.kubeconfig, { force: true });
    removeOverride(project);
  }
  progress.note(withData ? 'All data is deleted.' : 'The data is kept: npm start brings the cluster back.');
}
