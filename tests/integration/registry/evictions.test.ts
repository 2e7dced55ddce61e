/** Evictions and the PodDisruptionBudgets that they ask. The budgets' status is written here as the controller would. */
import test from 'ava';
import type { Pod, PodDisruptionBudget } from '../../../master/api/types.ts';
import { context, objectOf, refusal, resource, startWorld, type World } from './world.ts';

let world: World;
const ctx = context();
const pods = (server = 0) => resource(world.registries[server], 'pods');
const budgets = () => resource(world.registries[0], 'poddisruptionbudgets');

test.before(async () => {
  world = await startWorld({ servers: 2 });
});
test.after.always(() => world?.stop());

type Status = NonNullable<PodDisruptionBudget['status']>;

/** A budget for the pods with the label `app`, and what its status says. */
async function budget(namespace: string, app: string, status: Partial<Status>, spec: object = {}): Promise<void> {
  const selector = { matchLabels: { app } };
  const made = objectOf(
    'poddisruptionbudgets',
    await budgets().create(ctx, namespace, { metadata: { name: app }, spec: { selector, ...spec } } as object),
  );
  const counts = { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 };
  const told = { ...made, status: { observedGeneration: 1, ...counts, ...status } };
  await budgets().update(ctx, { namespace, name: app }, told, 'status');
}

const budgetNow = async (namespace: string, name: string) =>
  objectOf('poddisruptionbudgets', await budgets().get(ctx, { namespace, name }, {}));

/** A pod on a node. */
async function pod(namespace: string, name: string, status: Pod['status'] = {}): Promise<void> {
  const spec = { nodeName: 'n', containers: [{ name: 'c', image: 'x' }] };
  const metadata = { name, labels: { app: namespace } };
  const made = objectOf('pods', await pods().create(ctx, namespace, { metadata, spec } as object));
  const ready = { type: 'Ready', status: 'True' };
  await pods().update(
    ctx,
    { namespace, name },
    { ...made, status: { phase: 'Running', conditions: [ready], ...status } } as Pod,
    'status',
  );
}

const podNow = async (namespace: string, name: string) =>
  objectOf('pods', await pods().get(ctx, { namespace, name }, {}));

const evict = (namespace: string, name: string, { server = 0, deleteOptions = {}, asking = ctx } = {}) =>
  pods(server).createSubresource(asking, { namespace, name }, 'eviction', {
    metadata: { namespace, name },
    deleteOptions,
  } as object);

async function namespace(name: string): Promise<string> {
  await resource(world.registries[0], 'namespaces').create(ctx, undefined, { metadata: { name } });
  return name;
}

const unready: Pod['status'] = { conditions: [{ type: 'Ready', status: 'False' }] };

test('however many evict at once through several servers, no more go than the budget allows', async (t) => {
  const ns = await namespace('at-once');
  await budget(ns, ns, { disruptionsAllowed: 3, currentHealthy: 12, desiredHealthy: 9, expectedPods: 12 });
  const names = Array.from({ length: 12 }, (_, index) => `p-${index}`);
  await Promise.all(names.map((name) => pod(ns, name)));
  const done = await Promise.allSettled(names.map((name, index) => evict(ns, name, { server: index % 2 })));
  const evicted = names.filter((_, index) => done[index]?.status === 'fulfilled');
  t.is(evicted.length, 3);
  for (const outcome of done) if (outcome.status === 'rejected') t.is(outcome.reason.code, 429);
  const { status } = await budgetNow(ns, ns);
  t.is(status?.disruptionsAllowed, 0);
  t.deepEqual(Object.keys(status?.disruptedPods ?? {}).sort(), evicted.toSorted());
  t.like(status?.conditions?.[0], { type: 'DisruptionAllowed', status: 'False', reason: 'InsufficientPods' });
  const { metadata, status: last } = await podNow(ns, evicted[0] ?? '');
  t.is(typeof metadata?.deletionTimestamp, 'string');
  t.like(
    last?.conditions?.find(({ type }) => type === 'DisruptionTarget'),
    {
      status: 'True',
      reason: 'EvictionByEvictionAPI',
    },
  );
  // Once it ends, evicting it again costs nothing.
  await t.notThrowsAsync(evict(ns, evicted[0] ?? ''));
});

test('who is refused is told why, and when to come back', async (t) => {
  const ns = await namespace('refused');
  await pod(ns, 'p');
  await budget(ns, ns, { currentHealthy: 1, desiredHealthy: 1 });
  const none = await refusal(evict(ns, 'p'));
  t.is(none.code, 429);
  t.is(none.message, "Cannot evict pod as it would violate the pod's disruption budget.");
  const causeOf = (error: typeof none) => error.status.details?.causes?.[0];
  t.deepEqual(causeOf(none), {
    reason: 'DisruptionBudget',
    message: 'The disruption budget refused needs 1 healthy pods and has 1 currently',
  });

  const changed = await budgetNow(ns, ns);
  const patch = { spec: { minAvailable: 0 } };
  await budgets().patch(ctx, { namespace: ns, name: ns }, { type: 'merge', patch });
  const early = await refusal(evict(ns, 'p'));
  t.is(early.code, 429);
  t.is(early.retryAfterSeconds, 10);
  t.is(causeOf(early)?.message, 'The disruption budget refused is still being processed by the server.');

  const selector = {};
  await budgets().create(ctx, ns, { metadata: { name: 'all' }, spec: { selector } } as object);
  const two = await refusal(evict(ns, 'p'));
  t.is(two.code, 500);
  t.regex(two.message, /^This pod has more than one PodDisruptionBudget/);
  t.is(changed.status?.disruptionsAllowed, 0);
  t.is((await podNow(ns, 'p')).metadata?.deletionTimestamp, undefined);
});

test('an unhealthy pod goes where the budget does not count on it, and costs nothing', async (t) => {
  const ns = await namespace('unready');
  await pod(ns, 'a', unready);
  await budget(ns, ns, { currentHealthy: 1, desiredHealthy: 2 });
  t.is((await refusal(evict(ns, 'a'))).code, 429);
  const patch = { spec: { unhealthyPodEvictionPolicy: 'AlwaysAllow' } };
  await budgets().patch(ctx, { namespace: ns, name: ns }, { type: 'merge', patch });
  await t.notThrowsAsync(evict(ns, 'a'));

  const healthy = await namespace('enough');
  await pod(healthy, 'a', unready);
  await budget(healthy, healthy, { currentHealthy: 2, desiredHealthy: 2 });
  await t.notThrowsAsync(evict(healthy, 'a'));
  t.is((await budgetNow(healthy, healthy)).status?.disruptedPods, undefined);
});

test('what has ended or has not begun is evicted without asking', async (t) => {
  const ns = await namespace('over');
  await budget(ns, ns, {});
  for (const phase of ['Succeeded', 'Failed', 'Pending']) {
    await pod(ns, phase.toLowerCase(), { phase });
    await t.notThrowsAsync(evict(ns, phase.toLowerCase()));
  }
});

test('preconditions hold, and a dry run draws nothing', async (t) => {
  const ns = await namespace('dry');
  await pod(ns, 'p');
  await budget(ns, ns, { disruptionsAllowed: 1, currentHealthy: 1 });
  const wrong = await refusal(evict(ns, 'p', { deleteOptions: { preconditions: { uid: 'another' } } }));
  t.regex(wrong.message, /Precondition failed: UID in precondition: another/);
  const stale = { deleteOptions: { preconditions: { resourceVersion: '1' } } };
  t.is((await refusal(evict(ns, 'p', stale))).code, 409);
  await evict(ns, 'p', { asking: context({ dryRun: true }) });
  await evict(ns, 'p', { deleteOptions: { dryRun: ['All'] } });
  t.is((await budgetNow(ns, ns)).status?.disruptionsAllowed, 1);
  t.is((await podNow(ns, 'p')).metadata?.deletionTimestamp, undefined);
  await evict(ns, 'p');
  t.is((await budgetNow(ns, ns)).status?.disruptionsAllowed, 0);
  t.is((await refusal(evict(ns, 'p-of-nobody'))).code, 404);
});
