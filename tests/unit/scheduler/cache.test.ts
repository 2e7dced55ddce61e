import test from 'ava';
import { SchedulerCache } from '../../../master/scheduler/cache.ts';
import type { NodeInfo } from '../../../master/scheduler/node-info.ts';
import { podInfo } from '../../../master/scheduler/pod-info.ts';
import { Random } from '../../support/random.ts';
import { info, node, pod } from './objects.ts';

const cpuOf = (cache: SchedulerCache, name: string): number | undefined => cache.node(name)?.requested.milliCpu;

test('an assumed pod takes room at once, and being confirmed takes no more', (t) => {
  const cache = new SchedulerCache();
  cache.setNode(node('n'));
  cache.assume(info('a', { cpu: '1' }), 'n');
  t.is(cpuOf(cache, 'n'), 1_000);
  cache.setPod(pod('a', { cpu: '1', nodeName: 'n' }));
  t.is(cpuOf(cache, 'n'), 1_000);
  t.false(cache.isAssumed('default/a'));
});

test('the watch is right: a pod assumed on one node and seen on another is on the other', (t) => {
  const cache = new SchedulerCache();
  cache.setNode(node('n1'));
  cache.setNode(node('n2'));
  cache.assume(info('a', { cpu: '1' }), 'n1');
  cache.setPod(pod('a', { cpu: '1', nodeName: 'n2' }));
  t.is(cpuOf(cache, 'n1'), 0);
  t.is(cpuOf(cache, 'n2'), 1_000);
});

test('a failed binding frees the room', (t) => {
  const cache = new SchedulerCache();
  cache.setNode(node('n'));
  cache.assume(info('a', { cpu: '1' }), 'n');
  t.is(cache.forget(info('a'))?.name, 'n');
  t.is(cpuOf(cache, 'n'), 0);
});

test('a failed binding does not take away what is assumed of a newer pod of the same name', (t) => {
  const cache = new SchedulerCache();
  cache.setNode(node('n'));
  cache.assume(info('a', { uid: 'new', cpu: '1' }), 'n');
  t.is(cache.forget(info('a', { uid: 'old' })), undefined);
  t.is(cpuOf(cache, 'n'), 1_000);
});

test('an assumed pod expires only when its binding is over and its time has passed', (t) => {
  const cache = new SchedulerCache({ assumedForMs: 100 });
  cache.setNode(node('n'));
  const a = info('a', { cpu: '1' });
  cache.assume(a, 'n');
  t.deepEqual(cache.expire(1_000_000), []);
  cache.finishBinding(a, 0);
  t.deepEqual(cache.expire(99), []);
  t.deepEqual(cache.expire(100), [a]);
  t.is(cpuOf(cache, 'n'), 0);
});

test('pods that are known before their node count once the node comes', (t) => {
  const cache = new SchedulerCache();
  cache.setPod(pod('a', { cpu: '1', nodeName: 'n' }));
  t.is(cache.nodes().length, 0);
  cache.setNode(node('n'));
  t.is(cache.nodes().length, 1);
  t.is(cpuOf(cache, 'n'), 1_000);
});

test('a removed node is no candidate, and its pods are still let go of cleanly', (t) => {
  const cache = new SchedulerCache();
  cache.setNode(node('n'));
  cache.setPod(pod('a', { nodeName: 'n' }));
  cache.removeNode('n');
  t.is(cache.nodes().length, 0);
  cache.removePod(pod('a', { nodeName: 'n' }));
  t.is(cache.node('n'), undefined);
});

test('images are counted over the nodes that have them', (t) => {
  const cache = new SchedulerCache();
  const images = [{ names: ['echo:1'], sizeBytes: 100 }];
  cache.setNode(node('n1', { images }));
  cache.setNode(node('n2', { images }));
  t.deepEqual(cache.image('echo:1'), { size: 100, nodes: 2 });
  cache.setNode(node('n1'));
  cache.removeNode('n2');
  t.is(cache.image('echo:1'), undefined);
});

test('sums kept by steps equal sums made anew, over any history', (t) => {
  const random = new Random(7);
  const cache = new SchedulerCache();
  for (let i = 0; i < 5; i++) cache.setNode(node(`n${i}`));
  for (let step = 0; step < 2_000; step++) {
    const name = `p${Math.floor(random.between(0, 40))}`;
    const wishes = {
      cpu: `${Math.floor(random.between(1, 500))}m`,
      memory: '1Mi',
      owner: random.chance(0.5) ? 'rc' : undefined,
      hostPort: random.chance(0.3) ? Math.floor(random.between(1, 50)) : undefined,
      nodeName: `n${Math.floor(random.between(0, 5))}`,
    };
    if (random.chance(0.4)) cache.removePod(pod(name));
    else if (random.chance(0.5)) cache.setPod(pod(name, wishes));
    else if (!cache.has(`default/${name}`)) cache.assume(info(name, wishes), wishes.nodeName);
  }
  for (const held of cache.nodes()) t.deepEqual(sums(held), sumsAnew(held));
});

function sums(held: NodeInfo): unknown {
  return { cpu: held.requested.milliCpu, memory: held.scored.memory, siblings: held.podsOf('rc'), ports: ports(held) };
}

function sumsAnew(held: NodeInfo): unknown {
  const pods = [...held.pods.values()].map((each) => podInfo(each.pod));
  const taken = new Set(pods.flatMap((each) => each.hostPorts.map(({ port }) => port)));
  return {
    cpu: pods.reduce((sum, { requests }) => sum + requests.milliCpu, 0),
    memory: pods.reduce((sum, { scored }) => sum + scored.memory, 0),
    siblings: pods.filter(({ owner }) => owner === 'rc').length,
    ports: [...Array(50).keys()].filter((port) => taken.has(port)),
  };
}

function ports(held: NodeInfo): number[] {
  return [...Array(50).keys()].filter((port) => held.portsTaken([{ protocol: 'TCP', ip: '0.0.0.0', port }]));
}
