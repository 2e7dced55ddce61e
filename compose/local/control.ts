/**
 * The way from another command to the process that runs a local cluster: a socket in its data directory, which only the cluster's
 * owner can open. Whoever asks gets the answer when the thing is done; what goes wrong is told in words.
 */
import { rmSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { join } from 'node:path';
import { aborted } from '../../master/api/clock.ts';
import { UserError } from '../install.ts';
import type { LocalCluster } from '../local-cluster.ts';

const socketOf = (dataDir: string): string => join(dataDir, 'control.sock');

/** A master as the process that runs it knows it. */
export interface ControlledMaster {
  readonly name: string;
  /** Where its processes say that they are ready. */
  readonly readyUrls: readonly string[];
}

type Verb = (cluster: LocalCluster, name: string) => Promise<unknown>;

const masterOf = (cluster: LocalCluster, name: string) => {
  const master = cluster.masters.find((each) => each.name === name);
  if (!master) throw new Error(`there is no ${name}`);
  return master;
};

const verbs: Readonly<Record<string, Verb>> = {
  list: async ({ masters }) =>
    masters.map(({ name, url, ports }): ControlledMaster => {
      const others = [ports.scheduler, ports.controllerManager].map((port) => `http://127.0.0.1:${port}/readyz`);
      return { name, readyUrls: [`${url}/readyz`, ...others] };
    }),
  add: async (cluster, name) => void (await cluster.addMaster(name)),
  remove: (cluster, name) => cluster.removeMaster(name),
  stop: (cluster, name) => masterOf(cluster, name).stop(),
  start: async (cluster, name) => masterOf(cluster, name).start(),
};

/** Listens until the signal is aborted. Rejects when it cannot. */
export async function serveControl(cluster: LocalCluster, dataDir: string, signal: AbortSignal): Promise<void> {
  const path = socketOf(dataDir);
  rmSync(path, { force: true });
  const server = createServer((asked, answer) => {
    const [, what = '', name = ''] = (asked.url ?? '').split('/');
    const verb = Object.hasOwn(verbs, what) ? verbs[what] : undefined;
    const done = verb ? verb(cluster, name) : Promise.reject(new Error(`${what} is not known here`));
    done.then(
      (result) => answer.end(JSON.stringify({ result })),
      (error: unknown) => answer.end(JSON.stringify({ error: error instanceof Error ? error.message : String(error) })),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  void aborted(signal).then(() => {
    server.close();
    server.closeAllConnections();
  });
}

/** Has the process that runs the cluster do something. Throws a UserError with its words, or when none runs. */
export async function control<T>(dataDir: string, verb: string, name = ''): Promise<T> {
  const socketPath = socketOf(dataDir);
  const text = await new Promise<string>((resolve, reject) => {
    const asked = request({ socketPath, path: `/${verb}/${name}`, method: 'POST' }, (answer) => {
      let all = '';
      answer.setEncoding('utf8').on('data', (piece: string) => {
        all += piece;
      });
      answer.on('end', () => resolve(all));
      answer.on('error', reject);
    });
    asked.on('error', reject);
    asked.end();
  }).catch((error: unknown) => {
    throw new UserError(`No local cluster runs with the data in ${dataDir}: start it with npm run local.`, {
      cause: error,
    });
  });
  const { result, error } = JSON.parse(text);
  if (error !== undefined) throw new UserError(error);
  return result;
}
