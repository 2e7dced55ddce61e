/** Masters come, go and are restarted under load, by the commands of an operator: no request fails, and nothing is lost. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { serveControl } from '../../../compose/local/control.ts';
import { type LocalCluster, startLocalCluster } from '../../../compose/local-cluster.ts';
import { EtcdClient, etcdCredentials } from '../../../master/etcd/client.ts';
import { SteadyClient } from '../../support/steady-client.ts';
import { within } from '../../support/within.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'trimaster-masters-'));
const root = join(import.meta.dirname, '../../..');
const end = new AbortController();
let cluster: LocalCluster;

test.before(async () => {
  cluster = await startLocalCluster({ dataDir, nodes: 1 });
  await serveControl(cluster, dataDir, end.signal);
});

test.after.always(async () => {
  end.abort();
  await cluster?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

/** Runs one of the commands, and gives what it said and whether it succeeded. */
async function operator(main: 'masters' | 'roll', ...args: string[]): Promise<{ ok: boolean; said: string }> {
  const command = [join(root, 'compose', `${main}.ts`), '--local', dataDir, ...args];
  return promisify(execFile)(process.execPath, command, { cwd: root }).then(
    ({ stdout }) => ({ ok: true, said: stdout }),
    (error: { stdout: string; stderr: string }) => ({ ok: false, said: `${error.stdout}${error.stderr}` }),
  );
}

/** What writers and readers saw while something was done: no failure, and every write that was acknowledged. */
async function underLoad(t: ExecutionContext, name: string, work: () => Promise<void>): Promise<void> {
  const clients = [0, 1, 2].map((number) => new SteadyClient(cluster.kubeconfig, `${name}-${number}`));
  try {
    await work();
  } finally {
    for (const client of clients) {
      const { written, kept } = await client.stop();
      t.log(`${client.writes} writes, ${client.reads} reads, longest gap ${Math.round(client.longestGapMs)} ms`);
      t.deepEqual(client.failures, []);
      t.is(kept, written);
    }
  }
}

async function voters(): Promise<string[]> {
  const master = cluster.masters.at(-1);
  if (!master) throw new Error('there is no master');
  const credentials = etcdCredentials(join(cluster.pkiDir, master.name));
  const { members } = await new EtcdClient(`https://localhost:${master.ports.etcdClient}`, credentials).members(
    true,
    3_000,
  );
  return members.filter(({ isLearner }) => !isLearner).map(({ name }) => name);
}

/** The masters that the balancer sends clients to. */
async function balanced(): Promise<number> {
  const state = await (await fetch(`${cluster.balancerAdmin}/state`)).json();
  const { backends } = state as { backends: { health: string }[] };
  return backends.filter(({ health }) => health === 'up').length;
}

test.serial('two masters are added and one of the first is removed while clients go on', async (t) => {
  await underLoad(t, 'resized', async () => {
    const fourth = await operator('masters', 'add');
    t.true(fourth.ok, fourth.said);
    t.regex(fourth.said, /master-4 is a master now\. 4 masters survive the loss of 1, no more than 3 do/);
    const fifth = await operator('masters', 'add', 'master-5');
    t.true(fifth.ok, fifth.said);
    t.deepEqual((await voters()).toSorted(), ['master-1', 'master-2', 'master-3', 'master-4', 'master-5']);
    await within(15, balanced, (count) => count === 5);
    const gone = await operator('masters', 'remove', 'master-1');
    t.true(gone.ok, gone.said);
  });
  t.deepEqual((await voters()).toSorted(), ['master-2', 'master-3', 'master-4', 'master-5']);
  t.false(existsSync(join(dataDir, 'master-1')));
  const listed = await operator('masters', 'list');
  t.regex(listed.said, /^master-2: answers, votes/m);
  t.notRegex(listed.said, /master-1/);
});

test.serial('a master is not removed when the others would be too few', async (t) => {
  const [away, staying] = cluster.masters.toReversed();
  if (!away || !staying) throw new Error('there are no two masters');
  away.kill('SIGKILL');
  await away.exited;
  const refused = await operator('masters', 'remove', staying.name);
  t.false(refused.ok);
  t.regex(refused.said, /Nothing was changed: without master-4 only 2 of the other members would answer/);
  // The dead one itself can go.
  const removed = await operator('masters', 'remove', away.name);
  t.true(removed.ok, removed.said);
  t.deepEqual((await voters()).toSorted(), ['master-2', 'master-3', 'master-4']);
});

test.serial('all masters are restarted in turn while clients go on', async (t) => {
  const pids = cluster.masters.map(({ pid }) => pid);
  await underLoad(t, 'rolled', async () => {
    const rolled = await operator('roll');
    t.true(rolled.ok, rolled.said);
    t.log(rolled.said.trim().split('\n').at(-1));
  });
  t.true(cluster.masters.every(({ pid }, place) => pid !== undefined && pid !== pids[place]));
});
