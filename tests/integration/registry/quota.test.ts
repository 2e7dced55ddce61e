/** ResourceQuotas over real etcd: what several API servers admit at once never exceeds them. */
import test from 'ava';
import type { ResourceQuota } from '../../../master/api/types.ts';
import { within } from '../../support/within.ts';
import { context, objectOf, refusal, resource, startWorld, type World } from './world.ts';

let world: World;
test.before(async () => {
  world = await startWorld({ servers: 2 });
});
test.after.always(() => world?.stop());

/** A quota as the controller has counted it, in a namespace of its own, once both servers know of it. */
async function quota(namespace: string, hard: Record<string, string>, used: Record<string, string>): Promise<void> {
  const [first] = world.registries;
  await resource(first, 'namespaces').create(context(), undefined, { metadata: { name: namespace } });
  const quotas = resource(first, 'resourcequotas');
  const all = { ...hard, 'count/endpoints': '0' };
  const made: ResourceQuota = { metadata: { name: 'q' }, spec: { hard: all } };
  await quotas.create(context(), namespace, made);
  const name = { namespace, name: 'q' };
  const counted: ResourceQuota = {
    ...objectOf('resourcequotas', await quotas.get(context(), name, {})),
    status: { hard: all, used: { ...used, 'count/endpoints': '0' } },
  };
  await quotas.update(context(), name, counted, 'status');
  for (const registry of world.registries) {
    const probe = (): Promise<unknown> =>
      resource(registry, 'endpoints').create(context({ dryRun: true }), namespace, { metadata: { name: 'probe' } });
    await within(
      5,
      () => probe().then(() => '', String),
      (said) => said.includes('exceeded quota'),
    );
  }
}

const usedOf = async (namespace: string): Promise<Record<string, string>> => {
  const stored = await resource(world.registries[0], 'resourcequotas').get(context(), { namespace, name: 'q' }, {});
  const { 'count/endpoints': _probe, ...used } = objectOf('resourcequotas', stored).status?.used ?? {};
  return used;
};

test('two API servers that are asked for four times as much admit exactly what the quota has', async (t) => {
  await quota('raced', { 'count/configmaps': '10' }, { 'count/configmaps': '0' });
  const create = (index: number): Promise<unknown> =>
    resource(world.registries[index % 2], 'configmaps').create(context(), 'raced', { metadata: { name: `c${index}` } });
  const results = await Promise.allSettled(Array.from({ length: 40 }, (_, index) => create(index)));
  t.is(results.filter(({ status }) => status === 'fulfilled').length, 10);
  const reasons = results.flatMap((result) => (result.status === 'rejected' ? [String(result.reason)] : []));
  for (const reason of reasons) {
    t.regex(
      reason,
      /configmaps "c\d+" is forbidden: exceeded quota: q, requested: count\/configmaps=1, used: count\/configmaps=10, limited: count\/configmaps=10/,
    );
  }
  t.deepEqual(await usedOf('raced'), { 'count/configmaps': '10' });
});

test('a dry run is judged and charges nothing', async (t) => {
  await quota('dry', { 'count/secrets': '1' }, { 'count/secrets': '0' });
  const secrets = resource(world.registries[0], 'secrets');
  await secrets.create(context({ dryRun: true }), 'dry', { metadata: { name: 'a' } });
  t.deepEqual(await usedOf('dry'), { 'count/secrets': '0' });
  await secrets.create(context(), 'dry', { metadata: { name: 'a' } });
  const refused = await refusal(secrets.create(context({ dryRun: true }), 'dry', { metadata: { name: 'b' } }));
  t.is(refused.code, 403);
});

test('a pod that does not say what it needs is refused where that is limited', async (t) => {
  await quota('strict', { 'requests.cpu': '1' }, { 'requests.cpu': '0' });
  const pod = { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  const refused = await refusal(resource(world.registries[0], 'pods').create(context(), 'strict', pod));
  t.is(refused.message, 'pods "p" is forbidden: failed quota: q: must specify requests.cpu for: c');
});
