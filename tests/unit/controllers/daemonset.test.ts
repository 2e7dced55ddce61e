import test from 'ava';
import type { DaemonSet, Node, Pod, Taint } from '../../../master/api/types.ts';
import { FailureBackoff } from '../../../master/controllers/daemonset/failure-backoff.ts';
import { hashLabel, placementOf, podFor, targetOf } from '../../../master/controllers/daemonset/placement.ts';
import { limitsOf, plan, viewOf } from '../../../master/controllers/daemonset/plan.ts';
import { statusOf } from '../../../master/controllers/daemonset/status.ts';
import { node as plainNode, pod as plainPod } from './objects.ts';

type Spec = NonNullable<DaemonSet['spec']>;
type PodSpec = NonNullable<Spec['template']['spec']>;

function daemonSet(spec: Partial<Spec> = {}, podSpec: Partial<PodSpec> = {}): DaemonSet {
  return {
    metadata: { namespace: 'default', name: 'agent', uid: 'd-1', generation: 2 },
    spec: {
      selector: { matchLabels: { app: 'agent' } },
      template: { metadata: { labels: { app: 'agent' } }, spec: { containers: [{ name: 'c' }], ...podSpec } },
      ...spec,
    },
  };
}

const node = (name: string, taints: Taint[] = [], labels: Record<string, string> = {}): Node => ({
  ...plainNode(name, 'True', { taints }),
  metadata: { name, labels },
});
const taint = (key: string, effect: string): Taint => ({ key: `node.kubernetes.io/${key}`, effect });

interface Sketch {
  hash?: string;
  ready?: boolean;
  readySince?: number;
  created?: number;
  phase?: string;
  terminating?: boolean;
}

function pod(name: string, on: string, { hash = 'new', ready = true, ...rest }: Sketch = {}): Pod {
  return plainPod({ name, node: on, ready, labels: { app: 'agent', [hashLabel]: hash }, ...rest });
}

const nodes = ['a', 'b', 'c', 'd'].map((name) => node(name));
const step = (set: DaemonSet, pods: Pod[], on: readonly Node[] = nodes, waitMs = 0) => {
  const { create, remove, againInMs } = plan(viewOf(set, 'new', on, pods, 1_000_000, () => waitMs));
  return { create, remove: remove.map(({ metadata }) => metadata?.name), ...(againInMs && { againInMs }) };
};

for (const [what, podSpec, on, wanted, mayStay] of [
  ['any node', {}, node('a'), true, true],
  ['not a node of other labels', { nodeSelector: { disk: 'ssd' } }, node('a'), false, false],
  ['a node of the labels', { nodeSelector: { disk: 'ssd' } }, node('a', [], { disk: 'ssd' }), true, true],
  [
    'a node that is not ready, not reachable and cordoned',
    {},
    node('a', [
      taint('not-ready', 'NoExecute'),
      taint('unreachable', 'NoExecute'),
      taint('unschedulable', 'NoSchedule'),
    ]),
    true,
    true,
  ],
  ['where it is, but nothing new on a tainted one', {}, node('a', [taint('mine', 'NoSchedule')]), false, true],
  ['not a node that throws out', {}, node('a', [taint('mine', 'NoExecute')]), false, false],
  [
    'a tainted one that it tolerates',
    { tolerations: [{ operator: 'Exists' }] },
    node('a', [taint('mine', 'NoExecute')]),
    true,
    true,
  ],
  ['not one without a network', {}, node('a', [taint('network-unavailable', 'NoSchedule')]), false, true],
  [
    'one without a network, in the host’s',
    { hostNetwork: true },
    node('a', [taint('network-unavailable', 'NoSchedule')]),
    true,
    true,
  ],
] as const) {
  test(`a daemon pod is for ${what}`, (t) => {
    t.deepEqual(placementOf(daemonSet({}, podSpec as Partial<PodSpec>))(on), { wanted, mayStay });
  });
}

test('a pod is bound to its node by an affinity that names it, in place of the template’s own', (t) => {
  const required = { nodeSelectorTerms: [{ matchExpressions: [{ key: 'disk', operator: 'Exists' }] }] };
  const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required }, podAntiAffinity: {} };
  const made = podFor(daemonSet({}, { affinity }), 'b', 'new');
  t.is(targetOf(made), 'b');
  t.is(made.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms.length, 1);
  t.deepEqual(made.spec?.affinity?.podAntiAffinity, {});
  t.is(made.metadata?.labels?.[hashLabel], 'new');
  t.is(made.spec?.tolerations?.length, 6);
});

test('each node gets one pod; one too many goes, and so do those that nobody wants', (t) => {
  const on = [node('a'), node('b'), node('c', [taint('mine', 'NoExecute')]), node('d')];
  const pods = [
    pod('a-1', 'a', { created: 5 }),
    pod('a-2', 'a', { created: 9 }),
    pod('c-1', 'c'),
    pod('d-1', 'd', { terminating: true }),
    podFor(daemonSet(), 'gone', 'new'),
  ];
  t.deepEqual(step(daemonSet(), pods, on), { create: ['b'], remove: [undefined, 'a-2', 'c-1'] });
});

test('a pod that failed is replaced after a while, each time a longer one', (t) => {
  const pods = [pod('a-1', 'a', { phase: 'Failed' })];
  t.deepEqual(step(daemonSet(), pods, [node('a')]), { create: [], remove: ['a-1'] });
  t.deepEqual(step(daemonSet(), pods, [node('a')], 4_000), { create: [], remove: [], againInMs: 4_000 });
  const backoff = new FailureBackoff();
  const waits = [0, 1_000, 3_000].map((now) => {
    backoff.replaced('x a', now);
    return backoff.waitMs('x a', now);
  });
  t.deepEqual(waits, [1_000, 2_000, 4_000]);
  t.is(backoff.waitMs('x a', 3_600_000), 0);
  backoff.forget('x ');
  t.is(backoff.waitMs('x a', 3_000), 0);
});

const onAll = (sketches: Record<string, Sketch>): Pod[] =>
  ['a', 'b', 'c', 'd'].map((name) => pod(`${name}-1`, name, sketches[name] ?? {}));
const old = { hash: 'old' };
const rolling = (rollingUpdate: object) => daemonSet({ updateStrategy: { type: 'RollingUpdate', rollingUpdate } });

for (const [what, maxUnavailable, pods, remove] of [
  ['one after the other', 1, onAll({ a: old, b: old }), ['a-1']],
  ['none while another is not ready', 1, onAll({ a: old, b: old, c: { ready: false } }), []],
  [
    'what is broken at once',
    1,
    onAll({ a: old, b: { ...old, ready: false }, c: { ...old, ready: false } }),
    ['b-1', 'c-1'],
  ],
  ['as many as may be missed', 2, onAll({ a: old, b: old, c: old }), ['a-1', 'b-1']],
  ['a part of all, rounded up', '30%', onAll({ a: old, b: old, c: old }), ['a-1', 'b-1']],
  [
    'none while one is on its way out',
    1,
    [...onAll({ a: old, b: old }).slice(0, 3), pod('d-1', 'd', { terminating: true })],
    [],
  ],
] as const) {
  test(`a rollout takes ${what}`, (t) => {
    t.deepEqual(step(rolling({ maxUnavailable, maxSurge: 0 }), [...pods]), { create: [], remove: [...remove] });
  });
}

test('OnDelete leaves old pods, and makes new ones of the present template', (t) => {
  const set = daemonSet({ updateStrategy: { type: 'OnDelete' } });
  t.deepEqual(step(set, onAll({ a: old, b: old })), { create: [], remove: [] });
  t.deepEqual(step(set, onAll({ a: old }).slice(0, 3)), { create: ['d'], remove: [] });
});

test('a surge makes the new pod first, and the old one goes when it is available', (t) => {
  const set = rolling({ maxSurge: 1, maxUnavailable: 0 });
  t.deepEqual(step(set, onAll({ a: old, b: old })), { create: ['a'], remove: [] });
  const waiting = [...onAll({ a: old, b: old }), pod('a-2', 'a', { ready: false })];
  t.deepEqual(step(set, waiting), { create: [], remove: [] });
  t.deepEqual(step(set, [...onAll({ a: old, b: old }), pod('a-2', 'a')]), { create: [], remove: ['a-1'] });
  t.deepEqual(step(set, onAll({ a: old, b: { ...old, ready: false } })).create, ['b', 'a']);
});

test('a limit of nothing at all is one', (t) => {
  const { nodes: views } = viewOf(rolling({ maxUnavailable: '0%' }), 'new', nodes, [], 0, () => 0);
  t.deepEqual(limitsOf({ set: rolling({ maxUnavailable: '0%' }), nodes: views }), { maxSurge: 0, maxUnavailable: 1 });
});

test('the status counts nodes, not pods', (t) => {
  const on = [...nodes.slice(0, 3), node('d', [taint('mine', 'NoSchedule')])];
  const pods = [
    pod('a-1', 'a'),
    pod('b-1', 'b', { hash: 'old', ready: true, readySince: 996 }),
    pod('b-2', 'b', { terminating: true }),
    pod('d-1', 'd'),
  ];
  const view = viewOf(daemonSet({ minReadySeconds: 5 }), 'new', on, pods, 1_000_000, () => 0);
  t.deepEqual(statusOf(view), {
    status: {
      currentNumberScheduled: 2,
      numberMisscheduled: 1,
      desiredNumberScheduled: 3,
      numberReady: 2,
      observedGeneration: 2,
      updatedNumberScheduled: 1,
      numberAvailable: 1,
      numberUnavailable: 2,
    },
    availableInMs: 1_000,
  });
});
