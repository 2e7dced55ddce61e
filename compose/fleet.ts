/** The masters of a cluster as something that can grow, shrink and be restarted: the compose project, or a local cluster. */
import { resolve } from 'node:path';
import { troubleAt } from '../master/api/health-probe.ts';
import { UserError } from './install.ts';
import { type ControlledMaster, control } from './local/control.ts';
import { composeMachines, localMachines, type Machine } from './machines.ts';
import { mastersOf, usualMasters, writeOverride } from './override.ts';
import { compose, type Project } from './project.ts';
import { CommandFailed, run } from './system.ts';

export interface Fleet {
  /** As the configuration has them now. */
  machines(): Promise<readonly Machine[]>;
  /** What is not ready on a running master; undefined when all is. */
  trouble(name: string): Promise<string | undefined>;
  /** Makes its keys, names it to all masters, and starts it. */
  add(name: string): Promise<void>;
  /** Names it to the masters no more, ends it, and deletes its data. */
  remove(name: string): Promise<void>;
  /** Ends it in order; it may have been ended already. */
  stop(name: string): Promise<void>;
  /** Starts it, from what is built or checked out now. */
  start(name: string): Promise<void>;
}

const probeMs = 2_000;

/** Of a cluster that `npm run local` runs now with this data. */
export function localFleet(directory: string): Fleet {
  const dataDir = resolve(directory);
  const masters = () => control<ControlledMaster[]>(dataDir, 'list');
  return {
    async machines() {
      const names = (await masters()).map(({ name }) => name);
      return localMachines(dataDir, names);
    },
    async trouble(name) {
      const urls = (await masters()).find((each) => each.name === name)?.readyUrls ?? [];
      const answers = await Promise.all(urls.map((url) => troubleAt(url, probeMs)));
      return answers.find((each) => each !== undefined);
    },
    add: (name) => control(dataDir, 'add', name),
    remove: (name) => control(dataDir, 'remove', name),
    stop: (name) => control(dataDir, 'stop', name),
    start: (name) => control(dataDir, 'start', name),
  };
}

/** Of the compose project. Other services are left as they are. */
export function composeFleet(project: Project): Fleet {
  const quietly = async (args: readonly string[]): Promise<void> => {
    await compose(project, args);
  };
  // With what it depends on: left out of one `up`, that would be a change for the next.
  const up = (name: string): Promise<void> => quietly(['up', '--detach', '--no-build', name]);
  /**
   * The set-up of trust runs to its end: it makes what keys are missing, and names the masters to all of them. Its container is
   * made anew by itself, here: if the next `docker compose up` had to do that, it would restart all that depends on it.
   */
  const tellAll = async (masters: readonly string[]): Promise<void> => {
    writeOverride(project, masters);
    await up('pki');
    const code = (await run('docker', ['wait', `${project.name}-pki-1`])).trim();
    if (code !== '0') throw new UserError(`The keys could not be made: see docker compose logs pki`);
  };
  return {
    machines: async () => composeMachines(project),
    async trouble(name) {
      try {
        await compose(project, ['exec', '-T', name, 'node', 'master/main.ts', '--health']);
        return undefined;
      } catch (error) {
        if (error instanceof CommandFailed)
          return error.output
            .trim()
            .split('\n')
            .find((line) => !line.endsWith(': ok'));
        throw error;
      }
    },
    async add(name) {
      await tellAll(inOrder([...mastersOf(project), name]));
      await up(name);
    },
    async remove(name) {
      // The container of the keys has its volume, too.
      await quietly(['rm', '--stop', '--force', name, 'pki']);
      await run('docker', ['volume', 'rm', '--force', `${project.name}_${name}`, `${project.name}_pki-${name}`]);
      await tellAll(mastersOf(project).filter((each) => each !== name));
    },
    stop: (name) => quietly(['stop', name]),
    // Made anew when there is another image, otherwise started.
    start: up,
  };
}

function inOrder(masters: readonly string[]): string[] {
  const numberOf = (name: string): number => Number(name.replace(/^\D+/, ''));
  const all = new Set(masters);
  // The usual ones stay where compose.yaml has them.
  return [
    ...usualMasters.filter((name) => all.has(name)),
    ...masters.filter((name) => !usualMasters.includes(name)).toSorted((a, b) => numberOf(a) - numberOf(b)),
  ];
}
