/** Replication controllers against a real API server over real etcd: exactly as many pods as asked, whatever happens. */
import test from 'ava';
import { ControlPlane } from '../../support/control-plane.ts';
import { PaperNodes, PodHistory, replicationController } from '../../support/paper-nodes.ts';
import { within } from '../../support/within.ts';

/** None of these pods is evicted because a busy machine renews a node's lease late. */
const patient = { tolerationSeconds: 300 };
let plane: ControlPlane;
let nodes: PaperNodes;

test.before(async () => {
  plane = await ControlPlane.start();
  nodes = await new PaperNodes(plane.client).start('node-1', 'node-2');
});

test.after.always(async () => {
  await nodes?.stop();
  await plane?.stop();
});

const statusOf = async (name: string) =>
  (await plane.client.get('replicationcontrollers', { namespace: 'default', name })).status;

async function settled(name: string, replicas: number): Promise<void> {
  await within(
    30,
    () => statusOf(name),
    (status) => status?.replicas === replicas && (status.availableReplicas ?? 0) === replicas,
  );
}

const scale = (name: string, replicas: number) =>
  plane.client.patch(
    'replicationcontrollers',
    { namespace: 'default', name },
    { spec: { replicas } },
    { type: 'merge' },
  );

test.serial('a controller scales up and down without one pod too many', async (t) => {
  const controllers = await plane.startLeader(t);
  const history = new PodHistory(nodes.pods, 'steps');
  await plane.client.create('replicationcontrollers', replicationController('steps', 20));
  await settled('steps', 20);
  t.is(history.created.size, 20);
  await scale('steps', 5);
  await settled('steps', 5);
  await within(
    10,
    () => history.deleted.size,
    (size) => size === 15,
  );
  await scale('steps', 8);
  await settled('steps', 8);
  t.is(history.created.size, 23);
  t.is(history.deleted.size, 15);
  const events = await plane.client.list('events', { namespace: 'default' });
  const reasons = new Set(events.items.map(({ reason, source }) => `${source?.component}/${reason}`));
  t.true(reasons.has('replication-controller/SuccessfulCreate'));
  t.true(reasons.has('replication-controller/SuccessfulDelete'));
  await controllers.stop();
});

test.serial('an orphan is adopted, and a pod whose labels change is let go and replaced', async (t) => {
  const controllers = await plane.startLeader(t);
  const { metadata: _, ...template } = replicationController('claims', 2).spec.template;
  const orphan = { metadata: { namespace: 'default', name: 'orphan', labels: { app: 'claims' } }, ...template };
  await plane.client.create('pods', orphan);
  const history = new PodHistory(nodes.pods, 'claims');
  await plane.client.create('replicationcontrollers', replicationController('claims', 2));
  await settled('claims', 2);
  t.is(history.created.size, 2, 'the orphan and one more');
  const adopted = await plane.client.get('pods', { namespace: 'default', name: 'orphan' });
  t.is(adopted.metadata?.ownerReferences?.[0]?.name, 'claims');
  const labels = { labels: { app: 'freed' } };
  await plane.client.patch('pods', { namespace: 'default', name: 'orphan' }, { metadata: labels }, { type: 'merge' });
  await within(
    10,
    () => plane.client.get('pods', { namespace: 'default', name: 'orphan' }),
    (pod) => (pod.metadata?.ownerReferences ?? []).length === 0,
  );
  await settled('claims', 2);
  await controllers.stop();
});

test.serial('a leader that is killed in the middle of its work leaves no pod too many to the next one', async (t) => {
  const { leader, standby } = await plane.startTwo(t);
  const history = new PodHistory(nodes.pods, 'takeover');
  await plane.client.create('replicationcontrollers', replicationController('takeover', 400, patient));
  await history.reaches(50);
  await leader.kill();
  const atKill = history.created.size;
  await standby.untilLeading();
  await settled('takeover', 400);
  t.true(atKill < 400, `the first leader was killed after ${atKill}`);
  t.is(history.created.size, 400);
  t.is(history.deleted.size, 0);
});

test.serial('a leader that was paused and comes back does nothing more', async (t) => {
  const { leader, standby } = await plane.startTwo(t);
  const history = new PodHistory(nodes.pods, 'paused');
  await plane.client.create('replicationcontrollers', replicationController('paused', 300, patient));
  await history.reaches(50);
  leader.pause();
  await standby.untilLeading();
  leader.resume();
  await settled('paused', 300);
  t.is(history.created.size, 300);
  t.is(history.deleted.size, 0);
  await within(
    10,
    () => leader.leads(),
    (leads) => !leads,
  );
});
