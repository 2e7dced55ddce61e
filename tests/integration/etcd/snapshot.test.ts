/** Snapshots and the ways back, by the commands that an operator uses, on a whole local cluster. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { type LocalCluster, type LocalMaster, startLocalCluster } from '../../../compose/local-cluster.ts';
import { ApiClient } from '../../support/api-client.ts';
import { within } from '../../support/within.ts';

const root = join(import.meta.dirname, '../../..');
const dataDir = mkdtempSync(join(tmpdir(), 'trimaster-snapshots-'));
const configMaps = '/api/v1/namespaces/default/configmaps';
const first = join(dataDir, 'first.db');
let cluster: LocalCluster;
let api: ApiClient;

test.before(async () => {
  cluster = await startLocalCluster({ dataDir, nodes: 1 });
  api = new ApiClient(cluster.kubeconfig, { timeoutMs: 5_000 });
});

test.after.always(async () => {
  await api?.close();
  await cluster?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

interface Outcome {
  readonly ok: boolean;
  readonly text: string;
}

async function ran(main: string, ...args: string[]): Promise<Outcome> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [join(root, main), ...args]);
    return { ok: true, text: stdout };
  } catch (error) {
    const said = error instanceof Error && 'stdout' in error && 'stderr' in error ? [error.stdout, error.stderr] : [];
    return { ok: false, text: `${said.join('')}` };
  }
}

/** As `npm run snapshot --` on this cluster. */
const snapshot = (...args: string[]): Promise<Outcome> => ran('compose/snapshot.ts', '--local', dataDir, ...args);

const volumeOf = ({ name }: LocalMaster): string => join(dataDir, name);

async function write(name: string): Promise<number> {
  const { text } = await within(
    15,
    () => api.send('POST', configMaps, { metadata: { name } }),
    ({ status }) => status === 201,
  );
  return Number(JSON.parse(text).metadata.resourceVersion);
}

interface Listed {
  readonly metadata: { readonly resourceVersion: string };
  readonly items: readonly { readonly metadata: { readonly name: string } }[];
}

/** What was written here, by name, and the list's revision. */
async function listed(): Promise<{ names: string[]; revision: number }> {
  const { metadata, items } = await api.json<Listed>('GET', configMaps);
  const names = items.map(({ metadata }) => metadata.name).filter((name) => name !== 'kube-root-ca.crt');
  return { names, revision: Number(metadata.resourceVersion) };
}

const isLearner = (member: { isLearner: boolean }): boolean => member.isLearner;

async function loseVolumes(masters: readonly LocalMaster[]): Promise<void> {
  for (const each of masters) each.kill('SIGKILL');
  await Promise.all(masters.map((each) => each.exited));
  for (const each of masters) rmSync(volumeOf(each), { recursive: true, force: true });
  for (const each of masters) each.start();
  const started = (each: LocalMaster): boolean => existsSync(join(volumeOf(each), 'run/etcd-member.json'));
  await within(
    15,
    () => masters.map(started),
    (all) => !all.includes(false),
  );
}

test.serial('a snapshot is saved, and one that is damaged is told from it', async (t) => {
  await write('kept');
  const saved = await snapshot('save', first);
  t.true(saved.ok, saved.text);
  const status = await snapshot('status', first);
  t.regex(status.text, /first\.db is whole: revision \d+, \d+ keys/);
  const damaged = join(dataDir, 'damaged.db');
  await snapshot('save', damaged);
  truncateSync(damaged, 4096);
  const refused = await snapshot('restore', damaged);
  t.false(refused.ok);
  t.regex(refused.text, /is no whole snapshot/);
  t.deepEqual((await listed()).names, ['kept']);
});

test.serial(
  'after the loss of every volume a snapshot brings all back, with revisions that nobody has seen',
  async (t) => {
    const seen = await write('later');
    await loseVolumes(cluster.masters);
    const fromMs = performance.now();
    const restored = await snapshot('restore', first);
    t.log(restored.text);
    t.true(restored.ok, restored.text);
    t.log(`restored after ${Math.round(performance.now() - fromMs)} ms`);
    await cluster.ready();
    const { names, revision } = await listed();
    t.deepEqual(names, ['kept']);
    t.true(revision > seen + 1_000_000, `${revision} after ${seen}`);
    const watch = await api.send('GET', `${configMaps}?watch=1&timeoutSeconds=1&resourceVersion=${seen}`);
    t.regex(watch.text, /"code":410/);
  },
);

test.serial(
  'with two of three masters gone the cluster goes on from the third, and they come back by themselves',
  async (t) => {
    await write('last');
    const [survivor, lost, away] = cluster.masters as [LocalMaster, LocalMaster, LocalMaster];
    away.kill('SIGKILL');
    await away.exited;
    await loseVolumes([lost]);
    const recovered = await snapshot('recover');
    t.log(recovered.text);
    t.true(recovered.ok, recovered.text);
    t.deepEqual((await listed()).names, ['kept', 'last']);
    t.true(readdirSync(volumeOf(survivor)).some((name) => name.startsWith('etcd.before-')));
    // It comes back with the data of the cluster that is no more.
    away.start();
    await cluster.ready();
    await within(
      30,
      async () => JSON.parse((await ran('master/etcd/main.ts', '--data-dir', volumeOf(away), 'state')).text),
      ({ hasMajority, members }) => hasMajority && members.length === 3 && !members.some(isLearner),
    );
    t.true(readdirSync(volumeOf(away)).some((name) => name.startsWith('etcd.before-')));
    t.deepEqual((await listed()).names, ['kept', 'last']);
    const nothingToDo = await snapshot('recover');
    t.false(nothingToDo.ok);
    t.regex(nothingToDo.text, /has a majority of the members behind it/);
  },
);
