/** Where a pod goes that says something of other pods: near them, far from them, or spread among its like. */
import test from 'ava';
import type { Pod } from '../../../master/api/types.ts';
import { Algorithm } from '../../../master/scheduler/algorithm.ts';
import { SchedulerCache } from '../../../master/scheduler/cache.ts';
import { plugins } from '../../../master/scheduler/plugins/index.ts';
import { podInfo } from '../../../master/scheduler/pod-info.ts';
import { node, outcome, type PodWishes, pod } from './objects.ts';

type Spec = Partial<NonNullable<Pod['spec']>>;
type Spread = NonNullable<Spec['topologySpreadConstraints']>[number];
type Term = NonNullable<
  NonNullable<NonNullable<Spec['affinity']>['podAffinity']>['requiredDuringSchedulingIgnoredDuringExecution']
>[number];

const zoneKey = 'topology.kubernetes.io/zone';
const hostKey = 'kubernetes.io/hostname';

/** Nodes by name; the first letter is their zone, and `-` is none. */
function cluster(...names: string[]): SchedulerCache {
  const cache = new SchedulerCache();
  for (const name of names) {
    const zone: Record<string, string> = name.startsWith('-') ? {} : { [zoneKey]: name.slice(0, 1) };
    cache.setNode(node(name, { labels: { [hostKey]: name, ...zone } }));
  }
  return cache;
}

function labelled(
  name: string,
  app: string,
  { namespace = 'default', ...wishes }: PodWishes & { namespace?: string },
): Pod {
  const made = pod(name, wishes);
  return { ...made, metadata: { ...made.metadata, namespace, labels: { app } } };
}

/** Where each of the pods goes, one after the other; or the first reason why not. */
function place(cache: SchedulerCache, app: string, spec: Spec, count = 1): string[] {
  const algorithm = new Algorithm(plugins, () => 0.9);
  return Array.from({ length: count }, (_, i) => {
    const info = podInfo(labelled(`${app}-${i}`, app, { spec }));
    const where = outcome(algorithm, info, cache);
    if (cache.node(where)) cache.assume(info, where);
    return where.replace(/^.*?: |\. no new claims.*$/g, '');
  });
}

const about = (app: string, topologyKey: string, more: Partial<Term> = {}): Term => ({
  labelSelector: { matchLabels: { app } },
  topologyKey,
  ...more,
});
const far = (...terms: Term[]): Spec => ({
  affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
});
const near = (...terms: Term[]): Spec => ({
  affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
});
const spread = (app: string, more: Partial<Spread>): Spec => ({
  topologySpreadConstraints: [
    {
      maxSkew: 1,
      topologyKey: zoneKey,
      whenUnsatisfiable: 'DoNotSchedule',
      labelSelector: { matchLabels: { app } },
      ...more,
    },
  ],
});

test('pods that want to be far from their like go one to a place, and the one too many waits', (t) => {
  const [first, second, third] = place(cluster('a1', 'a2', 'b1'), 'db', far(about('db', zoneKey)), 3);
  t.deepEqual(new Set([first?.slice(0, 1), second?.slice(0, 1)]), new Set(['a', 'b']));
  t.is(third, "3 node(s) didn't match pod anti-affinity rules");
});

test('a pod that wants others far keeps them away after it', (t) => {
  const cache = cluster('a1', 'b1');
  cache.setPod(labelled('shy', 'shy', { nodeName: 'a1', spec: far(about('loud', zoneKey)) }));
  t.deepEqual(place(cache, 'loud', {}), ['b1']);
  cache.setPod(labelled('shy-2', 'shy', { nodeName: 'b1', spec: far(about('loud', zoneKey)) }));
  t.deepEqual(place(cache, 'loud', {}), ["2 node(s) didn't satisfy existing pods anti-affinity rules"]);
  t.is(place(cache, 'quiet', {}).length, 1);
});

test('a pod that wants to be near others goes where they are; the first of a group goes anywhere', (t) => {
  const cache = cluster('a1', 'b1', 'b2', '-x');
  t.deepEqual(place(cache, 'web', near(about('cache', zoneKey))), ["4 node(s) didn't match pod affinity rules"]);
  cache.setPod(labelled('cache', 'cache', { nodeName: 'b1' }));
  t.regex(place(cache, 'web', near(about('cache', zoneKey)))[0]!, /^b/);
  const group = place(cache, 'group', near(about('group', hostKey)), 3);
  t.is(new Set(group).size, 1);
});

test('a term is about the namespaces that it names or selects, and the pod’s own where it does neither', (t) => {
  const cache = cluster('a1', 'b1');
  cache.setNamespace({ metadata: { name: 'team', labels: { tier: 'data' } } });
  cache.setPod(labelled('db', 'db', { nodeName: 'a1', namespace: 'team' }));
  const cases: [Partial<Term>, boolean][] = [
    [{}, false],
    [{ namespaces: ['team'] }, true],
    [{ namespaceSelector: {} }, true],
    [{ namespaceSelector: { matchLabels: { tier: 'data' } } }, true],
    [{ namespaceSelector: { matchLabels: { tier: 'web' } } }, false],
  ];
  for (const [more, found] of cases) {
    const [where = ''] = place(cache, `web-${JSON.stringify(more).length}`, near(about('db', zoneKey, more)));
    t.is(where, found ? 'a1' : "2 node(s) didn't match pod affinity rules", JSON.stringify(more));
  }
});

test('what is preferred draws a pod to others or away from them', (t) => {
  const cache = cluster('a1', 'b1', 'c1');
  cache.setPod(labelled('db', 'db', { nodeName: 'b1' }));
  const preferred = [{ weight: 50, podAffinityTerm: about('db', zoneKey) }];
  const drawn = { podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred } };
  t.deepEqual(place(cache, 'web', { affinity: drawn }), ['b1']);
  const driven = { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred } };
  t.notDeepEqual(place(cache, 'batch', { affinity: driven }), ['b1']);
});

test('a hard constraint keeps the places even, and a node that is in none is no choice', (t) => {
  const cache = cluster('a1', 'a2', 'b1', '-x');
  const where = place(cache, 'web', spread('web', {}), 4).map((name) => name.slice(0, 1));
  t.deepEqual(where.sort(), ['a', 'a', 'b', 'b']);
  cache.setNode(node('b1', { unschedulable: true, labels: { [zoneKey]: 'b' } }));
  t.deepEqual(place(cache, 'late', spread('late', {}), 2).slice(1), [
    "1 node(s) didn't match pod topology spread constraints (missing required label), 1 node(s) were unschedulable, " +
      "2 node(s) didn't match pod topology spread constraints",
  ]);
});

test('with fewer places than are asked for, each counts from none', (t) => {
  const [first, second, third] = place(cluster('a1', 'b1'), 'web', spread('web', { minDomains: 3 }), 3);
  t.deepEqual([first, second].sort(), ['a1', 'b1']);
  t.is(third, "2 node(s) didn't match pod topology spread constraints");
});

test('a soft constraint spreads pods, and keeps none from running', (t) => {
  const spec = spread('web', { whenUnsatisfiable: 'ScheduleAnyway', topologyKey: hostKey });
  const where = place(cluster('a1', 'b1', 'c1'), 'web', spec, 6);
  t.deepEqual(where.sort(), ['a1', 'a1', 'b1', 'b1', 'c1', 'c1']);
  t.deepEqual(place(cluster('-x'), 'web', spread('web', { whenUnsatisfiable: 'ScheduleAnyway' })), ['-x']);
});
