/** How the flow schemas and priority levels that every cluster begins with are kept. */
import test from 'ava';
import type { FlowSchema } from '../../../master/api/types.ts';
import { makeDefaultFlowControl } from '../../../master/apiserver/flowcontrol/upkeep.ts';
import { context, objectOf, resource, startWorld } from './world.ts';

const autoupdate = 'apf.kubernetes.io/autoupdate-spec';

test('default flow schemas are kept as their annotation says, and those that are no more go', async (t) => {
  const world = await startWorld();
  t.teardown(world.stop);
  const [registry] = world.registries;
  if (!registry) throw new Error('no registry');
  const ctx = context();
  const schemas = resource(registry, 'flowschemas');
  const upkeep = () => makeDefaultFlowControl(registry, ctx);
  const read = async (name: string): Promise<FlowSchema> =>
    objectOf('flowschemas', await schemas.get(ctx, { name }, {}));
  const change = async (name: string, patch: object) => schemas.patch(ctx, { name }, { type: 'merge', patch });
  await upkeep();
  const initial = await read('service-accounts');
  t.is(initial.metadata?.annotations?.[autoupdate], 'true');

  await change('service-accounts', { spec: { matchingPrecedence: 8_000 } });
  await change('global-default', {
    spec: { matchingPrecedence: 9_800 },
    metadata: { annotations: { [autoupdate]: 'false' } },
  });
  await change('kube-scheduler', {
    spec: { matchingPrecedence: 801 },
    metadata: { annotations: { [autoupdate]: null } },
  });
  await change('catch-all', { metadata: { annotations: { [autoupdate]: 'false' } } });
  await schemas.delete(ctx, { name: 'probes' }, {});
  const { metadata: _metadata, ...old } = initial;
  await schemas.create(ctx, undefined, { ...old, metadata: { name: 'of-old', annotations: { [autoupdate]: 'true' } } });
  await upkeep();

  t.is((await read('service-accounts')).spec?.matchingPrecedence, 9_000);
  t.is((await read('global-default')).spec?.matchingPrecedence, 9_800);
  const scheduler = await read('kube-scheduler');
  t.is(scheduler.spec?.matchingPrecedence, 801);
  t.is(scheduler.metadata?.annotations?.[autoupdate], 'false');
  t.is((await read('catch-all')).metadata?.annotations?.[autoupdate], 'true');
  t.is((await read('probes')).spec?.matchingPrecedence, 2);
  await t.throwsAsync(read('of-old'), { message: /not found/ });

  const before = (await schemas.list(ctx, undefined, {})).items.map(({ revision }) => revision);
  await upkeep();
  t.deepEqual(
    (await schemas.list(ctx, undefined, {})).items.map(({ revision }) => revision),
    before,
  );
});
