/** The scheduler's process against a real API server over real etcd: what is bound where, what waits and why. */
import test from 'ava';
import type { Pod } from '../../../master/api/types.ts';
import { type Controllers, ControlPlane } from '../../support/control-plane.ts';
import { inParallel } from '../../support/in-parallel.ts';
import { within } from '../../support/within.ts';

const namespace = 'default';
let plane: ControlPlane;
let scheduler: Controllers;

test.before(async () => {
  plane = await ControlPlane.start();
  scheduler = await (await plane.startScheduler()).untilLeading();
});

test.after.always(() => plane?.stop());

/** A node with a label of its own, so that each test's pods stay on its nodes. */
async function addNode(name: string, pool: string, allocatable: Record<string, string>): Promise<void> {
  const now = new Date().toISOString();
  await plane.client.create('nodes', { metadata: { name, labels: { pool } } });
  const conditions = [{ type: 'Ready', status: 'True', lastHeartbeatTime: now, lastTransitionTime: now }];
  const status = { capacity: allocatable, allocatable, conditions };
  await plane.client.patch('nodes', { name }, { status }, { type: 'strategic', subresource: 'status' });
}

/** The taint of a new node is the node lifecycle controller's to take away; here there is none. */
async function openNodes(pool: string): Promise<void> {
  const { items } = await plane.client.list('nodes', { labelSelector: `pool=${pool}` });
  for (const { metadata, spec } of items) {
    if (!spec?.taints) continue;
    await plane.client.patch('nodes', { name: metadata?.name ?? '' }, { spec: { taints: null } }, { type: 'merge' });
  }
}

function podFor(pool: string, name: string, cpu: string, spec: Partial<NonNullable<Pod['spec']>> = {}): Pod {
  const container = { name: 'main', image: 'trimaster/echo:1', resources: { requests: { cpu } } };
  return {
    metadata: { namespace, name, labels: { pool } },
    spec: { nodeSelector: { pool }, containers: [container], ...spec },
  };
}

const podsOf = async (pool: string): Promise<Pod[]> =>
  (await plane.client.list('pods', { namespace, labelSelector: `pool=${pool}` })).items;

const get = (name: string): Promise<Pod> => plane.client.get('pods', { namespace, name });
const isBound = (pod: Pod): boolean => pod.spec?.nodeName !== undefined;

async function eventsOf(name: string): Promise<string[]> {
  const { items } = await plane.client.list('events', { namespace, fieldSelector: `involvedObject.name=${name}` });
  return items.map(({ type, reason, message }) => `${type} ${reason}: ${message}`);
}

test('a pod that fits nowhere says why, and is bound as soon as another makes room', async (t) => {
  await addNode('room-1', 'room', { cpu: '1', memory: '1Gi', pods: '10' });
  await openNodes('room');
  await plane.client.create('pods', podFor('room', 'room-first', '800m'));
  await within(10, () => get('room-first'), isBound);
  await plane.client.create('pods', podFor('room', 'room-second', '500m'));
  const waiting = await within(
    10,
    () => get('room-second'),
    ({ status }) => status?.conditions?.some(({ type }) => type === 'PodScheduled') ?? false,
  );
  const [condition] = waiting.status?.conditions ?? [];
  t.like(condition, { type: 'PodScheduled', status: 'False', reason: 'Unschedulable' });
  const message = condition?.message ?? '';
  // Other tests have nodes of their own here, which come and go.
  t.regex(message, /^0\/\d+ nodes are available: 1 Insufficient cpu/);
  const others = Number(/^0\/(\d+)/.exec(message)?.[1]) - 1;
  if (others > 0) t.true(message.includes(`, ${others} node(s) didn't match Pod's node affinity/selector.`), message);
  t.regex(message, /preemption: 0\/\d+ nodes are available: 1 No preemption victims found for incoming pod/);
  await within(
    10,
    () => eventsOf('room-second'),
    (events) => events.some((text) => text.startsWith('Warning FailedScheduling: 0/')),
  );
  await plane.client.delete('pods', { namespace, name: 'room-first' }, { gracePeriodSeconds: 0 });
  const bound = await within(15, () => get('room-second'), isBound);
  t.is(bound.spec?.nodeName, 'room-1');
  await within(
    10,
    () => eventsOf('room-second'),
    (events) => events.includes('Normal Scheduled: Successfully assigned default/room-second to room-1'),
  );
});

test('a pod that waits for a node is bound when one comes', async (t) => {
  await plane.client.create('pods', podFor('later', 'later', '100m'));
  await within(
    10,
    () => get('later'),
    ({ status }) => status?.conditions?.some(({ reason }) => reason === 'Unschedulable') ?? false,
  );
  await addNode('later-1', 'later', { cpu: '1', memory: '1Gi', pods: '10' });
  await openNodes('later');
  t.is((await within(15, () => get('later'), isBound)).spec?.nodeName, 'later-1');
});

test('a pod that wants to be far from its like waits for a node without one, and goes there', async (t) => {
  const room = { cpu: '2', memory: '1Gi', pods: '10' };
  const labelSelector = { matchLabels: { pool: 'far' } };
  const term = { labelSelector, topologyKey: 'kubernetes.io/hostname', namespaceSelector: {} };
  const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
  const label = async (name: string) => {
    const metadata = { labels: { 'kubernetes.io/hostname': name } };
    await plane.client.patch('nodes', { name }, { metadata }, { type: 'merge' });
  };
  await addNode('far-1', 'far', room);
  await label('far-1');
  await openNodes('far');
  await plane.client.create('pods', podFor('far', 'far-a', '10m', { affinity }));
  await within(10, () => get('far-a'), isBound);
  await plane.client.create('pods', podFor('far', 'far-b', '10m', { affinity }));
  const why = "1 node(s) didn't match pod anti-affinity rules";
  const said = (events: string[]) => events.some((text) => text.includes(why));
  await within(10, () => eventsOf('far-b'), said);
  await addNode('far-2', 'far', room);
  await label('far-2');
  await openNodes('far');
  t.is((await within(10, () => get('far-b'), isBound)).spec?.nodeName, 'far-2');
  await plane.client.create('pods', podFor('far', 'far-c', '10m', { affinity }));
  await within(
    10,
    () => eventsOf('far-c'),
    (events) => events.some((text) => text.includes("2 node(s) didn't match")),
  );
  await plane.client.delete('pods', { namespace, name: 'far-a' }, { gracePeriodSeconds: 0 });
  t.is((await within(10, () => get('far-c'), isBound)).spec?.nodeName, 'far-1');
});

test('a pod of a higher priority takes the room of one of a lower, and nobody else gets it meanwhile', async (t) => {
  await plane.client.create('priorityclasses', { metadata: { name: 'urgent' }, value: 1_000 });
  await addNode('preempt-1', 'preempt', { cpu: '1', memory: '1Gi', pods: '10' });
  await openNodes('preempt');
  await plane.client.create('pods', podFor('preempt', 'preempt-low', '900m'));
  await within(10, () => get('preempt-low'), isBound);
  const urgent = await plane.client.create(
    'pods',
    podFor('preempt', 'preempt-high', '600m', { priorityClassName: 'urgent' }),
  );
  const isEnding = ({ metadata }: Pod): boolean => metadata?.deletionTimestamp !== undefined;
  const victim = await within(10, () => get('preempt-low'), isEnding);
  t.like(
    victim.status?.conditions?.find(({ type }) => type === 'DisruptionTarget'),
    {
      status: 'True',
      reason: 'PreemptionByScheduler',
      message: 'default-scheduler: preempting to accommodate a higher priority pod',
    },
  );
  t.is((await get('preempt-high')).status?.nominatedNodeName, 'preempt-1');
  const preempted = `Normal Preempted: Preempted by pod ${urgent.metadata?.uid} on node preempt-1`;
  await within(
    10,
    () => eventsOf('preempt-low'),
    (events) => events.includes(preempted),
  );
  await plane.client.create('pods', podFor('preempt', 'preempt-late', '600m'));
  await plane.client.delete('pods', { namespace, name: 'preempt-low' }, { gracePeriodSeconds: 0 });
  const bound = await within(15, () => get('preempt-high'), isBound);
  t.is(bound.spec?.nodeName, 'preempt-1');
  t.is(bound.status?.nominatedNodeName, undefined);
  const isRefused = (events: string[]): boolean => events.some((text) => text.includes('1 Insufficient cpu'));
  await within(10, () => eventsOf('preempt-late'), isRefused);
  t.false(isBound(await get('preempt-late')));
});

test('pods of another scheduler, and pods with a gate, are left alone until the gate is gone', async (t) => {
  await addNode('gate-1', 'gate', { cpu: '1', memory: '1Gi', pods: '10' });
  await openNodes('gate');
  await plane.client.create('pods', podFor('gate', 'gate-other', '100m', { schedulerName: 'another' }));
  await plane.client.create('pods', podFor('gate', 'gate-shut', '100m', { schedulingGates: [{ name: 'a/b' }] }));
  await plane.client.create('pods', podFor('gate', 'gate-plain', '100m'));
  await within(10, () => get('gate-plain'), isBound);
  t.false(isBound(await get('gate-other')));
  t.false(isBound(await get('gate-shut')));
});

test('a burst of pods is bound at once, evenly, and no node is given more than it has', async (t) => {
  const nodes = 10;
  const count = 200;
  for (let i = 0; i < nodes; i++) await addNode(`burst-${i}`, 'burst', { cpu: '2', memory: '4Gi', pods: '30' });
  await openNodes('burst');
  const names = Array.from({ length: count }, (_, i) => `burst-${i}`);
  await inParallel(names, 4, (name) => plane.client.create('pods', podFor('burst', name, '100m')));
  const pods = await within(
    30,
    () => podsOf('burst'),
    (all) => all.filter(isBound).length === count,
  );
  const perNode = new Map<string, number>();
  for (const { spec } of pods) perNode.set(spec?.nodeName ?? '', (perNode.get(spec?.nodeName ?? '') ?? 0) + 1);
  t.deepEqual([...perNode.values()], Array(nodes).fill(count / nodes));
  t.regex(
    await scheduler.metrics(),
    /scheduler_schedule_attempts_total\{result="scheduled",profile="default-scheduler"\}/,
  );
});
