/** DaemonSets against a real API server over real etcd, placed by the real scheduler, as kubectl's users roll them out and back. */
import test from 'ava';
import type { DaemonSet, Pod } from '../../../master/api/types.ts';
import { isActive, isReady } from '../../../master/controllers/pod-facts.ts';
import { ControlPlane, patient } from '../../support/control-plane.ts';
import { Kubectl } from '../../support/kubectl.ts';
import { PaperNodes, PodHistory } from '../../support/paper-nodes.ts';
import { within } from '../../support/within.ts';

let plane: ControlPlane;
let nodes: PaperNodes;
let kubectl: Kubectl;
const names = ['node-1', 'node-2', 'node-3', 'node-4'];

test.before(async () => {
  plane = await ControlPlane.start();
  nodes = await new PaperNodes(plane.client, { schedules: false }).start(...names);
  kubectl = new Kubectl(plane.kubeconfig);
  await plane.startScheduler();
});

test.after.always(async () => {
  await nodes?.stop();
  await plane?.stop();
});

function daemonSet(name: string, spec: Partial<DaemonSet['spec']> = {}): DaemonSet {
  const labels = { app: name };
  const containers = [{ name: 'main', image: 'trimaster/echo:1' }];
  const template = { metadata: { labels }, spec: { containers, terminationGracePeriodSeconds: 1 } };
  return { metadata: { namespace: 'default', name }, spec: { ...spec, selector: { matchLabels: labels }, template } };
}

const finished = (name: string) => kubectl.run('rollout', 'status', `daemonset/${name}`, '--timeout=50s');
const podsOf = (app: string): Pod[] =>
  nodes.pods.list().filter((pod) => pod.metadata?.labels?.app === app && isActive(pod));
const placesOf = (app: string): string[] =>
  podsOf(app)
    .map(({ spec }) => spec?.nodeName ?? '')
    .toSorted();

/** The fewest nodes with a ready pod, and the most pods on one node, from the moment of the call on. */
function extremes(app: string) {
  const seen = { leastReady: Number.POSITIVE_INFINITY, mostOnOne: 0 };
  const look = (): void => {
    const pods = podsOf(app);
    seen.leastReady = Math.min(seen.leastReady, new Set(pods.filter(isReady).map(({ spec }) => spec?.nodeName)).size);
    for (const on of Map.groupBy(pods, ({ spec }) => spec?.nodeName).values()) {
      seen.mostOnOne = Math.max(seen.mostOnOne, on.length);
    }
  };
  look();
  nodes.pods.addHandler({ added: look, updated: look, deleted: look });
  return seen;
}

test.serial('each node has its pod, also one that comes later, is cordoned, or no longer has the label', async (t) => {
  const controllers = await plane.startLeader(t, ...patient);
  await kubectl.run('cordon', 'node-4');
  await plane.client.create('daemonsets', daemonSet('agent'));
  t.regex(await finished('agent'), /successfully rolled out/);
  t.deepEqual(placesOf('agent'), names);
  await nodes.add('node-5');
  await kubectl.run('wait', 'daemonset/agent', '--for=jsonpath={.status.numberAvailable}=5', '--timeout=30s');
  t.regex(await kubectl.run('get', 'daemonset', 'agent'), /agent\s+5\s+5\s+5\s+5\s+5/);
  await kubectl.run('label', 'node', 'node-1', 'node-5', 'agent=yes');
  const patch = { spec: { template: { spec: { nodeSelector: { agent: 'yes' } } } } };
  await kubectl.run('patch', 'daemonset', 'agent', '-p', JSON.stringify(patch));
  await finished('agent');
  await within(
    20,
    () => placesOf('agent').join(),
    (places) => places === 'node-1,node-5',
  );
  await kubectl.run('delete', 'daemonset', 'agent', '--cascade=foreground', '--timeout=30s');
  await kubectl.run('delete', 'node', 'node-5');
  await kubectl.run('uncordon', 'node-4');
  await controllers.stop();
});

test.serial('a new image is rolled out one node after the other, and taken back', async (t) => {
  const controllers = await plane.startLeader(t, ...patient);
  await plane.client.create('daemonsets', daemonSet('web'));
  await finished('web');
  const seen = extremes('web');
  await kubectl.run('set', 'image', 'daemonset/web', 'main=trimaster/echo:2');
  t.regex(await finished('web'), /successfully rolled out/);
  t.like(seen, { leastReady: 3, mostOnOne: 1 });
  t.regex(await kubectl.run('rollout', 'history', 'daemonset/web'), /\n1 .*\n2 /);
  await kubectl.run('rollout', 'undo', 'daemonset/web');
  await finished('web');
  t.deepEqual(new Set(podsOf('web').map(({ spec }) => spec?.containers[0]?.image)), new Set(['trimaster/echo:1']));
  const { items } = await plane.client.list('controllerrevisions', { namespace: 'default', labelSelector: 'app=web' });
  t.deepEqual(items.map(({ revision }) => revision).toSorted(), [2, 3]);
  await controllers.stop();
});

test.serial('a surge leaves no node without a ready pod', async (t) => {
  const controllers = await plane.startLeader(t, ...patient);
  const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 2, maxUnavailable: 0 } };
  await plane.client.create('daemonsets', daemonSet('surge', { updateStrategy }));
  await finished('surge');
  const seen = extremes('surge');
  await kubectl.run('set', 'image', 'daemonset/surge', 'main=trimaster/echo:2');
  t.regex(await finished('surge'), /successfully rolled out/);
  t.like(seen, { leastReady: 4, mostOnOne: 2 });
  await controllers.stop();
});

test.serial(
  'a leader that is killed in the middle of a rollout leaves it to the next one, without a pod too many',
  async (t) => {
    const { leader, standby } = await plane.startTwo(t, ...patient);
    const history = new PodHistory(nodes.pods, 'taken');
    await plane.client.create('daemonsets', daemonSet('taken'));
    await finished('taken');
    const seen = extremes('taken');
    await kubectl.run('set', 'image', 'daemonset/taken', 'main=trimaster/echo:2');
    await history.reaches(6);
    await leader.kill();
    await standby.untilLeading();
    t.regex(await finished('taken'), /successfully rolled out/);
    t.is(history.created.size, 8);
    t.like(seen, { leastReady: 3, mostOnOne: 1 });
  },
);
