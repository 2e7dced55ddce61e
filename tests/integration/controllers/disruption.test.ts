/** PodDisruptionBudgets with the controller that counts for them, as kubectl's users meet them. */
import test from 'ava';
import type {
  CustomResourceDefinition,
  KubeObject,
  OwnerReference,
  PodDisruptionBudget,
} from '../../../master/api/types.ts';
import { ControlPlane } from '../../support/control-plane.ts';
import { PaperNodes } from '../../support/paper-nodes.ts';
import { within } from '../../support/within.ts';

const namespace = 'default';
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
