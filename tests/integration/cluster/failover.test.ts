/** Takeover on a local cluster: processes are killed one by one and by the master; every loop goes on elsewhere. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type LocalCluster, type LocalMaster, startLocalCluster } from '../../../compose/local-cluster.ts';
import { ApiClient } from '../../support/api-client.ts';
import { within } from '../../support/within.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'trimaster-failover-'));
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

type LeaseName = 'kube-scheduler' | 'kube-controller-manager';
interface Lease {
  spec: { holderIdentity: string; leaseTransitions: number };
}

const lease = (name: LeaseName): Promise<Lease> =>
  api.json('GET', `/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/${name}`);

async function leaderOf(name: LeaseName): Promise<LocalMaster> {
  const { spec } = await within(
    15,
    () => lease(name),
    ({ spec }) => spec.holderIdentity !== '',
  );
  const leader = cluster.masters.find((master) => spec.holderIdentity.startsWith(master.name));
  if (!leader) throw new Error(`no master is ${spec.holderIdentity}`);
  return leader;
}

/** A new ReplicationController has its pods bound: both loops act. */
async function bothLoopsAct(name: string, replicas: number): Promise<void> {
  const template = {
    metadata: { labels: { app: name } },
    spec: { containers: [{ name: 'main', image: 'trimaster/echo:1' }] },
  };
  const body = {
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata: { name },
    spec: { replicas, selector: { app: name }, template },
  };
  await within(
    15,
    () => api.send('POST', '/api/v1/namespaces/default/replicationcontrollers', body),
    ({ status }) => status === 201 || status === 409,
  );
  await within(
    20,
    () => podsOf(name),
    (pods) => pods.length === replicas && pods.every(({ spec }) => spec.nodeName !== undefined),
  );
}

async function podsOf(
  name: string,
): Promise<{ metadata: { name: string; deletionTimestamp?: string }; spec: { nodeName?: string } }[]> {
  const path = `/api/v1/namespaces/default/pods?labelSelector=app%3D${name}`;
  return (await api.json<{ items: Awaited<ReturnType<typeof podsOf>> }>('GET', path)).items;
}

for (const [name, component] of [
  ['kube-scheduler', 'scheduler'],
  ['kube-controller-manager', 'controllerManager'],
] as const) {
  test.serial(`killed alone, the acting ${name} is followed by another instance within 5 s`, async (t) => {
    const before = await lease(name);
    const leader = await leaderOf(name);
    const fromMs = performance.now();
    leader[component].kill('SIGKILL');
    const after = await within(
      5,
      () => lease(name),
      ({ spec }) => spec.leaseTransitions > before.spec.leaseTransitions,
    );
    t.log(`taken over by ${after.spec.holderIdentity} after ${Math.round(performance.now() - fromMs)} ms`);
    t.not(after.spec.holderIdentity, before.spec.holderIdentity);
    await bothLoopsAct(`after-${name}`, 2);
  });
}

test.serial(
  'the master that leads is killed: both loops act again within 5 s, and it rejoins with its data',
  async (t) => {
    const leader = await leaderOf('kube-controller-manager');
    const before = await lease('kube-controller-manager');
    const fromMs = performance.now();
    leader.kill('SIGKILL');
    await leader.exited;
    await within(
      5,
      () => lease('kube-controller-manager'),
      ({ spec }) => spec.leaseTransitions > before.spec.leaseTransitions,
    );
    t.log(`taken over after ${Math.round(performance.now() - fromMs)} ms`);
    await bothLoopsAct('after-master', 4);
    leader.start();
    await cluster.ready();
    t.is((await podsOf('after-master')).length, 4);
  },
);

test.serial('a write with the fence of an older generation is refused, and changes nothing', async (t) => {
  const { spec } = await lease('kube-scheduler');
  const { clusters, users } = (await import('yaml')).parse(
    (await import('node:fs')).readFileSync(cluster.kubeconfig, 'utf8'),
  );
  const { Agent, request } = await import('undici');
  const text = (data: string): string => Buffer.from(data, 'base64').toString();
  const dispatcher = new Agent({
    connect: {
      ca: text(clusters[0].cluster['certificate-authority-data']),
      cert: text(users[0].user['client-certificate-data']),
      key: text(users[0].user['client-key-data']),
    },
  });
  const write = async (name: string, generation: number): Promise<number> => {
    const { statusCode, body } = await request(`${cluster.url}/api/v1/namespaces/default/configmaps`, {
      dispatcher,
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-trimaster-fence': `kube-system/kube-scheduler=${generation}` },
      body: JSON.stringify({ metadata: { name } }),
    });
    await body.dump();
    return statusCode;
  };
  t.is(await write('fenced-old', spec.leaseTransitions - 1), 409);
  t.is(await write('fenced-now', spec.leaseTransitions), 201);
  t.is((await api.send('GET', '/api/v1/namespaces/default/configmaps/fenced-old')).status, 404);
  await dispatcher.close();
});

test.serial('all three masters are killed and started: everything is there again', async (t) => {
  const before = (await podsOf('after-master')).map(({ metadata }) => metadata.name).toSorted();
  for (const master of cluster.masters) master.kill('SIGKILL');
  await Promise.all(cluster.masters.map((master) => master.exited));
  for (const master of cluster.masters.toReversed()) master.start();
  await cluster.ready();
  t.deepEqual((await podsOf('after-master')).map(({ metadata }) => metadata.name).toSorted(), before);
  await bothLoopsAct('after-all', 2);
});

test.serial('a node that dies is tainted and its pods are replaced; started again it is Ready', async (t) => {
  await bothLoopsAct('moving', 4);
  const dead = cluster.nodes[0];
  if (!dead) throw new Error('the cluster has no node');
  dead.kill('SIGKILL');
  await dead.exited;
  const fromMs = performance.now();
  await within(
    30,
    () => podsOf('moving'),
    (pods) =>
      pods.filter(({ metadata, spec }) => spec.nodeName !== dead.name && !metadata.deletionTimestamp).length === 4,
  );
  t.log(`replaced after ${Math.round(performance.now() - fromMs)} ms`);
  const { spec } = await api.json<{ spec: { taints: { key: string; effect: string }[] } }>(
    'GET',
    `/api/v1/nodes/${dead.name}`,
  );
  t.true(spec.taints.some(({ key, effect }) => key === 'node.kubernetes.io/unreachable' && effect === 'NoExecute'));
  dead.start();
  await cluster.ready();
  await within(
    20,
    () => podsOf('moving'),
    (pods) => pods.length === 4 && pods.every(({ metadata }) => !metadata.deletionTimestamp),
  );
});
