/** One stored object, served in several versions. */
import test, { type ExecutionContext } from 'ava';
import type { KubeObject } from '../../../master/api/types.ts';
import type { Resource } from '../../../master/apiserver/registry/resource.ts';
import { context, refusal, startWorld, Watching } from './world.ts';

const hpa = (name: string, percentage: number): KubeObject =>
  ({
    apiVersion: 'autoscaling/v1',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' },
      maxReplicas: 3,
      targetCPUUtilizationPercentage: percentage,
    },
  }) as KubeObject;

const cpu = (averageUtilization: number): object[] => [
  { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } } },
];

const ctx = context();

async function versions(t: ExecutionContext, group: string, ...names: [string, string]): Promise<[Resource, Resource]> {
  const { registries, stop } = await startWorld();
  t.teardown(stop);
  const [first, second] = names.map((version) => registries[0]?.resource(group, version, 'horizontalpodautoscalers'));
  if (!first || !second) throw new Error('a version is not served');
  return [first, second];
}

test('what is written in one version is read in the other, and every verb speaks its own', async (t) => {
  const [v1, v2] = await versions(t, 'autoscaling', 'v1', 'v2');
  const name = { namespace: 'default', name: 'a' };
  const watching = { v1: new Watching(), v2: new Watching() };
  const stopping = new AbortController();
  await v1.watch(ctx, 'default', {}, watching.v1, stopping.signal);
  await v2.watch(ctx, 'default', {}, watching.v2, stopping.signal);

  const created = await v1.create(ctx, 'default', hpa('a', 50));
  t.like(created.object, {
    apiVersion: 'autoscaling/v1',
    spec: { minReplicas: 1, targetCPUUtilizationPercentage: 50 },
  });
  t.like((await v2.get(ctx, name, {})).object, { apiVersion: 'autoscaling/v2', spec: { metrics: cpu(50) } });

  const patched = await v1.patch(ctx, name, {
    type: 'strategic',
    patch: { spec: { targetCPUUtilizationPercentage: 60 } },
  });
  t.like(patched.object, { spec: { targetCPUUtilizationPercentage: 60 } });
  t.like((await v2.patch(ctx, name, { type: 'merge', patch: { spec: { maxReplicas: 9 } } })).object, {
    spec: { metrics: cpu(60), maxReplicas: 9 },
  });

  const config = { ...hpa('a', 70), spec: { targetCPUUtilizationPercentage: 70 } };
  const applied = await v1.apply(context({ fieldManager: 'me' }), name, config, { force: true, mayCreate() {} });
  t.like(applied.stored.object, { apiVersion: 'autoscaling/v1', spec: { targetCPUUtilizationPercentage: 70 } });

  const status = {
    ...applied.stored.object,
    status: { currentReplicas: 1, desiredReplicas: 2, currentCPUUtilizationPercentage: 5 },
  };
  await v1.update(ctx, name, structuredClone(status) as KubeObject, 'status');
  const [listed] = (await v2.list(ctx, 'default', {})).items;
  t.like(listed?.object, { spec: { metrics: cpu(70) }, status: { currentReplicas: 1, desiredReplicas: 2 } });
  const [shown] = (await v1.list(ctx, 'default', {})).items;
  t.like(shown?.object, { apiVersion: 'autoscaling/v1', status: { currentCPUUtilizationPercentage: 5 } });
  t.like(JSON.parse(shown?.bytes.toString() ?? ''), { apiVersion: 'autoscaling/v1' });

  await v1.delete(ctx, name, {});
  const story = ['ADDED a', 'MODIFIED a', 'MODIFIED a', 'MODIFIED a', 'MODIFIED a', 'DELETED a'];
  t.deepEqual(await watching.v1.until(6), story);
  t.deepEqual(await watching.v2.until(6), story);
  stopping.abort();
});

test('who manages what is noted in the version that he wrote in, and holds against those who write in another', async (t) => {
  const [v1, v2] = await versions(t, 'autoscaling', 'v1', 'v2');
  const name = { namespace: 'default', name: 'a' };
  const by = (fieldManager: string) => context({ fieldManager });
  const apply = { force: false, mayCreate() {} };
  const managers = ({ object }: { object: KubeObject }) =>
    object.metadata?.managedFields?.map(({ manager, apiVersion, fieldsV1 }) => [
      `${manager} ${apiVersion}`,
      Object.keys((fieldsV1 as { 'f:spec': object })['f:spec']).filter((field) => field !== 'f:scaleTargetRef'),
    ]);

  const made = await v1.apply(by('one'), name, hpa('a', 50), apply);
  const first = ['one autoscaling/v1', ['f:maxReplicas', 'f:targetCPUUtilizationPercentage']];
  t.deepEqual(managers(made.stored), [first]);
  const elsewhere = await v2.patch(by('two'), name, { type: 'merge', patch: { spec: { minReplicas: 2 } } });
  t.deepEqual(managers(elsewhere), [first, ['two autoscaling/v2', ['f:minReplicas']]]);
  const taken = await v2.patch(by('two'), name, { type: 'merge', patch: { spec: { metrics: cpu(60) } } });
  const second = ['two autoscaling/v2', ['f:metrics', 'f:minReplicas']];
  t.deepEqual(managers(taken), [['one autoscaling/v1', ['f:maxReplicas']], second]);

  const refused = await refusal(v1.apply(by('one'), name, hpa('a', 70), apply));
  const conflict = 'Apply failed with 1 conflict: conflict with "two" using autoscaling/v2: .spec.metrics';
  t.is(refused.message, conflict);
  await v1.apply(by('one'), name, hpa('a', 70), { ...apply, force: true });
  const { spec, ...rest } = (await v2.get(ctx, name, {})).object as KubeObject & { spec: { scaleTargetRef: object } };
  t.like(spec, { metrics: cpu(70) });
  const config = { ...rest, metadata: { name: 'a' }, spec: { maxReplicas: 3, scaleTargetRef: spec.scaleTargetRef } };
  const moved = await v2.apply(by('one'), name, structuredClone(config) as KubeObject, apply);
  t.deepEqual(managers(moved.stored), [
    ['one autoscaling/v2', ['f:maxReplicas']],
    ['two autoscaling/v2', ['f:minReplicas']],
  ]);
  t.like(moved.stored.object, { spec: { metrics: cpu(80) } }, 'what is no longer said is what it is by default');
});

test('an object of the wrong version, and a field of another one, are refused', async (t) => {
  const [v1, v2] = await versions(t, 'autoscaling', 'v1', 'v2');
  const wrong = await refusal(v2.create(context(), 'default', hpa('a', 50)));
  t.is(wrong.code, 400);
  const strict = context({ fieldValidation: 'Strict' });
  const unknown = await refusal(v1.create(strict, 'default', { ...hpa('a', 50), spec: { metrics: [] } } as KubeObject));
  t.regex(unknown.message, /unknown field "spec.metrics"/);
});
