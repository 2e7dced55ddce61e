/** Masters come, go and are restarted under load, by the commands of an operator: no request fails, and nothing is lost. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { serveControl } from '../../../compose/local/control.ts';
import { type LocalCluster, type LocalMaster, startLocalCluster } from '../../../compose/local-cluster.ts';
import { EtcdClient, etcdCredentials } from '../../../master/etcd/client.ts';
import { ApiClient } from '../../support/api-client.ts';
import { SteadyClient } from '../../support/steady-client.ts';
import { within } from '../../support/within.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'trimaster-masters-'));
const root = join(import.meta.dirname, '../../..');
const end = new AbortController();
let cluster: LocalCluster;
/** Of master-3, which stays. */
let firstPids: (number | undefined)[] = [];

test.before(async () => {
  cluster = await startLocalCluster({ dataDir, nodes: 1 });
  firstPids = cluster.masters.filter(({ name }) => name === 'master-3').flatMap(pidsOf);
  await serveControl(cluster, dataDir, end.signal);
});

test.after.always(async () => {
  end.abort();
  await cluster?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

/** Of the supervisor and its four. */
const pidsOf = ({ pid, etcd, apiserver, scheduler, controllerManager }: LocalMaster) => [
  pid,
  ...[etcd, apiserver, scheduler, controllerManager].map((each) => each.pid),
];

interface Lease {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly holderIdentity: string; readonly renewTime: string };
}

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

/** The masters that the balancer knows, with their health. */
async function balanced(): Promise<string[]> {
  const state = await (await fetch(`${cluster.balancerAdmin}/state`)).json();
  const { backends } = state as { backends: { name: string; health: string }[] };
  return backends.map(({ name, health }) => `${name} ${health}`);
}

const allUp = (...names: string[]): string => names.map((name) => `${name} up`).join();

test.serial('two masters are added and one of the first is removed while clients go on', async (t) => {
  await underLoad(t, 'resized', async () => {
    const fourth = await operator('masters', 'add');
    t.true(fourth.ok, fourth.said);
    t.regex(fourth.said, /master-4 is a master now\. 4 masters survive the loss of 1, no more than 3 do/);
    const fifth = await operator('masters', 'add', 'master-5');
    t.true(fifth.ok, fifth.said);
    t.deepEqual((await voters()).toSorted(), ['master-1', 'master-2', 'master-3', 'master-4', 'master-5']);
    const five = allUp('master-1', 'master-2', 'master-3', 'master-4', 'master-5');
    await within(15, balanced, (known) => known.join() === five);
    const gone = await operator('masters', 'remove', 'master-1');
    t.true(gone.ok, gone.said);
  });
  t.deepEqual((await voters()).toSorted(), ['master-2', 'master-3', 'master-4', 'master-5']);
  t.false(existsSync(join(dataDir, 'master-1')));
  // It is not thought to be down: it is gone.
  await within(15, balanced, (known) => known.join() === allUp('master-2', 'master-3', 'master-4', 'master-5'));
  const listed = await operator('masters', 'list');
  t.regex(listed.said, /^master-2: answers, votes/m);
  t.notRegex(listed.said, /master-1/);
});

test.serial('a master is not removed when the others would be too few', async (t) => {
  const [away, staying] = cluster.masters;
  if (!away || !staying) throw new Error('there are no two masters');
  away.kill('SIGKILL');
  await away.exited;
  const refused = await operator('masters', 'remove', staying.name);
  t.false(refused.ok);
  t.regex(refused.said, /Nothing was changed: without master-3 only 2 of the other members would answer/);
  // The dead one itself can go.
  const removed = await operator('masters', 'remove', away.name);
  t.true(removed.ok, removed.said);
  t.deepEqual((await voters()).toSorted(), ['master-3', 'master-4', 'master-5']);
  await within(15, balanced, (known) => known.join() === allUp('master-3', 'master-4', 'master-5'));
});

test.serial(
  'what runs on a master from before works on with those that came later, and was not started anew',
  async (t) => {
    const [old, ...added] = cluster.masters;
    if (!old) throw new Error('there is no master');
    t.is(old.name, 'master-3');
    t.deepEqual(pidsOf(old), firstPids);

    // Its API server reaches the store through their members.
    const direct = join(dataDir, 'direct.kubeconfig');
    writeFileSync(direct, readFileSync(cluster.kubeconfig, 'utf8').replace(cluster.url, old.url));
    const itself = new ApiClient(direct);
    t.teardown(() => itself.close());
    old.etcd.pause();
    try {
      t.truthy(await within(30, () => itself.json('GET', '/api/v1/namespaces/default'), Boolean));
    } finally {
      old.etcd.resume();
    }

    // Its scheduler and controller manager lead through their API servers.
    const api = new ApiClient(cluster.kubeconfig);
    t.teardown(() => api.close());
    const others = added.flatMap(({ scheduler, controllerManager }) => [scheduler, controllerManager]);
    const leases = async (): Promise<Lease[]> => {
      const path = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases';
      const list = await api.json<{ items: Lease[] }>('GET', path).catch(() => ({ items: [] }));
      return list.items.filter(({ metadata }) => /^kube-(scheduler|controller-manager)$/.test(metadata.name));
    };
    const heldSince = (timeMs: number) => (found: readonly Lease[]) =>
      found.length === 2 &&
      found.every(({ spec }) => spec.holderIdentity.startsWith(`${old.name}_`) && Date.parse(spec.renewTime) > timeMs);
    for (const other of others) other.pause();
    try {
      await within(30, leases, heldSince(0));
      old.apiserver.pause();
      await within(30, leases, heldSince(Date.now() + 2_000));
    } finally {
      for (const paused of [old.apiserver, ...others]) paused.resume();
    }
    t.deepEqual(pidsOf(old), firstPids);
  },
);

test.serial('all masters are restarted in turn while clients go on', async (t) => {
  const pids = cluster.masters.map(({ pid }) => pid);
  await underLoad(t, 'rolled', async () => {
    const rolled = await operator('roll');
    t.true(rolled.ok, rolled.said);
    t.log(rolled.said.trim().split('\n').at(-1));
  });
  t.true(cluster.masters.every(({ pid }, place) => pid !== undefined && pid !== pids[place]));
});
