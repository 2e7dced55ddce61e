import test from 'ava';
import type { Machine } from '../../../../node/kubelet/node/machine.ts';
import { newNode, nodeStatus } from '../../../../node/kubelet/node/node-object.ts';
import { type KubeletFlags, kubeletCommand } from '../../../../node/kubelet/options.ts';
import { loopbackAddress, nodeNames } from '../../../../node/kubelet/start.ts';
import { backendsOf } from '../../../../node/masters.ts';
import { type NodeConfig, nodeCommand } from '../../../../node/options.ts';
import { nodeProcesses } from '../../../../node/processes.ts';

const config = (...args: string[]): NodeConfig => nodeCommand().parse(args, { from: 'user' }).opts<NodeConfig>();

test('a node over docker runs an engine, kubelet and kube-proxy, and stops them in reverse', (t) => {
  const processes = nodeProcesses(config('--name', 'node-1', '--runtime', 'docker'));
  t.deepEqual(
    processes.map(({ name, stopLevel }) => [name, stopLevel]),
    [
      ['dockerd', 0],
      ['kubelet', 1],
      ['kube-proxy', 2],
    ],
  );
  t.true(processes[0]?.args.includes('--bridge=none'));
  t.true(processes[2]?.args.join(' ').includes('--proxy-mode iptables'));
});

test('a simulated node runs no engine and leaves the rules of its host alone', (t) => {
  const processes = nodeProcesses(config('--name', 'node-1', '--runtime', 'simulated'));
  t.deepEqual(
    processes.map(({ name }) => name),
    ['kubelet', 'kube-proxy'],
  );
  t.true(processes[1]?.args.join(' ').includes('--proxy-mode none'));
});

test('what a node hands to its kubelet are flags that the kubelet knows', (t) => {
  const [kubelet] = nodeProcesses(
    config('--name', 'node-1', '--runtime', 'simulated', '--kubelet-arg=--max-pods', '--kubelet-arg=5'),
  );
  const flags = kubeletCommand('x')
    .exitOverride()
    .parse([...(kubelet?.args ?? [])].slice(1), { from: 'user' })
    .opts<KubeletFlags>();
  t.like(flags, {
    hostnameOverride: 'node-1',
    containerRuntime: 'simulated',
    maxPods: 5,
    master: ['https://127.0.0.1:6443'],
  });
});

test('masters are named by host, or by host and port where they share one', (t) => {
  t.deepEqual(backendsOf(['https://master-1:6443', 'https://master-2:6443']), [
    { name: 'master-1', host: 'master-1', port: 6443 },
    { name: 'master-2', host: 'master-2', port: 6443 },
  ]);
  t.is(backendsOf(['https://127.0.0.1:1', 'https://127.0.0.1:2'])[1]?.name, '127.0.0.1:2');
  t.throws(() => backendsOf(['master-1:6443']), { message: /is no https URL/ });
  t.throws(() => backendsOf([]), { message: /at least one/ });
});

test('simulated nodes have names and loopback addresses of their own', (t) => {
  const flags = kubeletCommand('sim').parse(['--simulated-nodes', '3'], { from: 'user' }).opts<KubeletFlags>();
  t.deepEqual(nodeNames(flags), ['sim-0001', 'sim-0002', 'sim-0003']);
  const addresses = new Set(Array.from({ length: 5_000 }, (_, i) => loopbackAddress(`sim-${i + 1}`)));
  t.is(addresses.size, 5_000);
  t.true([...addresses].every((ip) => /^127\.\d+\.\d+\.\d+$/.test(ip) && !ip.startsWith('127.0.')));
});

const machine: Machine = {
  hostname: 'h',
  architecture: 'amd64',
  kernelVersion: '6.1',
  osImage: 'Debian',
  machineId: 'm',
  systemUuid: 's',
  bootId: 'b',
  cpuMilli: 2_000,
  memoryBytes: 1024 ** 3,
};

const identity = {
  name: 'node-1',
  ip: '172.18.0.2',
  hostnameAddress: 'node-1',
  kubeletPort: 10250,
  labels: { disk: 'ssd' },
  taints: [{ key: 'k', effect: 'NoSchedule' }],
  maxPods: 110,
  capacity: {},
  machine,
};

const findings = {
  now: Date.parse('2026-01-01T00:00:00Z'),
  runtimeVersion: 'docker://26.1.5',
  images: [{ names: ['a:1'], sizeBytes: 1 }],
  disk: { total: 1024 ** 3, free: 1024 ** 3 },
  availableMemoryBytes: 1024 ** 3,
  trouble: undefined,
};

test('a Node is registered with its labels and taints', (t) => {
  t.like(newNode(identity).metadata?.labels, {
    'kubernetes.io/hostname': 'node-1',
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': 'amd64',
    disk: 'ssd',
  });
  t.deepEqual(newNode(identity).spec?.taints, identity.taints);
});

test('a Node tells its capacity, what of it pods may have, and that it is ready', (t) => {
  const status = nodeStatus(identity, findings, undefined);
  t.like(status.capacity, { cpu: '2', memory: '1048576Ki', pods: '110' });
  t.is(status.allocatable?.memory, '946176Ki');
  t.like(status.nodeInfo, { containerRuntimeVersion: 'docker://26.1.5', operatingSystem: 'linux' });
  t.deepEqual(
    status.conditions?.map(({ type, status }) => [type, status]),
    [
      ['MemoryPressure', 'False'],
      ['DiskPressure', 'False'],
      ['PIDPressure', 'False'],
      ['Ready', 'True'],
    ],
  );
});

test('a Node keeps the conditions of others and moves transition times only with a change', (t) => {
  const first = nodeStatus(identity, findings, undefined);
  const foreign = { type: 'NetworkUnavailable', status: 'False' };
  const previous = { ...first, conditions: [foreign, ...(first.conditions ?? [])] };
  const later = { ...findings, now: findings.now + 10_000, trouble: 'container runtime is down' };
  const next = nodeStatus(identity, later, previous);
  t.deepEqual(next.conditions?.[0], foreign);
  const [memory, ready] = ['MemoryPressure', 'Ready'].map((name) => next.conditions?.find(({ type }) => type === name));
  t.is(memory?.lastTransitionTime, '2026-01-01T00:00:00Z');
  t.is(memory?.lastHeartbeatTime, '2026-01-01T00:00:10Z');
  t.like(ready, { status: 'False', reason: 'KubeletNotReady', lastTransitionTime: '2026-01-01T00:00:10Z' });
});
