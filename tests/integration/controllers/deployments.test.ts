/** Deployments against a real API server over real etcd, as kubectl's users roll them out, back and up. */
import test from 'ava';
import type { Pod } from '../../../master/api/types.ts';
import { isActive, isReady } from '../../../master/controllers/pod-facts.ts';
import { ControlPlane, patient } from '../../support/control-plane.ts';
import { Kubectl } from '../../support/kubectl.ts';
import { PaperNodes, PodHistory, replicationController } from '../../support/paper-nodes.ts';

let plane: ControlPlane;
let nodes: PaperNodes;
let kubectl: Kubectl;

test.before(async () => {
  plane = await ControlPlane.start();
  nodes = await new PaperNodes(plane.client).start('node-1', 'node-2');
  kubectl = new Kubectl(plane.kubeconfig);
});

test.after.always(async () => {
  await nodes?.stop();
  await plane?.stop();
});

function deployment(name: string, replicas: number, strategy: object = {}) {
  const { template } = replicationController(name, replicas).spec;
  const metadata = { namespace: 'default', name };
  return { metadata, spec: { replicas, strategy, selector: { matchLabels: { app: name } }, template } };
}

const finished = (name: string) => kubectl.run('rollout', 'status', `deployment/${name}`, '--timeout=50s');
const revisionsOf = async (name: string) =>
  (await plane.client.list('replicasets', { namespace: 'default', labelSelector: `app=${name}` })).items;

/** The most pods that there were at a time, and the fewest that were ready, from the moment of the call on. */
function extremes(app: string) {
  const seen = { most: 0, least: Number.POSITIVE_INFINITY };
  const look = (): void => {
    const active = nodes.pods.list().filter((pod: Pod) => pod.metadata?.labels?.app === app && isActive(pod));
    seen.most = Math.max(seen.most, active.length);
    seen.least = Math.min(seen.least, active.filter(isReady).length);
  };
  look();
  nodes.pods.addHandler({ added: look, updated: look, deleted: look });
  return seen;
}

test.serial('a new image is rolled out within the limits, and taken back', async (t) => {
  const controllers = await plane.startLeader(t, ...patient);
  await plane.client.create('deployments', deployment('web', 8, { rollingUpdate: { maxSurge: 2, maxUnavailable: 1 } }));
  t.regex(await finished('web'), /successfully rolled out/);
  // Its controller’s annotation is no change of what is wanted; anybody else’s is handed on to its ReplicaSet.
  const generation = () => kubectl.run('get', 'deployment', 'web', '-o', 'jsonpath={.metadata.generation}');
  t.is(await generation(), '1');
  await kubectl.run('annotate', 'deployment', 'web', 'told=so');
  await kubectl.run('label', 'deployment', 'web', 'told=so');
  t.is(await generation(), '2');
  const seen = extremes('web');
  await kubectl.run('set', 'image', 'deployment/web', 'main=trimaster/echo:2');
  t.regex(await finished('web'), /successfully rolled out/);
  t.true(seen.most <= 10, `${seen.most} pods at a time`);
  t.true(seen.least >= 7, `${seen.least} ready pods at a time`);
  t.regex(await kubectl.run('get', 'deployment', 'web'), /web\s+8\/8\s+8\s+8/);
  t.regex(await kubectl.run('rollout', 'history', 'deployment/web'), /\n1 .*\n2 /);
  await kubectl.run('rollout', 'undo', 'deployment/web');
  await finished('web');
  const images = await kubectl.run(
    'get',
    'pods',
    '-l',
    'app=web',
    '-o',
    'jsonpath={.items[*].spec.containers[0].image}',
  );
  t.deepEqual(new Set(images.split(' ')), new Set(['trimaster/echo:1']));
  t.deepEqual((await revisionsOf('web')).map(({ spec }) => spec?.replicas).sort(), [0, 8]);
  const events = await kubectl.run('get', 'events', '--field-selector', 'involvedObject.name=web');
  t.regex(events, /ScalingReplicaSet\s+deployment\/web\s+Scaled up replica set web-\S+ from 0 to 8/);
  await controllers.stop();
});

test.serial('a rollout that is paused goes on where it was, also when its size was changed meanwhile', async (t) => {
  const controllers = await plane.startLeader(t, ...patient);
  await plane.client.create('deployments', deployment('paused', 4));
  await finished('paused');
  await kubectl.run('rollout', 'pause', 'deployment/paused');
  await kubectl.run('set', 'image', 'deployment/paused', 'main=trimaster/echo:2');
  await kubectl.run('scale', 'deployment/paused', '--replicas=6');
  await kubectl.run('wait', 'deployment/paused', '--for=jsonpath={.status.availableReplicas}=6', '--timeout=30s');
  t.is((await revisionsOf('paused')).length, 1, 'nothing new while it is paused');
  await kubectl.run('rollout', 'resume', 'deployment/paused');
  t.regex(await finished('paused'), /successfully rolled out/);
  t.deepEqual((await revisionsOf('paused')).map(({ spec }) => spec?.replicas).sort(), [0, 6]);
  await controllers.stop();
});

test.serial('Recreate has no new pod while there is an old one', async (t) => {
  const controllers = await plane.startLeader(t, ...patient);
  await plane.client.create('deployments', deployment('again', 3, { type: 'Recreate' }));
  await finished('again');
  const images = new Set<string>();
  const both: string[] = [];
  nodes.pods.addHandler({
    added: (pod) => {
      if (pod.metadata?.labels?.app !== 'again') return;
      const there = nodes.pods.list().filter(({ metadata }) => metadata?.labels?.app === 'again');
      const present = new Set(there.map(({ spec }) => spec?.containers[0]?.image ?? ''));
      for (const image of present) images.add(image);
      if (present.size > 1) both.push([...present].join());
    },
  });
  await kubectl.run('set', 'image', 'deployment/again', 'main=trimaster/echo:2');
  t.regex(await finished('again'), /successfully rolled out/);
  t.true(images.has('trimaster/echo:2'));
  t.deepEqual(both, []);
  await controllers.stop();
});

test.serial(
  'a leader that is killed in the middle of a rollout leaves it to the next one, without one pod too many',
  async (t) => {
    const { leader, standby } = await plane.startTwo(t, ...patient);
    const history = new PodHistory(nodes.pods, 'taken');
    await plane.client.create(
      'deployments',
      deployment('taken', 40, { rollingUpdate: { maxSurge: 4, maxUnavailable: 4 } }),
    );
    await finished('taken');
    const seen = extremes('taken');
    await kubectl.run('set', 'image', 'deployment/taken', 'main=trimaster/echo:2');
    await history.reaches(50);
    await leader.kill();
    await standby.untilLeading();
    t.regex(await finished('taken'), /successfully rolled out/);
    t.is(history.created.size, 80);
    t.true(seen.most <= 44, `${seen.most} pods at a time`);
    t.true(seen.least >= 36, `${seen.least} ready pods at a time`);
    t.is((await revisionsOf('taken')).length, 2);
  },
);

test.serial('a ReplicaSet of its own keeps its pods, and goes with them', async (t) => {
  const controllers = await plane.startLeader(t, ...patient);
  const { spec } = deployment('alone', 3);
  const { strategy: _, ...set } = spec;
  await plane.client.create('replicasets', { metadata: { namespace: 'default', name: 'alone' }, spec: set });
  await kubectl.run('wait', 'replicaset/alone', '--for=jsonpath={.status.availableReplicas}=3', '--timeout=30s');
  await kubectl.run('delete', 'pod', '-l', 'app=alone', '--wait=false');
  await kubectl.run('wait', 'replicaset/alone', '--for=jsonpath={.status.availableReplicas}=3', '--timeout=30s');
  await kubectl.run('scale', 'replicaset/alone', '--replicas=1');
  await kubectl.run('wait', 'replicaset/alone', '--for=jsonpath={.status.replicas}=1', '--timeout=30s');
  await kubectl.run('delete', 'replicaset', 'alone', '--cascade=foreground', '--timeout=30s');
  t.is((await plane.client.list('pods', { namespace: 'default', labelSelector: 'app=alone' })).items.length, 0);
  await controllers.stop();
});
