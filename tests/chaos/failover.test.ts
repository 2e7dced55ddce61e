/**
 * The promise of the project, on the compose cluster with real containers: clients go on through the balancer all the time
 * while each master in turn is killed in the middle of a rollout, then a node. What counts is what the clients saw and what
 * is there in the end.
 */

import test, { type ExecutionContext } from 'ava';
import { ApiClient } from '../support/api-client.ts';
import { Random } from '../support/random.ts';
import { within } from '../support/within.ts';
import { ComposeCluster, masters } from './compose-cluster.ts';
import { etcdMembers } from './faults/etcd-gateway.ts';
import { Machines } from './faults/machines.ts';
import { judgeClients, judgeLeaders, summaryOf } from './judge.ts';
import { longestGaps } from './load/gaps.ts';
import { nowMs } from './load/history.ts';
import { Load } from './load/load.ts';
import { takeoverOf } from './oracles/leaders.ts';
import { isReady, type Pod, Settled } from './oracles/settled.ts';
import { roles } from './witness/messages.ts';
import { Witness } from './witness/witness.ts';

const replicas = 6;
const rcPath = '/api/v1/namespaces/default/replicationcontrollers/echo';

let cluster: ComposeCluster;
let api: ApiClient;
let machines: Machines;
let settled: Settled;
let witness: Witness;

test.before(async () => {
  cluster = await ComposeCluster.start();
  const { kubeconfig, project } = cluster;
  api = new ApiClient(kubeconfig, { timeoutMs: 3_000 });
  machines = new Machines(project);
  settled = new Settled(api, machines);
  witness = await Witness.start({ network: `${project}_cluster`, kubeconfig });
});

test.after.always(async () => {
  await witness?.stop();
  await api?.close();
  await cluster?.remove();
});

test.serial(
  'pods of a ReplicationController run on both nodes, and its Service answers from each of them',
  async (t) => {
    await cluster.kubectl('apply', '-f', 'compose/examples/echo.yaml');
    const pods = await within(60, runningPods, (found) => found.length === replicas);
    t.deepEqual([...new Set(pods.map(({ spec }) => spec.nodeName))].toSorted(), ['node-1', 'node-2']);
    await settled.workloads(20);
    await settled.serviceAnswers(20);
    t.pass();
  },
);

test.serial('a pod reaches the Service too, and its node port on every node, over TCP and UDP', async (t) => {
  await cluster.kubectl('patch', 'service', 'echo', '--type=merge', '-p', '{"spec":{"type":"NodePort"}}');
  const { spec } = await api.json<ServiceObject>('GET', '/api/v1/namespaces/default/services/echo');
  const nodes = await api.json<{ items: NodeObject[] }>('GET', '/api/v1/nodes');
  const addresses = nodes.items.map(
    ({ status }) => status.addresses.find(({ type }) => type === 'InternalIP')?.address,
  );
  const names = (await runningPods()).map(({ metadata }) => metadata.name);
  const ask = (...command: string[]): Promise<string> =>
    cluster.kubectl('exec', 'rc/echo', '--', ...command).then((answer) => answer.trim());
  for (const { protocol, port, nodePort } of spec.ports) {
    const places = [[spec.clusterIP, port] as const, ...addresses.map((address) => [address, nodePort] as const)];
    for (const [address, at] of places) {
      const answer = () =>
        protocol === 'UDP' ? ask('ask-udp', `${address}`, `${at}`) : ask('wget', '-qO-', `http://${address}:${at}`);
      await within(
        20,
        () => answer().catch(String),
        (said) => names.includes(said),
      );
    }
  }
  await cluster.kubectl('patch', 'service', 'echo', '--type=merge', '-p', '{"spec":{"type":"ClusterIP"}}');
  t.is(addresses.length, 2);
});

test.serial(
  "a pod finds its account's token, the authority and its namespace where clients look for them",
  async (t) => {
    const file = (name: string): Promise<string> =>
      cluster.kubectl('exec', 'rc/echo', '--', 'cat', `/var/run/secrets/kubernetes.io/serviceaccount/${name}`);
    t.is((await file('namespace')).trim(), 'default');
    t.regex(await file('ca.crt'), /^-----BEGIN CERTIFICATE-----/);
    const [, claims = ''] = (await file('token')).trim().split('.');
    t.is(JSON.parse(Buffer.from(claims, 'base64url').toString()).sub, 'system:serviceaccount:default:default');
  },
);

test.serial('nothing acknowledged is lost while each master and then a node is killed and started again', async (t) => {
  const load = new Load(cluster.kubeconfig, new Random(1));
  await load.start();
  const fromMs = nowMs();
  try {
    for (const [index, master] of masters.entries()) await killMaster(t, master, replicas + 1 + index, load);
    await killNode(t);
  } finally {
    await load.stop();
  }
  const { inconclusive, reads, writes, failures } = summaryOf(
    load.history,
    (nowMs() - fromMs) / 1_000,
    masters.length + 1,
  );
  t.log(`${reads} reads, ${writes} writes, ${failures} failed`);
  t.is(inconclusive, undefined);
  t.deepEqual(judgeClients(load.history), []);
  t.deepEqual(judgeLeaders(witness, []).violations, []);
  await cluster.kubectl('scale', 'rc/echo', `--replicas=${replicas}`);
  await settled.workloads(60);
  await settled.serviceAnswers(20);
});

/** Kills a master in the middle of a rollout, sees the rollout finish, and brings the master back. */
async function killMaster(t: ExecutionContext, master: string, wanted: number, load: Load): Promise<void> {
  await within(
    30,
    () => roles.map((role) => witness.leader(role)),
    (leaders) => leaders.every(Boolean),
  );
  const led = roles.filter((role) => witness.leader(role) === master);
  const { leader: etcdLeader } = await etcdMembers(machines, master);
  const fromMs = nowMs();
  await machines.kill(master);
  await untilAccepted(() => api.json('PATCH', rcPath, { spec: { replicas: wanted } }, 'application/merge-patch+json'));
  await within(30, runningPods, (pods) => pods.length === wanted);
  const rolledOutMs = Math.round(nowMs() - fromMs);
  const takeovers = await within(
    10,
    () => led.map((role) => ({ role, ms: Math.round(takeoverOf(role, fromMs, witness)?.firstActionMs ?? Number.NaN) })),
    (all) => all.every(({ ms }) => !Number.isNaN(ms)),
  );
  for (const { role, ms } of takeovers) t.true(ms < 5_000, `${role} is taken over within 5 s, not ${ms} ms`);
  const gaps = longestGaps(load.history.signs, fromMs, nowMs());
  await machines.start(master);
  await within(
    60,
    () => witness.readyMasters,
    (ready) => ready.length === masters.length,
  );
  const taken = takeovers.map(({ role, ms }) => `${role} acts after ${ms} ms`);
  t.log(
    `${master} killed (led ${[...led, ...(etcdLeader === master ? ['etcd'] : [])].join(', ') || 'nothing'}): rollout done after ${rolledOutMs} ms; ${taken.join(', ')}; ` +
      `longest gap read ${Math.round(gaps.read)} ms, write ${Math.round(gaps.write)} ms`,
  );
}

/** Kills a node: its pods are replaced on the other one. Started again, it is Ready and has no leftovers. */
async function killNode(t: ExecutionContext): Promise<void> {
  const wanted = (await runningPods()).length;
  const fromMs = nowMs();
  await machines.kill('node-1');
  await within(30, runningPods, (pods) => pods.filter(({ spec }) => spec.nodeName === 'node-2').length >= wanted);
  t.log(`node-1 killed: its pods are replaced after ${Math.round(nowMs() - fromMs)} ms`);
  const { spec, status } = await api.json<NodeObject>('GET', '/api/v1/nodes/node-1');
  t.not(status.conditions.find(({ type }) => type === 'Ready')?.status, 'True');
  t.true(spec.taints?.some(({ key, effect }) => key === 'node.kubernetes.io/unreachable' && effect === 'NoExecute'));
  await machines.start('node-1');
  await within(60, () => settled.nodesAreReady(), Boolean);
  await settled.workloads(30);
  await settled.noOrphans(30);
}

interface NodeObject {
  readonly spec: { readonly taints?: readonly { readonly key: string; readonly effect: string }[] };
  readonly status: {
    readonly conditions: readonly { readonly type: string; readonly status: string }[];
    readonly addresses: readonly { readonly type: string; readonly address: string }[];
  };
}

interface ServiceObject {
  readonly spec: {
    readonly clusterIP: string;
    readonly ports: readonly { readonly protocol: string; readonly port: number; readonly nodePort: number }[];
  };
}

/** Pods that run and are not on their way out. */
async function runningPods(): Promise<Pod[]> {
  return (await settled.pods()).filter((pod) => isReady(pod) && pod.metadata.deletionTimestamp === undefined);
}

/** A client that asks again when nobody answers, as kubectl's users do. */
async function untilAccepted(request: () => Promise<unknown>): Promise<void> {
  await within(15, async () => (await request()) !== undefined, Boolean);
}
