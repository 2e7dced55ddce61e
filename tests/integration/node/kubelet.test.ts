/** A node over the simulated runtime against a real API server, real controllers and a real scheduler. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import anyTest, { type TestFn } from 'ava';
import { type LocalCluster, startLocalCluster } from '../../../compose/local-cluster.ts';
import { Client } from '../../../master/api/client.ts';
import { loadKubeconfig } from '../../../master/api/config.ts';
import { isNotFound } from '../../../master/api/errors.ts';
import { getCondition } from '../../../master/api/meta.ts';
import type { Pod } from '../../../master/api/types.ts';
import { annotations } from '../../../node/runtime/simulated/script.ts';
import { within } from '../../support/within.ts';

const test = anyTest as TestFn<{ cluster: LocalCluster; client: Client }>;
const namespace = 'default';

const dataDir = await mkdtemp(join(tmpdir(), 'trimaster-node-'));

test.before(async (t) => {
  const nodeArgs = ['--container-restart-back-off', '1s', '--simulated-start-delay', '20ms'];
  const cluster = await startLocalCluster({
    dataDir,
    masters: 1,
    // Other tests run beside this one.
    timeoutMs: 100_000,
    nodes: 1,
    nodeArgs: nodeArgs.map((arg) => `--kubelet-arg=${arg}`),
  });
  t.context = { cluster, client: new Client(loadKubeconfig(cluster.kubeconfig)) };
});

test.after.always(async (t) => {
  const { client, cluster } = t.context;
  await client?.close();
  await cluster?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

function pod(
  name: string,
  more: { annotations?: Record<string, string>; spec?: Partial<NonNullable<Pod['spec']>> } = {},
): Pod {
  return {
    metadata: { name, namespace, annotations: more.annotations ?? {} },
    spec: { containers: [{ name: 'main', image: 'app:1' }], terminationGracePeriodSeconds: 2, ...more.spec },
  };
}

const isReady = (found: Pod): boolean => getCondition(found.status?.conditions, 'Ready')?.status === 'True';

const phaseIs =
  (phase: string) =>
  (found: Pod): boolean =>
    found.status?.phase === phase;

test('a node joins with a token, becomes Ready and keeps its lease', async (t) => {
  const { client } = t.context;
  const node = await client.get('nodes', { name: 'node-1' });
  t.is(getCondition(node.status?.conditions, 'Ready')?.reason, 'KubeletReady');
  t.is(node.metadata?.labels?.['kubernetes.io/hostname'], 'node-1');
  t.regex(node.status?.nodeInfo?.containerRuntimeVersion ?? '', /^simulated:/);
  const name = { namespace: 'kube-node-lease', name: 'node-1' };
  const first = await within(
    10,
    () => client.get('leases', name),
    () => true,
  );
  t.is(first.spec?.holderIdentity, 'node-1');
  t.is(first.metadata?.ownerReferences?.[0]?.uid, node.metadata?.uid);
  const next = await within(
    10,
    () => client.get('leases', name),
    (lease) => lease.spec?.renewTime !== first.spec?.renewTime,
  );
  t.not(next.metadata?.resourceVersion, first.metadata?.resourceVersion);
});

test('a pod runs, tells its address, answers with its log, and is gone after its deletion', async (t) => {
  const { client } = t.context;
  const name = { namespace, name: 'runs' };
  await client.create('pods', pod('runs'));
  const running = await within(10, () => client.get('pods', name), isReady);
  t.is(running.status?.phase, 'Running');
  t.is(running.spec?.nodeName, 'node-1');
  t.regex(running.status?.podIP ?? '', /^10\.244\./);
  await client.delete('pods', name);
  const error = await within(
    10,
    () =>
      client.get('pods', name).then(
        () => undefined,
        (caught: unknown) => caught,
      ),
    (caught) => caught !== undefined,
  );
  t.true(isNotFound(error));
});

test('a container that ends is started again, later and later, and its pod says so', async (t) => {
  const { client } = t.context;
  const name = { namespace, name: 'crashes' };
  await client.create('pods', pod('crashes', { annotations: { [annotations.exitCode]: '3' } }));
  const waiting = await within(
    15,
    () => client.get('pods', name),
    (found) =>
      (found.status?.containerStatuses?.[0]?.restartCount ?? 0) >= 2 &&
      found.status?.containerStatuses?.[0]?.state?.waiting !== undefined,
  );
  const status = waiting.status?.containerStatuses?.[0];
  t.is(waiting.status?.phase, 'Running');
  t.is(status?.state?.waiting?.reason, 'CrashLoopBackOff');
  t.regex(
    status?.state?.waiting?.message ?? '',
    /^back-off \ds restarting failed container=main pod=crashes_default\(/,
  );
  t.like(status?.lastState?.terminated, { exitCode: 3, reason: 'Error' });
  await client.delete('pods', name, { gracePeriodSeconds: 0 });
});

test('a pod that is never restarted succeeds or fails as its containers did, and stays as it is', async (t) => {
  const { client } = t.context;
  for (const [name, code, phase] of [
    ['succeeds', '0', 'Succeeded'],
    ['fails', '1', 'Failed'],
  ] as const) {
    await client.create(
      'pods',
      pod(name, {
        annotations: { [annotations.exitCode]: code },
        spec: { containers: [{ name: 'main', image: 'app:1' }], restartPolicy: 'Never' },
      }),
    );
    const ended = await within(10, () => client.get('pods', { namespace, name }), phaseIs(phase));
    t.is(ended.status?.containerStatuses?.[0]?.state?.terminated?.exitCode, Number(code));
    t.is(ended.status?.containerStatuses?.[0]?.restartCount, 0);
  }
});

test('a container is added to a running pod, and a pod that runs for longer than it may fails', async (t) => {
  const { client } = t.context;
  const name = { namespace, name: 'limited' };
  await client.create('pods', pod('limited'));
  await within(10, () => client.get('pods', name), isReady);
  const added = { name: 'debug', image: 'debug:1', targetContainerName: 'main' };
  const patch = { spec: { ephemeralContainers: [added] } };
  await client.patch('pods', name, patch, { type: 'strategic', subresource: 'ephemeralcontainers' });
  const debugged = await within(
    10,
    () => client.get('pods', name),
    ({ status }) => status?.ephemeralContainerStatuses?.[0]?.state?.running !== undefined,
  );
  t.is(debugged.status?.containerStatuses?.[0]?.restartCount, 0);
  await client.patch('pods', name, { spec: { activeDeadlineSeconds: 1 } }, { type: 'merge' });
  const failed = await within(10, () => client.get('pods', name), phaseIs('Failed'));
  t.like(failed.status, {
    reason: 'DeadlineExceeded',
    message: 'Pod was active on the node longer than the specified deadline',
  });
  t.truthy(failed.status?.containerStatuses?.[0]?.state?.terminated);
});

test('an image that cannot be had and a ConfigMap that is not there hold a container up, until it is there', async (t) => {
  const { client } = t.context;
  const missing = { name: 'X', valueFrom: { configMapKeyRef: { name: 'comes-later', key: 'k' } } };
  await client.create(
    'pods',
    pod('no-image', { spec: { containers: [{ name: 'main', image: 'registry.invalid/a:1' }] } }),
  );
  await client.create(
    'pods',
    pod('no-config', { spec: { containers: [{ name: 'main', image: 'app:1', env: [missing] }] } }),
  );
  const reason = (found: Pod): string | undefined => found.status?.containerStatuses?.[0]?.state?.waiting?.reason;
  await within(
    10,
    () => client.get('pods', { namespace, name: 'no-image' }),
    (found) => reason(found) === 'ImagePullBackOff',
  );
  await within(
    10,
    () => client.get('pods', { namespace, name: 'no-config' }),
    (found) => reason(found) === 'CreateContainerConfigError',
  );
  await client.create('configmaps', { metadata: { namespace, name: 'comes-later' }, data: { k: 'v' } });
  await within(10, () => client.get('pods', { namespace, name: 'no-config' }), isReady);
  t.pass();
});

test('a pod that does not fit is refused by the node itself', async (t) => {
  const { client } = t.context;
  const containers = [{ name: 'main', image: 'app:1', resources: { requests: { cpu: '5000' } } }];
  await client.create('pods', pod('huge', { spec: { nodeName: 'node-1', containers } }));
  const refused = await within(10, () => client.get('pods', { namespace, name: 'huge' }), phaseIs('Failed'));
  t.is(refused.status?.reason, 'OutOfcpu');
});

// Alone: a container that is made just then is made once more afterwards, which others would count as a restart.
test.serial(
  'a killed kubelet finds its pods again, restarts none of them and never makes the node unready',
  async (t) => {
    const { client, cluster } = t.context;
    const name = { namespace, name: 'survives' };
    await client.create('pods', pod('survives'));
    await client.create('pods', pod('deleted-meanwhile'));
    const before = await within(10, () => client.get('pods', name), isReady);
    await within(10, () => client.get('pods', { namespace, name: 'deleted-meanwhile' }), isReady);
    const node = await client.get('nodes', { name: 'node-1' });
    const kubelet = cluster.nodes[0]?.kubelet;
    const pid = kubelet?.pid;
    kubelet?.kill();
    await client.delete('pods', { namespace, name: 'deleted-meanwhile' }, { gracePeriodSeconds: 0 });
    await within(
      10,
      async () => kubelet?.pid,
      (now) => now !== undefined && now !== pid,
    );
    const readySince = getCondition(node.status?.conditions, 'Ready')?.lastTransitionTime;
    const renewed = await client.get('leases', { namespace: 'kube-node-lease', name: 'node-1' });
    await within(
      15,
      () => client.get('leases', { namespace: 'kube-node-lease', name: 'node-1' }),
      (lease) => lease.spec?.renewTime !== renewed.spec?.renewTime,
    );
    // A pod that comes now is the sign that the kubelet works again.
    await client.create('pods', pod('after'));
    await within(10, () => client.get('pods', { namespace, name: 'after' }), isReady);
    const after = await client.get('pods', name);
    t.is(after.status?.containerStatuses?.[0]?.containerID, before.status?.containerStatuses?.[0]?.containerID);
    t.is(after.status?.containerStatuses?.[0]?.restartCount, 0);
    const again = await client.get('nodes', { name: 'node-1' });
    t.is(getCondition(again.status?.conditions, 'Ready')?.lastTransitionTime, readySince);
  },
);

test('a deletion can be hurried while it is under way', async (t) => {
  const { client } = t.context;
  const name = { namespace, name: 'slow' };
  const slow = {
    annotations: { [annotations.stopSeconds]: '60' },
    spec: { containers: [{ name: 'main', image: 'app:1' }], terminationGracePeriodSeconds: 60 },
  };
  await client.create('pods', pod('slow', slow));
  await within(10, () => client.get('pods', name), isReady);
  await client.delete('pods', name);
  const going = await client.get('pods', name);
  t.is(going.metadata?.deletionGracePeriodSeconds, 60);
  await client.delete('pods', name, { gracePeriodSeconds: 1 });
  await within(
    10,
    () => client.get('pods', name).then(() => false, isNotFound),
    (gone) => gone,
  );
  t.pass();
});

test.serial('a Node that somebody deleted is registered again, and keeps its lease and pods', async (t) => {
  const { client } = t.context;
  const node = await client.get('nodes', { name: 'node-1' });
  await client.create('pods', pod('stays'));
  await within(10, () => client.get('pods', { namespace, name: 'stays' }), isReady);
  await client.delete('nodes', { name: 'node-1' });
  const again = await within(
    30,
    () => client.get('nodes', { name: 'node-1' }),
    (found) => getCondition(found.status?.conditions, 'Ready')?.status === 'True',
  );
  t.not(again.metadata?.uid, node.metadata?.uid);
  await within(
    15,
    () => client.get('leases', { namespace: 'kube-node-lease', name: 'node-1' }),
    (lease) => lease.metadata?.ownerReferences?.[0]?.uid === again.metadata?.uid,
  );
  await t.notThrowsAsync(client.get('pods', { namespace, name: 'stays' }));
});
