import test from 'ava';
import type { EndpointSlice, Pod } from '../../../master/api/types.ts';
import { isMirrored, mirrorOf, planMirror } from '../../../master/controllers/endpoints/mirroring.ts';
import { isEndpoint, portsFor } from '../../../master/controllers/endpoints/pod-endpoint.ts';
import { endpointsDiffer } from '../../../master/controllers/endpoints/service-triggers.ts';
import { planSlices } from '../../../master/controllers/endpoints/slices.ts';
import { computeSubsets } from '../../../master/controllers/endpoints/subsets.ts';
import { node, pod, service } from './objects.ts';

const nodeOf = (name: string) => ({
  ...node(name, 'True'),
  metadata: { name, labels: { 'topology.kubernetes.io/zone': 'z1' } },
});
const ready = (i: number, more = {}): Pod =>
  pod({ name: `p${i}`, node: 'n1', ready: true, ip: `10.244.${Math.floor(i / 200)}.${i % 200}`, ...more });
const many = (count: number): Pod[] => Array.from({ length: count }, (_, i) => ready(i));

test('ready and unready addresses share the subset of their ports', (t) => {
  const { subsets } = computeSubsets(service(), [ready(2), ready(1), ready(3, { ready: false })]);
  t.is(subsets.length, 1);
  t.deepEqual(
    subsets[0]?.addresses?.map(({ ip }) => ip),
    ['10.244.0.1', '10.244.0.2'],
  );
  t.like(subsets[0]?.notReadyAddresses?.[0], {
    ip: '10.244.0.3',
    nodeName: 'n1',
    targetRef: { kind: 'Pod', name: 'p3' },
  });
  t.deepEqual(subsets[0]?.ports, [{ name: 'http', port: 8080, protocol: 'TCP' }]);
});

test('finished, addressless and leaving pods have no place among the addresses', (t) => {
  t.false(isEndpoint(ready(1, { phase: 'Succeeded' }), true));
  t.false(isEndpoint(pod({ name: 'a' }), true));
  t.false(isEndpoint(ready(1, { terminating: true }), false));
  t.true(isEndpoint(ready(1, { terminating: true }), true));
  t.deepEqual(computeSubsets(service(), [ready(1, { terminating: true })]).subsets, []);
});

test('a port by name is found in the containers, for its protocol', (t) => {
  const named = service({ ports: [{ name: 'dns', port: 53, targetPort: 'dns', protocol: 'UDP' }] });
  const ports = [
    { name: 'dns', containerPort: 1053, protocol: 'TCP' },
    { name: 'dns', containerPort: 2053, protocol: 'UDP' },
  ];
  t.deepEqual(portsFor(named, ready(1, { ports })), [{ name: 'dns', port: 2053, protocol: 'UDP' }]);
  t.deepEqual(portsFor(named, ready(1)), [], 'a pod without the port offers nothing');
});

test('pods with different numbers for a named port are in different subsets', (t) => {
  const named = service({ ports: [{ name: 'http', port: 80, targetPort: 'web' }] });
  const with1 = ready(1, { ports: [{ name: 'web', containerPort: 8080 }] });
  const with2 = ready(2, { ports: [{ name: 'web', containerPort: 9090 }] });
  t.deepEqual(
    computeSubsets(named, [with1, with2]).subsets.map(({ ports }) => ports?.[0]?.port),
    [8080, 9090],
  );
});

test('a service may publish addresses that are not ready', (t) => {
  const { subsets } = computeSubsets(service({ publishNotReadyAddresses: true }), [ready(1, { ready: false })]);
  t.is(subsets[0]?.addresses?.length, 1);
});

test('a headless service without ports still has addresses', (t) => {
  const { subsets } = computeSubsets(service({ clusterIP: 'None', ports: [] }), [ready(1)]);
  t.is(subsets[0]?.addresses?.length, 1);
  t.is(subsets[0]?.ports, undefined);
});

test('Endpoints are cut at a thousand addresses and say so', (t) => {
  const { subsets, truncated } = computeSubsets(service(), many(1_050));
  t.true(truncated);
  t.is(subsets[0]?.addresses?.length, 1_000);
});

test('a heartbeat changes no endpoint, an address and readiness do', (t) => {
  t.false(endpointsDiffer(ready(1), ready(1, { restarts: 5, resourceVersion: '9' })));
  t.true(endpointsDiffer(ready(1), ready(1, { ready: false })));
  t.true(endpointsDiffer(ready(1), ready(1, { ip: '10.1.1.1' })));
});

const store = (slices: EndpointSlice[]): EndpointSlice[] =>
  slices.map((slice, i) => ({ ...slice, metadata: { ...slice.metadata, name: `web-${i}` } }));

test('slices hold at most a hundred endpoints and belong to their service', (t) => {
  const { create, update, remove } = planSlices(service({}, { team: 'a' }), many(250), nodeOf, []);
  t.deepEqual(
    create.map(({ endpoints }) => endpoints?.length),
    [100, 100, 50],
  );
  t.deepEqual([update, remove], [[], []]);
  t.like(create[0], {
    addressType: 'IPv4',
    metadata: {
      generateName: 'web-',
      labels: {
        team: 'a',
        'kubernetes.io/service-name': 'web',
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      },
    },
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  });
  t.like(create[0]?.metadata?.ownerReferences?.[0], { kind: 'Service', uid: 'svc-1', controller: true });
  t.like(create[0]?.endpoints?.[0], { nodeName: 'n1', zone: 'z1' });
});

test('slices that are right already are not written', (t) => {
  const existing = store(planSlices(service(), many(150), nodeOf, []).create);
  t.deepEqual(planSlices(service(), many(150), nodeOf, existing), { create: [], update: [], remove: [] });
});

test('one changed pod writes one slice, and a new pod goes where there is room', (t) => {
  const existing = store(planSlices(service(), many(150), nodeOf, []).create);
  const pods = [...many(150).slice(1), ready(150), ready(151)];
  const { create, update, remove } = planSlices(service(), pods, nodeOf, existing);
  t.deepEqual([create, remove], [[], []]);
  const sizes = update.map(({ metadata, endpoints }) => [metadata?.name, endpoints?.length]);
  t.deepEqual(sizes, [
    ['web-0', 100],
    ['web-1', 51],
  ]);
});

test('a leaving pod stays in its slice, no longer ready but serving', (t) => {
  const { create } = planSlices(service(), [ready(1, { terminating: true })], nodeOf, []);
  t.deepEqual(create[0]?.endpoints?.[0]?.conditions, { ready: false, serving: true, terminating: true });
});

test('an endpoint that two slices hold is left in one', (t) => {
  const [slice] = planSlices(service(), many(3), nodeOf, []).create;
  const existing = store([slice!, structuredClone(slice!)]);
  const { create, update, remove } = planSlices(service(), many(3), nodeOf, existing);
  t.deepEqual([create.length, update.length], [0, 0]);
  t.deepEqual(
    remove.map(({ metadata }) => metadata?.name),
    ['web-1'],
  );
});

test('a service without pods keeps one empty slice', (t) => {
  const { create } = planSlices(service(), [], nodeOf, []);
  t.deepEqual(
    create.map(({ endpoints }) => endpoints),
    [[]],
  );
  t.deepEqual(planSlices(service(), [], nodeOf, store(create)), { create: [], update: [], remove: [] });
});

test('Endpoints written by hand are mirrored by ports and family of addresses, and only where nobody else does that', (t) => {
  const metadata = { name: 'hand', namespace: 'default', uid: 'u', labels: { a: 'b' } };
  const subsets = [
    {
      ports: [{ port: 80 }],
      addresses: [{ ip: '192.0.2.1' }, { ip: '2001:db8::1' }],
      notReadyAddresses: [{ ip: '192.0.2.2' }],
    },
    { ports: [{ name: 'other', port: 81 }], addresses: [{ ip: '192.0.2.3', hostname: 'h' }] },
  ];
  const slices = mirrorOf({ metadata, subsets });
  const shown = slices.map(({ addressType, ports, endpoints = [] }) =>
    [
      addressType,
      ports?.[0]?.port,
      ...endpoints.map(({ addresses, conditions }) => `${addresses[0]} ${conditions?.ready}`),
    ].join(),
  );
  t.deepEqual(shown, ['IPv4,80,192.0.2.1 true,192.0.2.2 false', 'IPv6,80,2001:db8::1 true', 'IPv4,81,192.0.2.3 true']);

  const by = { metadata, spec: {} };
  t.true(isMirrored({ metadata }, by));
  t.false(isMirrored({ metadata }, undefined));
  t.false(isMirrored({ metadata }, { ...by, spec: { selector: { a: 'b' } } }));
  t.false(isMirrored({ metadata: { ...metadata, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } } }, by));

  const existing = slices.map((slice, index) => ({ ...slice, metadata: { ...slice.metadata, name: `s${index}` } }));
  t.deepEqual(planMirror(slices, existing), { create: [], update: [], remove: [] });
  const moved = mirrorOf({ metadata, subsets: [{ ports: [{ port: 80 }], addresses: [{ ip: '192.0.2.9' }] }] });
  const { create, update, remove } = planMirror(moved, existing);
  t.is(create.length, 0);
  t.like(update[0], { metadata: { name: 's0' }, endpoints: [{ addresses: ['192.0.2.9'] }] });
  t.deepEqual(
    remove.map(({ metadata }) => metadata?.name),
    ['s1', 's2'],
  );
});
