/** StatefulSets against a real API server over real etcd, as kubectl's users roll them out, back and up. */
import test from 'ava';
import type { Pod, StatefulSet } from '../../../master/api/types.ts';
import { isActive, isReady } from '../../../master/controllers/pod-facts.ts';
import { ControlPlane, patient } from '../../support/control-plane.ts';
import { Kubectl } from '../../support/kubectl.ts';
import { PaperNodes, PodHistory } from '../../support/paper-nodes.ts';
import { within } from '../../support/within.ts';

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

function statefulSet(name: string, spec: Partial<StatefulSet['spec']> = {}): StatefulSet {
  const labels = { app: name };
  const containers = [{ name: 'main', image: 'trimaster/echo:1' }];
  const template = { metadata: { labels }, spec: { containers, terminationGracePeriodSeconds: 1 } };
  const selector = { matchLabels: labels };
  return { metadata: { namespace: 'default', name }, spec: { replicas: 3, ...spec, selector, template } };
}

const finished = (name: string) => kubectl.run('rollout', 'status', `statefulset/${name}`, '--timeout=50s');
const podsOf = (app: string): Pod[] => nodes.pods.list().filter((pod) => pod.metadata?.labels?.app === app);
const imagesOf = (app: string): string[] =>
  podsOf(app)
    .toSorted(
      (a, b) => Number(a.metadata?.name?.slice(app.length + 1)) - Number(b.metadata?.name?.slice(app.length + 1)),
    )
    .map(({ spec }) => spec?.containers[0]?.image?.slice(-1) ?? '');

const uidOf = (name: string): string | undefined => nodes.pods.get(`default/${name}`)?.metadata?.uid;

/** This process's own cache of pods may be behind what kubectl has seen. */
const showsImages = (app: string, wanted: string) =>
  within(
    20,
    () => imagesOf(app).join(),
    (images) => images === wanted,
  );

/** In which order pods were made, and whether all that were there were ready at that moment. */
function births(app: string) {
  const seen: { readonly name: string; readonly isAlone: boolean }[] = [];
  nodes.pods.addHandler({
    added: ({ metadata }) => {
      if (metadata?.labels?.app !== app) return;
      const others = podsOf(app).filter((pod) => pod.metadata?.uid !== metadata.uid);
      seen.push({ name: metadata.name ?? '', isAlone: others.every((pod) => isActive(pod) && isReady(pod)) });
    },
  });
  return seen;
}

test.serial(
  'pods begin one after the other, are replaced from the highest, and go back to what they were',
  async (t) => {
    const controllers = await plane.startLeader(t, ...patient);
    const seen = births('db');
    await plane.client.create('statefulsets', statefulSet('db'));
    t.regex(await finished('db'), /statefulset rolling update complete|roll out complete/);
    await kubectl.run('set', 'image', 'statefulset/db', 'main=trimaster/echo:2');
    t.regex(await finished('db'), /complete/);
    t.deepEqual(
      seen.map(({ name }) => name),
      ['db-0', 'db-1', 'db-2', 'db-2', 'db-1', 'db-0'],
    );
    t.true(seen.every(({ isAlone }) => isAlone));
    t.regex(await kubectl.run('rollout', 'history', 'statefulset/db'), /\n1 .*\n2 /);
    await kubectl.run('rollout', 'undo', 'statefulset/db');
    await finished('db');
    await showsImages('db', '1,1,1');
    t.regex(await kubectl.run('get', 'statefulset', 'db'), /db\s+3\/3/);
    await kubectl.run('scale', 'statefulset/db', '--replicas=1');
    await within(
      20,
      () => podsOf('db').map(({ metadata }) => metadata?.name),
      (names) => names.join() === 'db-0',
    );
    await kubectl.run('delete', 'statefulset', 'db', '--cascade=foreground', '--timeout=30s');
    await showsImages('db', '');
    await controllers.stop();
  },
);

test.serial('a partition holds back the lower ordinals, also when one of them is made anew', async (t) => {
  const controllers = await plane.startLeader(t, ...patient);
  const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { partition: 2 } };
  await plane.client.create('statefulsets', statefulSet('part', { updateStrategy, podManagementPolicy: 'Parallel' }));
  await kubectl.run('wait', 'statefulset/part', '--for=jsonpath={.status.availableReplicas}=3', '--timeout=30s');
  await kubectl.run('set', 'image', 'statefulset/part', 'main=trimaster/echo:2');
  t.regex(await finished('part'), /partitioned roll out complete: 1 new pods/);
  const before = uidOf('part-0');
  // It would wait for the pod of that name to be gone, and may not have looked before the next one is there.
  await kubectl.run('delete', 'pod', 'part-0', '--wait=false');
  await within(
    20,
    () => uidOf('part-0'),
    (uid) => uid !== undefined && uid !== before,
  );
  await kubectl.run('wait', 'statefulset/part', '--for=jsonpath={.status.availableReplicas}=3', '--timeout=30s');
  await showsImages('part', '1,1,2');
  t.pass();
  await controllers.stop();
});

test.serial('each pod has claims of its own, which stay or go as is said', async (t) => {
  const controllers = await plane.startLeader(t, ...patient);
  const volumeClaimTemplates = [
    {
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    },
  ];
  const kept = { volumeClaimTemplates, replicas: 2 };
  await plane.client.create('statefulsets', statefulSet('kept', kept));
  const persistentVolumeClaimRetentionPolicy = { whenDeleted: 'Delete', whenScaled: 'Delete' };
  await plane.client.create('statefulsets', statefulSet('freed', { ...kept, persistentVolumeClaimRetentionPolicy }));
  const claims = async (): Promise<string> => {
    const { items } = await plane.client.list('persistentvolumeclaims', { namespace: 'default' });
    return items.map(({ metadata }) => metadata?.name).join();
  };
  const become = async (wanted: string): Promise<void> => void (await within(20, claims, (now) => now === wanted));
  await finished('kept');
  await finished('freed');
  t.is(await claims(), 'data-freed-0,data-freed-1,data-kept-0,data-kept-1');
  await kubectl.run('scale', 'statefulset/kept', 'statefulset/freed', '--replicas=1');
  await become('data-freed-0,data-kept-0,data-kept-1');
  await kubectl.run('scale', 'statefulset/freed', '--replicas=2');
  await become('data-freed-0,data-freed-1,data-kept-0,data-kept-1');
  await kubectl.run('delete', 'statefulset', 'kept', 'freed');
  await become('data-kept-0,data-kept-1');
  await controllers.stop();
});

test.serial(
  'a leader that is killed in the middle of a rollout leaves it to the next one, without a pod too many',
  async (t) => {
    const { leader, standby } = await plane.startTwo(t, ...patient);
    const history = new PodHistory(nodes.pods, 'taken');
    await plane.client.create('statefulsets', statefulSet('taken', { replicas: 5 }));
    await finished('taken');
    const seen = births('taken');
    const before = seen.length;
    await kubectl.run('set', 'image', 'statefulset/taken', 'main=trimaster/echo:2');
    await history.reaches(7);
    await leader.kill();
    await standby.untilLeading();
    t.regex(await finished('taken'), /complete/);
    t.is(history.created.size, 10);
    t.true(seen.slice(before).every(({ isAlone }) => isAlone));
  },
);
