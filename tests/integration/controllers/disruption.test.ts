/** PodDisruptionBudgets with the controller that counts for them, as kubectl's users meet them. */
import test from 'ava';
import type {
  CustomResourceDefinition,
  KubeObject,
  OwnerReference,
  Pod,
  PodDisruptionBudget,
} from '../../../master/api/types.ts';
import { ControlPlane } from '../../support/control-plane.ts';
import { Kubectl } from '../../support/kubectl.ts';
import { PaperNodes, replicationController } from '../../support/paper-nodes.ts';
import { within } from '../../support/within.ts';

const namespace = 'default';
/** None of these pods is evicted because a busy machine renews a node's lease late. */
const patient = { tolerationSeconds: 300 };
let plane: ControlPlane;
let nodes: PaperNodes;

test.before(async () => {
  plane = await ControlPlane.start();
  nodes = await new PaperNodes(plane.client).start('node-1', 'node-2');
  const controllers = 'replicationcontroller-controller,disruption-controller';
  await (await plane.startControllers('--controllers', controllers)).untilLeading();
});

test.after.always(async () => {
  await nodes?.stop();
  await plane?.stop();
});

const budget = (app: string, spec: PodDisruptionBudget['spec']) =>
  plane.client.create('poddisruptionbudgets', {
    metadata: { namespace, name: app },
    spec: { selector: { matchLabels: { app } }, ...spec },
  });

type Status = NonNullable<PodDisruptionBudget['status']>;

const counted = (name: string, is: (status: Status) => boolean) =>
  within(
    30,
    () => plane.client.get('poddisruptionbudgets', { namespace, name }),
    ({ status, metadata }) => status?.observedGeneration === metadata?.generation && !!status && is(status),
  );

test('kubectl drain waits where a budget allows nothing, and goes on with no more than it allows', async (t) => {
  const wanted = 4;
  await plane.client.create('replicationcontrollers', replicationController('web', wanted, patient));
  await budget('web', { minAvailable: wanted });
  const before = await counted('web', ({ currentHealthy }) => currentHealthy === wanted);
  t.like(before.status, { disruptionsAllowed: 0, desiredHealthy: wanted, expectedPods: wanted });
  t.like(before.status?.conditions?.[0], { type: 'DisruptionAllowed', status: 'False', reason: 'InsufficientPods' });

  const onNode = (name: string): Pod[] => nodes.pods.list().filter(({ spec }) => spec?.nodeName === name);
  const node = onNode('node-1').length > onNode('node-2').length ? 'node-1' : 'node-2';
  const kubectl = new Kubectl(plane.kubeconfig);
  const drain = kubectl.start('drain', node, '--pod-selector', 'app=web', '--timeout', '120s');
  t.teardown(drain.stop);
  await drain.until(/Cannot evict pod as it would violate the pod's disruption budget/);
  const isReady = ({ metadata, status }: Pod): boolean =>
    metadata?.labels?.app === 'web' &&
    !metadata.deletionTimestamp &&
    status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
  const ready = (): number => nodes.pods.list().filter(isReady).length;
  let least = ready();
  const look = (): void => {
    least = Math.min(least, ready());
  };
  nodes.pods.addHandler({ added: look, updated: look, deleted: look });
  const listed = onNode(node).filter(isReady);
  t.true(listed.length > 1, `${listed.length} pods are on the node`);

  const scaled = { spec: { replicas: wanted + 1 } };
  await plane.client.patch('replicationcontrollers', { namespace, name: 'web' }, scaled, { type: 'merge' });
  await drain.until(/node\/node-\d drained/);
  t.is(least, wanted);
  const { items: left } = await plane.client.list('pods', { namespace });
  const uids = new Set(left.map(({ metadata }) => metadata?.uid));
  t.deepEqual(
    listed.filter(({ metadata }) => uids.has(metadata?.uid)),
    [],
  );
  const after = await counted('web', ({ disruptionsAllowed }) => disruptionsAllowed === 1);
  t.like(after.status, { currentHealthy: wanted + 1, disruptedPods: undefined });
  t.like(after.status?.conditions?.[0], { status: 'True', reason: 'SufficientPods' });
});

const definition: CustomResourceDefinition = {
  metadata: { name: 'fleets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'fleets', kind: 'Fleet' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: { type: 'object', properties: { replicas: { type: 'integer' } } },
              status: { type: 'object', properties: { replicas: { type: 'integer' } } },
            },
          },
        },
        subresources: { scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' } },
      },
    ],
  },
};

test('what is expected is what the pods’ controllers want, custom ones too; who cannot tell allows nothing', async (t) => {
  const { client } = plane;
  const podOf = (app: string, owner: OwnerReference) =>
    client.create('pods', {
      metadata: { namespace, name: `${app}-1`, labels: { app }, ownerReferences: [{ controller: true, ...owner }] },
      spec: { containers: [{ name: 'c', image: 'x' }] },
    });

  const template = { metadata: { labels: { app: 'set' } }, spec: { containers: [{ name: 'c', image: 'x' }] } };
  const selector = { matchLabels: { app: 'set' } };
  const set = await client.create('statefulsets', {
    metadata: { namespace, name: 'set' },
    spec: { replicas: 5, selector, template, serviceName: 'set' },
  });
  await podOf('set', { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'set', uid: set.metadata?.uid ?? '' });
  await budget('set', { maxUnavailable: '30%' });
  // 30 of 100 of five are one and a half, which counts as two.
  await counted('set', ({ expectedPods, desiredHealthy }) => expectedPods === 5 && desiredHealthy === 3);

  await client.create('customresourcedefinitions', definition);
  const fleets = '/apis/example.com/v1/namespaces/default/fleets';
  const made: KubeObject = await within(
    30,
    async () => {
      const body = { apiVersion: 'example.com/v1', kind: 'Fleet', metadata: { name: 'f' }, spec: { replicas: 7 } };
      return (await client.request({ method: 'POST', path: fleets, body })) as KubeObject;
    },
    () => true,
  );
  await podOf('fleet', { apiVersion: 'example.com/v1', kind: 'Fleet', name: 'f', uid: made.metadata?.uid ?? '' });
  await budget('fleet', { minAvailable: '50%' });
  await counted('fleet', ({ expectedPods, desiredHealthy }) => expectedPods === 7 && desiredHealthy === 4);

  await podOf('job', { apiVersion: 'batch/v1', kind: 'Job', name: 'j', uid: 'none' });
  await budget('job', { maxUnavailable: 1 });
  const { status } = await within(
    30,
    () => client.get('poddisruptionbudgets', { namespace, name: 'job' }),
    ({ status: now }) => now?.conditions?.[0]?.reason === 'SyncFailed',
  );
  t.is(status?.disruptionsAllowed, 0);
  t.is(status?.conditions?.[0]?.message, 'jobs.batch does not implement the scale subresource');
});
