/** Which pods go so that one that matters more has room. */
import test from 'ava';
import type { Pod, PodDisruptionBudget } from '../../../master/api/types.ts';
import { Algorithm } from '../../../master/scheduler/algorithm.ts';
import { SchedulerCache } from '../../../master/scheduler/cache.ts';
import { diagnosisOf } from '../../../master/scheduler/diagnosis.ts';
import { plugins } from '../../../master/scheduler/plugins/index.ts';
import { podInfo } from '../../../master/scheduler/pod-info.ts';
import { preempt } from '../../../master/scheduler/preemption.ts';
import { node, pod } from './objects.ts';

const algorithm = new Algorithm(plugins, () => 0.5);

function cluster(...nodes: string[]): SchedulerCache {
  const cache = new SchedulerCache();
  for (const name of nodes) cache.setNode(node(name, { cpu: '2' }));
  return cache;
}

const running = (
  name: string,
  nodeName: string,
  cpu: string,
  priority: number,
  more: Partial<Pod['metadata']> = {},
): Pod => {
  const made = pod(name, { nodeName, cpu, spec: { priority } });
  return { ...made, metadata: { ...made.metadata, labels: { app: name }, ...more } };
};

/** `victims on node`, or why there are none. */
function attempt(cache: SchedulerCache, waiting: Pod, budgets: readonly PodDisruptionBudget[] = []): string {
  const info = podInfo(waiting);
  const choice = algorithm.choose(info, cache);
  if ('node' in choice) return `fits on ${choice.node}`;
  const before = new Map(cache.nodes().map((each) => [each.name, each.requested.milliCpu]));
  const preemption = preempt(info, choice.refused, cache, algorithm, budgets);
  for (const each of cache.nodes())
    if (each.requested.milliCpu !== before.get(each.name)) return 'a node is not as it was';
  if (preemption.kind === 'made') {
    return `${preemption.victims.map((victim) => victim.pod.metadata?.name).join(' ')} on ${preemption.node}`;
  }
  return diagnosisOf(choice.refused, preemption).message.replace(/^.*preemption: /, '');
}

const waiting = (cpu: string, priority: number, spec: Partial<NonNullable<Pod['spec']>> = {}): Pod =>
  pod('new', { cpu, spec: { priority, ...spec } });

test('of the pods of lower priority no more go than must, and those that matter least', (t) => {
  const cache = cluster('a');
  cache.setPod(running('low', 'a', '500m', 1));
  cache.setPod(running('lowest', 'a', '500m', 0));
  cache.setPod(running('high', 'a', '500m', 10));
  cache.setPod(running('equal', 'a', '500m', 5));
  t.is(attempt(cache, waiting('500m', 5)), 'lowest on a');
  t.is(attempt(cache, waiting('1', 5)), 'low lowest on a');
  t.is(attempt(cache, waiting('1500m', 5)), '0/1 nodes are available: 1 Insufficient cpu.');
  t.is(attempt(cache, waiting('1500m', 0)), '0/1 nodes are available: 1 No preemption victims found for incoming pod.');
});

test('the node is taken where what goes matters least: first to budgets, then by priority, then by number', (t) => {
  const cache = cluster('a', 'b', 'c', 'd');
  cache.setPod(running('guarded', 'a', '2', 0));
  cache.setPod(running('important', 'b', '2', 3));
  for (const i of [1, 2]) cache.setPod(running(`half-${i}`, 'c', '1', 1));
  cache.setPod(running('whole', 'd', '2', 1));
  const budget = {
    metadata: { namespace: 'default', name: 'guard' },
    spec: { selector: { matchLabels: { app: 'guarded' } } },
    status: { disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 },
  };
  t.is(attempt(cache, waiting('2', 9), [budget]), 'whole on d');
  t.is(attempt(cache, waiting('2', 9)), 'guarded on a');
  cache.removeNode('d');
  t.is(attempt(cache, waiting('2', 9), [budget]), 'half-1 half-2 on c');
  cache.removeNode('c');
  t.is(attempt(cache, waiting('2', 9), [budget]), 'important on b');
});

test('a pod that does not want it, or waits already for those that go, takes no more', (t) => {
  const cache = cluster('a', 'b');
  cache.setPod(running('other', 'b', '2', 0));
  const condition = { type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' };
  const going = running('going', 'a', '2', 0, { deletionTimestamp: '2026-01-01T00:00:00Z' });
  cache.setPod({ ...going, status: { conditions: [condition] } });
  t.is(attempt(cache, waiting('2', 9, { preemptionPolicy: 'Never' })), 'not eligible due to preemptionPolicy=Never.');
  const nominated = { ...waiting('2', 9), status: { nominatedNodeName: 'a' } };
  t.is(attempt(cache, nominated), 'not eligible due to a terminating pod on the nominated node.');
});

test('room that was made for a pod is not given to one that matters less', (t) => {
  const cache = cluster('a');
  cache.nominate(podInfo(waiting('1500m', 5)), 'a');
  const later = (priority: number): Pod => pod('later', { cpu: '1', spec: { priority } });
  t.regex(attempt(cache, later(0)), /No preemption victims/);
  t.is(attempt(cache, later(9)), 'fits on a');
  t.is(attempt(cache, waiting('1500m', 5)), 'fits on a');
  cache.withdraw('default/new');
  t.is(attempt(cache, later(0)), 'fits on a');
});

test('a pod that keeps another one away goes for it', (t) => {
  const cache = cluster('a');
  const term = { labelSelector: { matchLabels: { app: 'shy' } }, topologyKey: 'host' };
  const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
  cache.setNode(node('a', { labels: { host: 'a' } }));
  cache.setPod(running('shy', 'a', '100m', 0));
  t.is(attempt(cache, waiting('100m', 1, { affinity })), 'shy on a');
});
