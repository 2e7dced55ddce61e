/** The masters of a cluster as machines on which a command can be run: containers of the compose project, or a local cluster. */
import { copyFileSync, existsSync, readdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { UserError } from './install.ts';
import { mastersOf } from './override.ts';
import { compose, type Project, root } from './project.ts';
import { CommandFailed, run } from './system.ts';

export interface Machine {
  readonly name: string;
  /** Runs one of the commands of master/etcd/main.ts there, and gives the JSON that it prints. Throws a UserError with its words. */
  etcd<T>(...args: string[]): Promise<T>;
  /** Makes a file of this host readable there, and says under which path. */
  bring(file: string): Promise<string>;
  /** The other way. */
  fetch(path: string, to: string): Promise<void>;
  /** Where a file can be written there for a moment. */
  readonly scratch: string;
}

/** What `etcd/main.ts state` says of a master. */
export interface MasterState {
  readonly name: string;
  readonly hasData: boolean;
  readonly clusterId?: string;
  /** A majority agrees with what it says: so its member has caught up, too. */
  readonly hasMajority: boolean;
  readonly leads: boolean;
  readonly members: readonly { name: string; isLearner: boolean; clientUrls: readonly string[] }[];
}

/** By name, of those that run. */
export async function statesOf(machines: readonly Machine[]): Promise<Map<string, MasterState>> {
  const found = new Map<string, MasterState>();
  const look = async (machine: Machine): Promise<void> => {
    const state = await machine.etcd<MasterState>('state').catch((error: unknown) => {
      if (error instanceof UserError) return undefined;
      throw error;
    });
    if (state) found.set(machine.name, state);
  };
  await Promise.all(machines.map(look));
  return found;
}

/** The masters of a cluster that `npm run local` made in this directory; `known` if it says itself which there are. */
export function localMachines(dataDir: string, known?: readonly string[]): Machine[] {
  const dir = resolve(dataDir);
  const found = existsSync(dir) ? readdirSync(dir).filter((name) => /^master-\d+$/.test(name)) : [];
  const names = known ?? found.toSorted();
  if (names.length === 0) throw new UserError(`${dir} is not the data directory of a local cluster`);
  return names.map((name) => ({
    name,
    etcd: (...args) => asked(process.execPath, [etcdMain(root), '--data-dir', join(dir, name), ...args]),
    bring: async (file) => resolve(file),
    fetch: async (path, to) => copyFileSync(path, to),
    scratch: join(dir, name),
  }));
}

/** The masters of the compose project. */
export function composeMachines(project: Project): Machine[] {
  return mastersOf(project).map((name) => ({
    name,
    async etcd(...args) {
      return parsed(() => compose(project, ['exec', '-T', name, 'node', etcdMain('.'), ...args]));
    },
    async bring(file) {
      const there = `/tmp/${basename(file)}`;
      await compose(project, ['cp', resolve(file), `${name}:${there}`]);
      return there;
    },
    async fetch(path, to) {
      await compose(project, ['cp', `${name}:${path}`, resolve(to)]);
    },
    scratch: '/tmp',
  }));
}

const etcdMain = (from: string): string => join(from, 'master/etcd/main.ts');

function asked<T>(command: string, args: readonly string[]): Promise<T> {
  return parsed(() => run(command, args));
}

async function parsed<T>(work: () => Promise<string>): Promise<T> {
  try {
    return JSON.parse(await work());
  } catch (error) {
    if (error instanceof CommandFailed) throw new UserError(error.output.trim() || error.message);
    throw error;
  }
}
