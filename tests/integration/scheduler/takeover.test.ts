/** Two schedulers over one API server: who acts, what a deposed one can still do. */
import test from 'ava';
import type { Pod } from '../../../master/api/types.ts';
import { ControlPlane } from '../../support/control-plane.ts';
import { inParallel } from '../../support/in-parallel.ts';
import { within } from '../../support/within.ts';

const namespace = 'default';
const ended = new AbortController();
const following: Promise<void>[] = [];
let plane: ControlPlane;

test.before(async () => {
  plane = await ControlPlane.start();
  const allocatable = { cpu: '100', memory: '100Gi', pods: '1000' };
  const now = new Date().toISOString();
  const conditions = [{ type: 'Ready', status: 'True', lastHeartbeatTime: now, lastTransitionTime: now }];
  for (const name of ['node-1', 'node-2', 'node-3']) {
    await plane.client.create('nodes', { metadata: { name } });
    const status = { capacity: allocatable, allocatable, conditions };
    await plane.client.patch('nodes', { name }, { status }, { type: 'strategic', subresource: 'status' });
    await plane.client.patch('nodes', { name }, { spec: { taints: null } }, { type: 'merge' });
  }
});

test.after.always(async () => {
  ended.abort();
  await Promise.all(following);
  await plane?.stop();
});

async function create(prefix: string, count: number): Promise<void> {
  const spec = { containers: [{ name: 'main', image: 'trimaster/echo:1' }] };
  const names = Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
  await inParallel(names, 4, (name) =>
    plane.client.create('pods', { metadata: { namespace, name, labels: { set: prefix } }, spec }),
  );
}

const podsOf = async (prefix: string): Promise<Pod[]> =>
  (await plane.client.list('pods', { namespace, labelSelector: `set=${prefix}` })).items;

/** Who holds the scheduler's Lease from now on, each holder once in a row; an empty name where it was given back. */
async function followHolders(): Promise<string[]> {
  const leases = { namespace: 'kube-system', fieldSelector: 'metadata.name=kube-scheduler' };
  const { items, metadata } = await plane.client.list('leases', leases);
  let last = items[0]?.spec?.holderIdentity ?? '';
  const holders: string[] = [];
  const follow = async (): Promise<void> => {
    const from = { ...leases, resourceVersion: metadata.resourceVersion ?? '' };
    for await (const events of plane.client.watch('leases', from, ended.signal)) {
      for (const { object } of events) {
        if (!('spec' in object)) continue;
        const holder = object.spec?.holderIdentity ?? '';
        if (holder !== last) holders.push(holder);
        last = holder;
      }
    }
  };
  following.push(follow());
  return holders;
}

const allBound = (pods: readonly Pod[]): boolean => pods.every(({ spec }) => spec?.nodeName !== undefined);
const places = (pods: readonly Pod[]): Record<string, string> =>
  Object.fromEntries(pods.map(({ metadata, spec }) => [metadata?.name ?? '', spec?.nodeName ?? '']));

async function scheduledEvents(): Promise<string[]> {
  const { items } = await plane.client.list('events', { namespace, fieldSelector: 'reason=Scheduled' });
  return items.map(({ involvedObject }) => involvedObject.name ?? '');
}

test.serial('a leader that was paused and wakes up binds nothing more and steps down', async (t) => {
  const first = await (await plane.startScheduler()).untilLeading();
  const second = await plane.startScheduler();
  t.teardown(() => Promise.all([first.kill(), second.kill()]));
  await create('before', 20);
  await within(15, () => podsOf('before'), allBound);
  first.pause();
  // They wait in the paused leader's connection, and it will find them there when it wakes.
  await create('paused', 50);
  await second.untilLeading();
  const bound = await within(15, () => podsOf('paused'), allBound);
  first.resume();
  await within(
    10,
    () => first.leads(),
    (leads) => !leads,
  );
  await create('after', 20);
  await within(15, () => podsOf('after'), allBound);
  t.deepEqual(places(await podsOf('paused')), places(bound));
  const said = await within(
    10,
    scheduledEvents,
    (names) => names.filter((name) => name.startsWith('after-')).length >= 20,
  );
  t.is(said.length, new Set(said).size, 'a pod was said to be scheduled twice');
  t.true(await second.leads());
});

test.serial('a scheduler that stops hands over at once, also in the middle of a burst', async (t) => {
  const first = await (await plane.startScheduler()).untilLeading();
  const second = await plane.startScheduler();
  t.teardown(() => Promise.all([first.kill(), second.kill()]));
  await within(
    10,
    async () => (await second.metrics()).includes('scheduler_pending_pods'),
    (up) => up,
  );
  const creating = create('burst', 200);
  await within(
    15,
    () => podsOf('burst'),
    (pods) => pods.some(({ spec }) => spec?.nodeName),
  );
  const holders = await followHolders();
  await first.stop();
  await second.untilLeading();
  // Given back, not run out: the second had nothing to wait for.
  const seen = await within(
    10,
    () => [...holders],
    (seen) => seen.length >= 2,
  );
  t.is(seen[0], '');
  await creating;
  const pods = await within(20, () => podsOf('burst'), allBound);
  t.is(pods.length, 200);
});
