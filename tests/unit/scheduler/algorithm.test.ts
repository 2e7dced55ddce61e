import test from 'ava';
import { Algorithm, nodesWanted } from '../../../master/scheduler/algorithm.ts';
import { SchedulerCache } from '../../../master/scheduler/cache.ts';
import { plugins, pluginTable } from '../../../master/scheduler/plugins/index.ts';
import type { PodInfo } from '../../../master/scheduler/pod-info.ts';
import { Random } from '../../support/random.ts';
import { info, type NodeWishes, node, outcome, type PodWishes, pod } from './objects.ts';

function cluster(nodes: Record<string, NodeWishes>): SchedulerCache {
  const cache = new SchedulerCache();
  for (const [name, wishes] of Object.entries(nodes)) cache.setNode(node(name, wishes));
  return cache;
}

const algorithm = (seed = 1): Algorithm => {
  const random = new Random(seed);
  return new Algorithm(plugins, () => random.next());
};

/** Where the pod goes, or why nowhere. */
function choose(cache: SchedulerCache, wanted: PodInfo | PodWishes = {}): string {
  return outcome(algorithm(), 'key' in wanted ? wanted : info('new', wanted), cache);
}

const preempt = (text: string): string => `no new claims to deallocate, preemption: 0/${text}`;
const noVictims = 'No preemption victims found for incoming pod';
const notHelpful = 'Preemption is not helpful for scheduling';

test('a pod that fits nowhere is told what every node lacks, in the words of Kubernetes', (t) => {
  const cache = cluster({
    full: { cpu: '1', memory: '1Gi' },
    tainted: { taints: [{ key: 'dedicated', value: 'db', effect: 'NoSchedule' }] },
    cordoned: { unschedulable: true },
    crowded: { pods: '0' },
  });
  cache.setPod(pod('old', { cpu: '500m', memory: '512Mi', nodeName: 'full' }));
  t.is(
    choose(cache, { cpu: '1', memory: '1Gi' }),
    '0/4 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, 1 Too many pods, ' +
      '1 node(s) had untolerated taint(s), 1 node(s) were unschedulable. ' +
      preempt(`4 nodes are available: 2 ${noVictims}, 2 ${notHelpful}.`),
  );
});

test('a pod larger than the empty node could not be helped by removing others', (t) => {
  const cache = cluster({ small: { cpu: '1' } });
  t.is(
    choose(cache, { cpu: '2' }),
    `0/1 nodes are available: 1 Insufficient cpu. ${preempt(`1 nodes are available: 1 ${notHelpful}.`)}`,
  );
});

test('without any node it says so', (t) => {
  t.is(choose(new SchedulerCache()), 'no nodes available to schedule pods');
});

test('a selector or affinity that no node matches is named', (t) => {
  const cache = cluster({ a: { labels: { disk: 'hdd' } } });
  const expected = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. ";
  t.true(choose(cache, { spec: { nodeSelector: { disk: 'ssd' } } }).startsWith(expected));
});

test('required affinity takes one of its terms, by label or by name', (t) => {
  const cache = cluster({ a: { labels: { size: '3' } }, b: { labels: { size: '9' } }, c: {} });
  const wants = (...nodeSelectorTerms: object[]): string =>
    choose(cache, {
      spec: { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } } },
    });
  t.is(wants({ matchExpressions: [{ key: 'size', operator: 'Gt', values: ['5'] }] }), 'b');
  t.is(wants({ matchExpressions: [{ key: 'size', operator: 'DoesNotExist' }] }), 'c');
  t.is(wants({ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['a'] }] }), 'a');
  t.is(wants({}, { matchExpressions: [{ key: 'size', operator: 'In', values: ['3'] }] }), 'a');
  t.regex(wants({}), /^0\/3 nodes are available/);
});

test('preferred affinity draws a pod, but does not keep it from running elsewhere', (t) => {
  const spec = {
    affinity: {
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 10, preference: { matchExpressions: [{ key: 'disk', operator: 'In', values: ['ssd'] }] } },
        ],
      },
    },
  };
  const cache = cluster({ a: {}, b: { labels: { disk: 'ssd' } }, c: {} });
  t.is(choose(cache, { spec }), 'b');
  cache.removeNode('b');
  t.regex(choose(cache, { spec }), /^[ac]$/);
});

test('tolerations open tainted and cordoned nodes', (t) => {
  const taints = [{ key: 'gpu', value: 'yes', effect: 'NoExecute' }];
  const cache = cluster({ a: { taints, unschedulable: true } });
  t.regex(choose(cache), /were unschedulable/);
  const all = [{ operator: 'Exists' }];
  t.is(choose(cache, { spec: { tolerations: all } }), 'a');
  const exact = [
    { key: 'gpu', value: 'yes', effect: 'NoExecute' },
    { key: 'node.kubernetes.io/unschedulable', operator: 'Exists' },
  ];
  t.is(choose(cache, { spec: { tolerations: exact } }), 'a');
  const other = [
    { key: 'gpu', value: 'no' },
    { key: 'node.kubernetes.io/unschedulable', operator: 'Exists' },
  ];
  t.regex(choose(cache, { spec: { tolerations: other } }), /untolerated taint\(s\)/);
});

test('a taint PreferNoSchedule is avoided while there is another node', (t) => {
  const taints = [{ key: 'old', effect: 'PreferNoSchedule' }];
  const cache = cluster({ a: { taints }, b: {}, c: { taints } });
  t.is(choose(cache), 'b');
  cache.removeNode('b');
  t.regex(choose(cache), /^[ac]$/);
});

test('two pods of one node do not share a host port', (t) => {
  const cache = cluster({ a: {} });
  cache.setPod(pod('old', { hostPort: 80, nodeName: 'a' }));
  t.regex(choose(cache, { hostPort: 80 }), /1 node\(s\) didn't have free ports for the requested pod ports/);
  t.is(choose(cache, { hostPort: 81 }), 'a');
});

test('pods of one owner are spread evenly, whatever else runs there', (t) => {
  const cache = cluster({ a: {}, b: {}, c: {} });
  for (let i = 0; i < 5; i++) cache.setPod(pod(`other-${i}`, { cpu: '100m', nodeName: 'a' }));
  const chooser = algorithm();
  for (let i = 0; i < 9; i++) {
    const each = info(`rc-${i}`, { owner: 'rc', cpu: '100m' });
    const choice = chooser.choose(each, cache);
    cache.assume(each, 'node' in choice ? choice.node : '');
  }
  t.deepEqual(
    ['a', 'b', 'c'].map((name) => cache.node(name)?.podsOf('rc')),
    [3, 3, 3],
  );
});

test('pods of one owner are spread over zones too', (t) => {
  const zone = (name: string): NodeWishes => ({ labels: { 'topology.kubernetes.io/zone': name } });
  const cache = cluster({ a1: zone('a'), a2: zone('a'), b1: zone('b') });
  cache.setPod(pod('rc-0', { owner: 'rc', nodeName: 'a1' }));
  t.is(choose(cache, { owner: 'rc' }), 'b1');
});

test('the emptier of two nodes is taken', (t) => {
  const cache = cluster({ a: {}, b: {} });
  cache.setPod(pod('old', { cpu: '2', memory: '2Gi', nodeName: 'a' }));
  t.is(choose(cache, { cpu: '1', memory: '1Gi' }), 'b');
});

test('a node that has the image is taken among equals', (t) => {
  const images = [{ names: ['registry/big:1'], sizeBytes: 900 * 1024 * 1024 }];
  const cache = cluster({ a: {}, b: { images }, c: {} });
  t.is(choose(cache, { image: 'registry/big:1' }), 'b');
});

test('among equal nodes the draw decides, so none is preferred for its name', (t) => {
  const cache = cluster({ a: {}, b: {}, c: {} });
  const chosen = new Set<string>();
  for (let seed = 0; seed < 30; seed++) {
    const choice = algorithm(seed).choose(info('new'), cache);
    if ('node' in choice) chosen.add(choice.node);
  }
  t.is(chosen.size, 3);
});

test('no pod is ever placed where it does not fit', (t) => {
  const random = new Random(11);
  const cache = new SchedulerCache();
  for (let i = 0; i < 20; i++) cache.setNode(node(`n${i}`, { cpu: '2', memory: '2Gi', pods: '8' }));
  const chooser = new Algorithm(plugins, () => random.next());
  for (let i = 0; i < 400; i++) {
    const each = info(`p${i}`, { cpu: `${Math.floor(random.between(50, 900))}m`, memory: '128Mi' });
    const choice = chooser.choose(each, cache);
    if ('node' in choice) cache.assume(each, choice.node);
  }
  for (const held of cache.nodes()) {
    t.true(held.requested.milliCpu <= held.allocatable.milliCpu);
    t.true(held.requested.memory <= held.allocatable.memory);
    t.true(held.pods.size <= held.allowedPods);
  }
});

test('in a large cluster a part of the nodes is enough, in turn', (t) => {
  t.is(nodesWanted(50), 50);
  t.is(nodesWanted(1_000), 420);
  t.is(nodesWanted(10_000), 500);
  const cache = new SchedulerCache();
  for (let i = 0; i < 1_000; i++) cache.setNode(node(`n${i}`));
  const choice = algorithm().choose(info('new'), cache);
  t.like(choice, { feasible: 420, evaluated: 420 });
});

test('the table of plugins takes no name twice and no plugin without a purpose', (t) => {
  const filter = (): undefined => undefined;
  t.throws(
    () =>
      pluginTable([
        { name: 'A', filter },
        { name: 'A', filter },
      ]),
    { message: /has A twice/ },
  );
  t.throws(() => pluginTable([{ name: 'A' }]), { message: /neither filters nor scores/ });
});
