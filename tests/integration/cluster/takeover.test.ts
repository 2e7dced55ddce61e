/** Takeover on a local cluster where processes are paused instead of killed, and where they are released at once when they are. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type LocalCluster, type LocalMaster, startLocalCluster } from '../../../compose/local-cluster.ts';
import { defaultTimings } from '../../../master/api/election.ts';
import { ApiClient } from '../../support/api-client.ts';
import { pause } from '../../support/paused.ts';
import { within } from '../../support/within.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'trimaster-takeover-'));
let cluster: LocalCluster;
let api: ApiClient;

test.before(async () => {
  cluster = await startLocalCluster({ dataDir });
  api = new ApiClient(cluster.kubeconfig, { timeoutMs: 3_000 });
});

test.after.always(async () => {
  await api?.close();
  await cluster?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

const loops = [
  { lease: 'kube-scheduler', component: 'scheduler' },
  { lease: 'kube-controller-manager', component: 'controllerManager' },
] as const;
type Loop = (typeof loops)[number];

interface Leadership {
  readonly leader: LocalMaster;
  readonly generation: number;
}

/** Who leads, in a generation after the given one. */
async function leadership({ lease }: Loop, after = 0): Promise<Leadership> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/${lease}`;
  const { spec } = await within(
    10,
    () => api.json<{ spec: { holderIdentity: string; leaseTransitions: number } }>('GET', path),
    ({ spec }) => spec.holderIdentity !== '' && spec.leaseTransitions > after,
  );
  const leader = cluster.masters.find(({ name }) => spec.holderIdentity.startsWith(`${name}_`));
  if (!leader) throw new Error(`no master is ${spec.holderIdentity}`);
  return { leader, generation: spec.leaseTransitions };
}

/** What a process says of itself, past the API. */
async function ask(master: LocalMaster, { component }: Loop, path: '/leader' | '/metrics'): Promise<string> {
  return (await fetch(`http://127.0.0.1:${master.ports[component]}${path}`)).text();
}

const says = async (master: LocalMaster, loop: Loop): Promise<{ isSelf: boolean; generation: number }> =>
  JSON.parse(await ask(master, loop, '/leader'));

/** A new ReplicationController has its pods bound: both loops act. */
async function bothLoopsAct(name: string): Promise<void> {
  const selector = { app: name };
  const template = {
    metadata: { labels: selector },
    spec: { containers: [{ name: 'main', image: 'trimaster/echo:1' }] },
  };
  const body = { metadata: { name }, spec: { replicas: 3, selector, template } };
  await within(
    15,
    () => api.send('POST', '/api/v1/namespaces/default/replicationcontrollers', body),
    ({ status }) => status === 201 || status === 409,
  );
  await within(
    15,
    () =>
      api.json<{ items: { spec: { nodeName?: string } }[] }>(
        'GET',
        `/api/v1/namespaces/default/pods?labelSelector=app%3D${name}`,
      ),
    ({ items }) => items.length === 3 && items.every(({ spec }) => spec.nodeName),
  );
}

for (const loop of loops) {
  test.serial(
    `a paused ${loop.lease} is followed by another; awake again it stands by, and was not started again`,
    async (t) => {
      const { leader, generation } = await leadership(loop);
      const paused = leader[loop.component];
      const { pid } = paused;
      await pause(pid);
      t.teardown(() => paused.resume());
      const next = await leadership(loop, generation);
      t.not(next.leader, leader);
      await bothLoopsAct(`paused-${loop.lease}`);
      paused.resume();
      await within(
        10,
        () => says(leader, loop),
        ({ isSelf, generation }) => !isSelf && generation >= next.generation,
      );
      t.is(paused.pid, pid);
      t.is((await leadership(loop)).generation, next.generation, 'the new leader was disturbed');
    },
  );

  test.serial(
    `killed alone, the acting ${loop.lease} is followed by another before its lease has run out`,
    async (t) => {
      const { leader, generation } = await leadership(loop);
      leader[loop.component].kill('SIGKILL');
      const next = await leadership(loop, generation);
      await bothLoopsAct(`killed-${loop.lease}`);
      const metrics = await ask(next.leader, loop, '/metrics');
      const part = (name: string): number =>
        Number(
          new RegExp(`^trimaster_takeover_seconds\\{lease="${loop.lease}",part="${name}"\\} (\\S+)`, 'm').exec(
            metrics,
          )?.[1],
        );
      for (const name of ['detected', 'elected', 'synced', 'firstAction']) t.true(part(name) >= 0, name);
      // What is detected is the release by the supervisor: the new leader did not wait for anything.
      t.true(part('detected') * 1_000 < defaultTimings.leaseDurationMs - defaultTimings.retryPeriodMs);
      await cluster.ready();
    },
  );
}

test.serial(
  'a whole master is paused: both loops act elsewhere; awake again it stands by with the same processes',
  async (t) => {
    const scheduler = await leadership(loops[0]);
    const { leader } = scheduler;
    const pids = [leader.etcd.pid, leader.apiserver.pid, leader.scheduler.pid, leader.controllerManager.pid];
    leader.pause();
    t.teardown(() => leader.resume());
    const next = await leadership(loops[0], scheduler.generation);
    t.not(next.leader, leader);
    await bothLoopsAct('master-paused');
    leader.resume();
    await cluster.ready();
    await within(
      10,
      () => says(leader, loops[0]),
      ({ isSelf }) => !isSelf,
    );
    t.deepEqual([leader.etcd.pid, leader.apiserver.pid, leader.scheduler.pid, leader.controllerManager.pid], pids);
    t.is((await leadership(loops[0])).generation, next.generation);
  },
);

test.serial('the API server of the leading master is paused alone: the leader goes on through another', async (t) => {
  const { leader, generation } = await leadership(loops[0]);
  await pause(leader.apiserver.pid);
  t.teardown(() => leader.apiserver.resume());
  const fromMs = performance.now();
  await bothLoopsAct('server-paused');
  t.log(`both loops acted ${Math.round(performance.now() - fromMs)} ms after it was paused`);
  t.like(await says(leader, loops[0]), { isSelf: true, generation });
  leader.apiserver.resume();
  await cluster.ready();
});
