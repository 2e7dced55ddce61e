/**
 * The promise of the project, on the compose cluster with real containers: clients write and read through the balancer all the
 * time while each master in turn is killed and started again, then a node. What counts is what the clients saw and what is
 * there in the end.
 */

import test, { type ExecutionContext } from 'ava';
import { run } from '../../compose/system.ts';
import { ApiClient } from '../support/api-client.ts';
import { within } from '../support/within.ts';
import { ComposeCluster, masters } from './compose-cluster.ts';
import { LeaderWitness, type Role } from './leader-witness.ts';
import { Workload } from './workload.ts';

const replicas = 6;
const roles: readonly Role[] = ['scheduler', 'controller-manager'];
/** Fewer operations than this prove nothing. */
const enoughOperations = 2_000;

interface Pod {
  metadata: { name: string; deletionTimestamp?: string };
  spec: { nodeName?: string };
  status: { phase?: string; podIP?: string; conditions?: { type: string; status: string }[] };
}

let cluster: ComposeCluster;
let api: ApiClient;

test.before(async () => {
  cluster = await ComposeCluster.start();
  api = new ApiClient(cluster.kubeconfig, { timeoutMs: 3_000 });
});

test.after.always(async () => {
  await api?.close();
  await cluster?.remove();
});

test.serial(
  'pods of a ReplicationController run on both nodes, and its Service answers from each of them',
  async (t) => {
    await cluster.kubectl('apply', '-f', 'compose/examples/echo.yaml');
    await within(
      60,
      () => runningPods(),
      (pods) => pods.length === replicas,
    );
    const pods = await runningPods();
    t.deepEqual([...new Set(pods.map(({ spec }) => spec.nodeName))].toSorted(), ['node-1', 'node-2']);
    await checkService(t);
  },
);

test.serial('nothing acknowledged is lost while each master and then a node is killed and started again', async (t) => {
  const workload = new Workload(cluster.kubeconfig);
  const witness = new LeaderWitness(cluster.containerOf('lb'));
  workload.start();
  await within(
    30,
    async () => roles.map((role) => witness.leader(role)),
    (leaders) => leaders.every(Boolean),
  );
  try {
    for (const [index, master] of masters.entries())
      await killMaster(t, master, replicas + 1 + (index % 2), { workload, witness });
    await killNode(t);
  } finally {
    await workload.stop();
    witness.stop();
  }
  t.log(`${workload.operations} operations, ${workload.failures} failed, ${witness.count} looks at who leads`);
  t.true(workload.operations > enoughOperations, 'inconclusive: the load was too small');
  t.deepEqual(await workload.missing(), [], 'acknowledged writes that are missing');
  t.deepEqual(workload.staleReads, [], 'reads that show less than was acknowledged');
  t.deepEqual(witness.doubles(), [], 'two led at once');
  await cluster.kubectl('scale', 'rc/echo', `--replicas=${replicas}`);
  await within(60, allPods, (pods) => pods.length === replicas && pods.every(isReady));
  await checkService(t);
});

/** Kills a master in the middle of a rollout, sees the rollout finish, and brings the master back. */
async function killMaster(
  t: ExecutionContext,
  master: string,
  wanted: number,
  { workload, witness }: { workload: Workload; witness: LeaderWitness },
): Promise<void> {
  const led = roles.filter((role) => witness.leader(role) === master);
  const etcdLeader = (await cluster.exec(master, 'node', '-e', isEtcdLeader)).trim() === 'true';
  const fromMs = performance.now();
  await cluster.kill(master);
  await untilAccepted(() => api.json('PATCH', rcPath, { spec: { replicas: wanted } }, 'application/merge-patch+json'));
  await within(30, runningPods, (pods) => pods.length === wanted);
  const rolledOutMs = performance.now() - fromMs;
  const takeovers = led.map(
    (role) => `${role} ${Math.round(witness.takeoverMs(role, master, fromMs) ?? Number.NaN)} ms`,
  );
  for (const role of led)
    t.true(
      (witness.takeoverMs(role, master, fromMs) ?? Number.POSITIVE_INFINITY) < 5_000,
      `${role} is taken over within 5 s`,
    );
  const gaps = workload.gaps(fromMs - 200, performance.now());
  await cluster.startAgain(master);
  await within(
    60,
    () => healthOf(master),
    (health) => health === 'healthy',
  );
  t.log(
    `${master} killed (led ${led.join(', ') || 'nothing'}${etcdLeader ? ', etcd leader' : ''}): rollout done after ${Math.round(rolledOutMs)} ms; ` +
      `taken over: ${takeovers.join(', ') || '-'}; longest gap read ${Math.round(gaps.read)} ms, write ${Math.round(gaps.write)} ms`,
  );
}

/** Kills a node: its pods are replaced on the other one. Started again, it is Ready and has no leftovers. */
async function killNode(t: ExecutionContext): Promise<void> {
  const wanted = (await runningPods()).length;
  const fromMs = performance.now();
  await cluster.kill('node-1');
  await within(30, runningPods, (pods) => pods.filter(({ spec }) => spec.nodeName === 'node-2').length >= wanted);
  t.log(`node-1 killed: its pods are replaced after ${Math.round(performance.now() - fromMs)} ms`);
  const { spec, status } = await api.json<NodeObject>('GET', '/api/v1/nodes/node-1');
  t.not(status.conditions.find(({ type }) => type === 'Ready')?.status, 'True');
  t.true(spec.taints?.some(({ key, effect }) => key === 'node.kubernetes.io/unreachable' && effect === 'NoExecute'));
  await cluster.startAgain('node-1');
  await within(
    60,
    () => api.json<NodeObject>('GET', '/api/v1/nodes/node-1'),
    (node) =>
      node.status.conditions.some(({ type, status }) => type === 'Ready' && status === 'True') &&
      !node.spec.taints?.length,
  );
  await within(30, allPods, (pods) => pods.length === wanted && pods.every(isReady));
  const here = (await allPods()).filter(({ spec }) => spec.nodeName === 'node-1').map(({ metadata }) => metadata.name);
  await within(30, podsInEngine, (names) => names.every((name) => here.includes(name)));
}

interface NodeObject {
  spec: { taints?: { key: string; effect: string }[] };
  status: { conditions: { type: string; status: string }[] };
}

const rcPath = '/api/v1/namespaces/default/replicationcontrollers/echo';
const isEtcdLeader = `fetch('http://127.0.0.1:2381/metrics').then((a) => a.text()).then((text) => console.log(/^etcd_server_is_leader 1$/m.test(text)))`;

async function allPods(): Promise<Pod[]> {
  const { items } = await api.json<{ items: Pod[] }>('GET', '/api/v1/namespaces/default/pods?labelSelector=app%3Decho');
  return items;
}

/** Pods that run and are not on their way out. */
async function runningPods(): Promise<Pod[]> {
  return (await allPods()).filter((pod) => isReady(pod) && pod.metadata.deletionTimestamp === undefined);
}

const isReady = ({ status }: Pod): boolean =>
  status.phase === 'Running' &&
  (status.conditions ?? []).some((condition) => condition.type === 'Ready' && condition.status === 'True');

/** Names of the pods that node-1's own engine has containers of, whatever the API says. */
async function podsInEngine(): Promise<string[]> {
  const label = '{{.Label "io.kubernetes.pod.name"}}';
  const text = await cluster.exec('node-1', 'docker', 'ps', '--all', '--format', label);
  return [...new Set(text.split('\n').filter((line) => line !== ''))];
}

async function healthOf(service: string): Promise<string> {
  return (
    await run('docker', ['inspect', '--format', '{{.State.Health.Status}}', cluster.containerOf(service)])
  ).trim();
}

/** The Service's endpoints are exactly the pods, and its address answers with all of them, over TCP and UDP, from both nodes. */
async function checkService(t: ExecutionContext): Promise<void> {
  const pods = await runningPods();
  const ips = pods.map(({ status }) => status.podIP ?? '').toSorted();
  await within(20, endpointAddresses, (addresses) => addresses.toSorted().join() === ips.join());
  const { spec } = await api.json<{ spec: { clusterIP: string; ports: { protocol: string; port: number }[] } }>(
    'GET',
    '/api/v1/namespaces/default/services/echo',
  );
  const portOf = (protocol: string): number => spec.ports.find((port) => port.protocol === protocol)?.port ?? 0;
  for (const node of ['node-1', 'node-2']) {
    for (const script of [askTcp, askUdp]) {
      const port = portOf(script === askTcp ? 'TCP' : 'UDP');
      await within(
        20,
        async () =>
          new Set(
            (await cluster.exec(node, 'node', '--input-type=module', '-e', script, spec.clusterIP, String(port)))
              .trim()
              .split('\n'),
          ),
        (names) => names.size === pods.length && pods.every(({ metadata }) => names.has(metadata.name)),
      );
    }
  }
  t.pass();
}

/** Asks often enough that a balanced Service names every pod. */
const askTcp = `
  const [address, port] = process.argv.slice(1);
  for (let i = 0; i < 60; i += 1) console.log((await (await fetch('http://' + address + ':' + port, { headers: { connection: 'close' } })).text()).trim());
`;
const askUdp = `
  import { createSocket } from 'node:dgram';
  import { once } from 'node:events';
  const [address, port] = process.argv.slice(1);
  for (let i = 0; i < 60; i += 1) {
    const socket = createSocket('udp4');
    socket.send('who', Number(port), address);
    const [reply] = await Promise.race([once(socket, 'message'), new Promise((resolve) => setTimeout(resolve, 1000, ['']))]);
    if (String(reply)) console.log(String(reply).trim());
    socket.close();
  }
`;

async function endpointAddresses(): Promise<string[]> {
  const { subsets = [] } = await api.json<{ subsets?: { addresses?: { ip: string }[] }[] }>(
    'GET',
    '/api/v1/namespaces/default/endpoints/echo',
  );
  return subsets.flatMap(({ addresses = [] }) => addresses.map(({ ip }) => ip));
}

/** A client that asks again when nobody answers, as kubectl's users do. */
async function untilAccepted(request: () => Promise<unknown>): Promise<void> {
  await within(15, async () => (await request()) !== undefined, Boolean);
}
