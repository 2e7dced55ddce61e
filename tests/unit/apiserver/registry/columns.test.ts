import test from 'ava';
import type { KubeObject, Pod } from '../../../../master/api/types.ts';
import { parseAddressRange, parsePortRange } from '../../../../master/apiserver/registry/allocation/ranges.ts';
import { humanDuration } from '../../../../master/apiserver/registry/columns/human-duration.ts';
import { podSummary } from '../../../../master/apiserver/registry/columns/pod.ts';
import { createStrategies } from '../../../../master/apiserver/registry/strategies/index.ts';

const now = Date.parse('2026-01-01T01:00:00Z');
const strategies = createStrategies({
  addresses: () => [parseAddressRange('10.96.0.0/16')],
  nodePorts: parsePortRange('30000-32767'),
  resources: ({ resource }) => {
    throw new Error(`nobody asks for ${resource} here`);
  },
});

/** The row that kubectl prints for an object, the wide columns after a bar. */
function row(resource: string, object: KubeObject): string {
  const columns = strategies.find(({ kind }) => kind.resource === resource)?.columns ?? [];
  const cells = (priority: 0 | 1) =>
    columns.filter((column) => column.priority === priority).map((column) => String(column.value(object, now)));
  const wide = cells(1);
  return cells(0).join(' ') + (wide.length > 0 ? ` | ${wide.join(' ')}` : '');
}

test('ages have two units at most, as kubectl prints them', (t) => {
  const second = 1000;
  const hour = 3600 * second;
  t.is(humanDuration(-5 * second), '<invalid>');
  t.is(humanDuration(-500), '0s');
  t.is(humanDuration(119 * second), '119s');
  t.is(humanDuration(125 * second), '2m5s');
  t.is(humanDuration(11 * 60 * second), '11m');
  t.is(humanDuration(3.5 * hour), '3h30m');
  t.is(humanDuration(20 * hour), '20h');
  t.is(humanDuration(51 * hour), '2d3h');
  t.is(humanDuration(30 * 24 * hour), '30d');
  t.is(humanDuration(3 * 365 * 24 * hour), '3y');
});

const spec: Pod['spec'] = {
  containers: [{ name: 'c' }, { name: 'd' }],
  initContainers: [{ name: 'i' }],
  nodeName: 'n',
};
const status = (pod: NonNullable<Pod['status']>, metadata: object = {}) => {
  const { ready, status: word } = podSummary({ metadata, spec, status: pod } as Pod);
  return `${ready} ${word}`;
};
const container = (name: string, state: object, ready = false) => ({
  ...{ name, state, ready, restartCount: 0, image: '', imageID: '' },
});

test('a pod’s status is that of its containers', (t) => {
  t.is(status({ phase: 'Pending' }), '0/2 Pending');
  t.is(
    status({
      phase: 'Running',
      containerStatuses: [container('c', { running: {} }, true), container('d', { running: {} }, true)],
    }),
    '2/2 Running',
  );
  t.is(
    status({ phase: 'Running', containerStatuses: [container('c', { waiting: { reason: 'CrashLoopBackOff' } })] }),
    '0/2 CrashLoopBackOff',
  );
  t.is(
    status({
      phase: 'Succeeded',
      containerStatuses: [container('c', { terminated: { exitCode: 0, reason: 'Completed' } })],
    }),
    '0/2 Completed',
  );
  t.is(
    status({ phase: 'Failed', containerStatuses: [container('c', { terminated: { exitCode: 3 } })] }),
    '0/2 ExitCode:3',
  );
  t.is(
    status({ phase: 'Failed', containerStatuses: [container('c', { terminated: { exitCode: 0, signal: 9 } })] }),
    '0/2 Signal:9',
  );
  t.is(status({ phase: 'Failed', reason: 'Evicted' }), '0/2 Evicted');
});

test('a pod that starts shows how far its init containers are', (t) => {
  t.is(status({ phase: 'Pending', initContainerStatuses: [container('i', { running: {} })] }), '0/2 Init:0/1');
  t.is(
    status({ phase: 'Pending', initContainerStatuses: [container('i', { waiting: { reason: 'ErrImagePull' } })] }),
    '0/2 Init:ErrImagePull',
  );
  t.is(
    status({
      phase: 'Pending',
      initContainerStatuses: [container('i', { terminated: { exitCode: 1, reason: 'Error' } })],
    }),
    '0/2 Init:Error',
  );
});

test('a pod that ends is Terminating until it has ended', (t) => {
  const deletionTimestamp = '2026-01-01T00:00:00Z';
  t.is(status({ phase: 'Running' }, { deletionTimestamp }), '0/2 Terminating');
  t.is(status({ phase: 'Succeeded' }, { deletionTimestamp }), '0/2 Succeeded');
  t.is(status({ phase: 'Running', reason: 'NodeLost' }, { deletionTimestamp }), '0/2 Unknown');
});

test('restarts say when the last one was', (t) => {
  const pod = {
    metadata: { name: 'a', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { containers: [{ name: 'c' }], nodeName: 'n' },
    status: {
      phase: 'Running',
      podIP: '10.244.1.2',
      podIPs: [{ ip: '10.244.1.2' }],
      containerStatuses: [
        {
          ...container('c', { running: {} }, true),
          restartCount: 3,
          lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:58:00Z' } },
        },
      ],
    },
  };
  t.is(row('pods', pod), 'a 1/1 Running 3 (2m ago) 60m | 10.244.1.2 n <none> <none>');
});

const metadata = { name: 'a', creationTimestamp: '2026-01-01T00:00:00Z' };

test('each kind has the columns that kubectl prints', (t) => {
  const node = {
    metadata: { ...metadata, labels: { 'node-role.kubernetes.io/worker': '' } },
    spec: { unschedulable: true },
    status: {
      conditions: [{ type: 'Ready', status: 'True' }],
      addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
      nodeInfo: {
        kubeletVersion: 'v1.36.0',
        osImage: 'Debian',
        kernelVersion: '6',
        containerRuntimeVersion: 'docker://26',
      },
    },
  };
  t.is(row('nodes', node), 'a Ready,SchedulingDisabled worker 60m v1.36.0 | 10.0.0.1 <none> Debian 6 docker://26');
  t.is(row('nodes', { metadata }), 'a Unknown <none> 60m  | <none> <none> <unknown> <unknown> <unknown>');
  const service = {
    metadata,
    spec: {
      type: 'NodePort',
      clusterIPs: ['10.96.0.5'],
      ports: [
        { port: 80, nodePort: 30_080, protocol: 'TCP' },
        { port: 53, protocol: 'UDP' },
      ],
      selector: { b: '2', a: '1' },
    },
  };
  t.is(row('services', service), 'a NodePort 10.96.0.5 <none> 80:30080/TCP,53/UDP 60m | a=1,b=2');
  t.is(
    row('services', { metadata, spec: { type: 'LoadBalancer' } } as KubeObject),
    'a LoadBalancer <none> <pending> <none> 60m | <none>',
  );
  const endpoints = {
    metadata,
    subsets: [{ addresses: ['1', '2', '3', '4'].map((n) => ({ ip: `10.0.0.${n}` })), ports: [{ port: 80 }] }],
  };
  t.is(row('endpoints', endpoints), 'a 10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 1 more... 60m');
  t.is(row('endpoints', { metadata }), 'a <none> 60m');
  t.is(
    row('endpointslices', { metadata, addressType: 'IPv4', ports: [{ port: 80 }], endpoints: [] } as KubeObject),
    'a IPv4 80 <unset> 60m',
  );
  t.is(row('leases', { metadata, spec: { holderIdentity: 'me' } } as KubeObject), 'a me 60m');
  t.is(row('namespaces', { metadata, status: { phase: 'Active' } } as KubeObject), 'a Active 60m');
  t.is(row('secrets', { metadata, type: 'Opaque', data: { a: '' } } as KubeObject), 'a Opaque 1 60m');
  t.is(row('configmaps', { metadata, data: { a: '' }, binaryData: { b: '' } } as KubeObject), 'a 2 60m');
  const csr = {
    metadata,
    spec: { signerName: 'a.b/c', username: 'me', expirationSeconds: 3600 },
    status: { conditions: [{ type: 'Approved', status: 'True' }], certificate: 'x' },
  };
  t.is(row('certificatesigningrequests', csr), 'a 60m a.b/c me 60m Approved,Issued');
});

test('an event shows how often it was seen, and since when', (t) => {
  const event = {
    metadata,
    ...{ type: 'Warning', reason: 'BackOff', message: 'again \n', count: 3 },
    involvedObject: { kind: 'Pod', name: 'p' },
    firstTimestamp: '2026-01-01T00:50:00Z',
    lastTimestamp: '2026-01-01T00:59:00Z',
    source: { component: 'kubelet', host: 'n' },
  };
  t.is(row('events', event), '60s (x3 over 10m) Warning BackOff pod/p again |  kubelet, n 10m 3 a');
});
