/** The generic verbs over a real etcd. */
import test from 'ava';
import { systemClock } from '../../../master/api/clock.ts';
import { createLogger } from '../../../master/api/logging.ts';
import type { KubeObject, Lease, Pod } from '../../../master/api/types.ts';
import { expireOnce } from '../../../master/apiserver/registry/event-expiry.ts';
import { configMap, context, inDefault, objectOf, refusal, resource, startWorld, type World } from './world.ts';

let world: World;
test.before(async () => {
  world = await startWorld();
});
test.after.always(() => world.stop());

const ctx = context();
const configMaps = () => resource(world.registries[0], 'configmaps');
const pods = () => resource(world.registries[0], 'pods');
const pod = (name: string, spec: object = {}): Pod => ({
  metadata: { name, labels: { app: 'a' } },
  spec: { containers: [{ name: 'c', image: 'x:1' }], ...spec },
});

test('a created object is read back with uid, time, namespace and resourceVersion', async (t) => {
  const made = await configMaps().create(ctx, 'default', configMap('made', { a: '1' }));
  const read = objectOf('configmaps', await configMaps().get(ctx, inDefault('made'), {}));
  t.is(read.kind, 'ConfigMap');
  t.is(read.apiVersion, 'v1');
  t.is(read.metadata?.resourceVersion, String(made.revision));
  t.regex(read.metadata?.uid ?? '', /^[0-9a-f-]{36}$/);
  t.regex(read.metadata?.creationTimestamp ?? '', /Z$/);
  t.is(read.metadata?.namespace, 'default');
});

test('a name that exists, a namespace that does not and a body of another place are refused', async (t) => {
  await configMaps().create(ctx, 'default', configMap('twice'));
  const twice = await refusal(configMaps().create(ctx, 'default', configMap('twice')));
  t.is(twice.message, 'configmaps "twice" already exists');
  t.is((await refusal(configMaps().create(ctx, 'nowhere', configMap('a')))).message, 'namespaces "nowhere" not found');
  const elsewhere = configMap('a', {}, { namespace: 'other' });
  t.is((await refusal(configMaps().create(ctx, 'default', elsewhere))).code, 400);
  t.is((await refusal(configMaps().create(ctx, 'default', { metadata: {} }))).reason, 'Invalid');
  t.is(
    (await refusal(configMaps().create(ctx, 'default', { metadata: { name: 'a' }, data: [] } as KubeObject))).code,
    400,
  );
});

test('generateName makes names that differ', async (t) => {
  const make = () => configMaps().create(ctx, 'default', { metadata: { generateName: 'gen-' } });
  const names = (await Promise.all([make(), make(), make()])).map(({ object }) => object.metadata?.name ?? '');
  t.is(new Set(names).size, 3);
  for (const name of names) t.regex(name, /^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
});

test('an update of an old state is a conflict, one without a resourceVersion is not', async (t) => {
  const first = await configMaps().create(ctx, 'default', configMap('cas'));
  const version = String(first.revision);
  await configMaps().update(ctx, inDefault('cas'), configMap('cas', { a: '1' }, { resourceVersion: version }));
  const late = configMaps().update(ctx, inDefault('cas'), configMap('cas', { a: '2' }, { resourceVersion: version }));
  const error = await refusal(late);
  t.is(error.reason, 'Conflict');
  t.is(
    error.message,
    'Operation cannot be fulfilled on configmaps "cas": the object has been modified; please apply your changes to the latest version and try again',
  );
  const last = await configMaps().update(ctx, inDefault('cas'), configMap('cas', { a: '3' }));
  t.is(last.object.metadata?.uid, first.object.metadata?.uid);
});

test('an update that changes nothing is not written', async (t) => {
  const first = await configMaps().create(ctx, 'default', configMap('same', { a: '1' }));
  const again = await configMaps().update(ctx, inDefault('same'), configMap('same', { a: '1' }));
  t.is(again.revision, first.revision);
  const patch = { type: 'merge' as const, patch: { data: { a: '1' } } };
  t.is((await configMaps().patch(ctx, inDefault('same'), patch)).revision, first.revision);
});

test('patches that come at once all take effect', async (t) => {
  await configMaps().create(ctx, 'default', configMap('patched'));
  const keys = ['a', 'b', 'c', 'd'];
  await Promise.all(
    keys.map((key) =>
      configMaps().patch(ctx, inDefault('patched'), { type: 'merge', patch: { data: { [key]: key } } }),
    ),
  );
  const read = objectOf('configmaps', await configMaps().get(ctx, inDefault('patched'), {}));
  t.deepEqual(Object.keys(read.data ?? {}).sort(), keys);
});

test('a patch with an old resourceVersion is a conflict, one of nothing is not found, one to nonsense is invalid', async (t) => {
  await configMaps().create(ctx, 'default', configMap('target'));
  const old = { type: 'merge' as const, patch: { metadata: { resourceVersion: '1' }, data: { a: '1' } } };
  t.is((await refusal(configMaps().patch(ctx, inDefault('target'), old))).reason, 'Conflict');
  t.is((await refusal(configMaps().patch(ctx, inDefault('nothing'), old))).reason, 'NotFound');
  const nonsense = { type: 'merge' as const, patch: { data: 7 } };
  t.is((await refusal(configMaps().patch(ctx, inDefault('target'), nonsense))).code, 422);
});

test('a dry run answers as the write would and writes nothing', async (t) => {
  const dry = context({ dryRun: true });
  const made = await configMaps().create(dry, 'default', configMap('dry'));
  t.truthy(made.object.metadata?.uid);
  t.is((await refusal(configMaps().get(ctx, inDefault('dry'), {}))).reason, 'NotFound');
  await configMaps().create(ctx, 'default', configMap('dry', { a: '1' }));
  t.is((await refusal(configMaps().create(dry, 'default', configMap('dry')))).reason, 'AlreadyExists');
  const updated = await configMaps().update(dry, inDefault('dry'), configMap('dry', { a: '2' }));
  t.is(objectOf('configmaps', updated).data?.a, '2');
  t.true((await configMaps().delete(dry, inDefault('dry'), {})).gone);
  t.is(objectOf('configmaps', await configMaps().get(ctx, inDefault('dry'), {})).data?.a, '1');
});

test('a collection is deleted by selector, and only that', async (t) => {
  for (const name of ['col-1', 'col-2'])
    await configMaps().create(ctx, 'default', configMap(name, {}, { labels: { col: 'x' } }));
  const { items } = await configMaps().deleteCollection(ctx, 'default', { labelSelector: 'col=x' }, {});
  t.is(items.length, 2);
  t.is((await configMaps().list(ctx, 'default', { labelSelector: 'col=x' })).items.length, 0);
  t.true((await configMaps().list(ctx, 'default', {})).items.length > 0);
});

test('an object with a finalizer stays until the finalizer goes', async (t) => {
  await configMaps().create(ctx, 'default', configMap('held', {}, { finalizers: ['x/y'] }));
  const { gone, object } = await configMaps().delete(ctx, inDefault('held'), {});
  t.false(gone);
  t.truthy(object.object.metadata?.deletionTimestamp);
  await configMaps().patch(ctx, inDefault('held'), { type: 'merge', patch: { metadata: { finalizers: null } } });
  t.is((await refusal(configMaps().get(ctx, inDefault('held'), {}))).reason, 'NotFound');
});

test('status and spec are written apart, and generation counts changes of the spec', async (t) => {
  const first = await pods().create(ctx, 'default', pod('parts'));
  t.is(first.object.metadata?.generation, 1);
  const read = objectOf('pods', first);
  const running: Pod = { ...read, status: { phase: 'Running' } };
  running.spec!.containers[0]!.image = 'x:2';
  const withStatus = objectOf('pods', await pods().update(ctx, inDefault('parts'), structuredClone(running), 'status'));
  t.is(withStatus.status?.phase, 'Running');
  t.is(withStatus.spec?.containers[0]?.image, 'x:1');
  t.is(withStatus.metadata?.generation, 1);
  const patch = { spec: { containers: [{ name: 'c', image: 'x:3' }] }, status: { phase: 'Failed' } };
  const withSpec = objectOf('pods', await pods().patch(ctx, inDefault('parts'), { type: 'strategic', patch }));
  t.is(withSpec.status?.phase, 'Running');
  t.is(withSpec.spec?.containers[0]?.image, 'x:3');
  t.is(withSpec.metadata?.generation, 2);
});

test('a pod is bound once, and says when', async (t) => {
  const { object } = await pods().create(ctx, 'default', pod('bound'));
  const bind = (name: string, uid = object.metadata?.uid ?? '') =>
    pods().createSubresource(ctx, inDefault('bound'), 'binding', {
      ...{ metadata: { name: 'bound', uid }, target: { kind: 'Node', name } },
    } as KubeObject);
  t.is((await refusal(bind('n1', 'other'))).reason, 'Conflict');
  await bind('n1');
  const read = objectOf('pods', await pods().get(ctx, inDefault('bound'), {}));
  t.is(read.spec?.nodeName, 'n1');
  t.like(read.status?.conditions?.[0], { type: 'PodScheduled', status: 'True' });
  t.is(
    (await refusal(bind('n2'))).message,
    'Operation cannot be fulfilled on pods/binding "bound": pod bound is already assigned to node "n1"',
  );
});

test('a bound pod ends gracefully: it stays until its kubelet deletes it for good', async (t) => {
  const made = await pods().create(ctx, 'default', pod('graceful', { nodeName: 'n1' }));
  const uid = made.object.metadata?.uid ?? '';
  const first = await pods().delete(ctx, inDefault('graceful'), {});
  t.false(first.gone);
  t.is(first.object.object.metadata?.deletionGracePeriodSeconds, 30);
  const other = pods().delete(ctx, inDefault('graceful'), { gracePeriodSeconds: 0, preconditions: { uid: 'other' } });
  t.is((await refusal(other)).reason, 'Conflict');
  t.true((await pods().delete(ctx, inDefault('graceful'), { gracePeriodSeconds: 0, preconditions: { uid } })).gone);
});

test('an eviction deletes the pod', async (t) => {
  await pods().create(ctx, 'default', pod('evicted'));
  await pods().createSubresource(ctx, inDefault('evicted'), 'eviction', { metadata: { name: 'evicted' } });
  t.is((await refusal(pods().get(ctx, inDefault('evicted'), {}))).reason, 'NotFound');
});

test('a controller is scaled by its scale', async (t) => {
  const rcs = resource(world.registries[0], 'replicationcontrollers');
  const template = { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'c', image: 'x:1' }] } };
  await rcs.create(ctx, 'default', { metadata: { name: 'scaled' }, spec: { template } } as KubeObject);
  const scale = JSON.parse((await rcs.get(ctx, inDefault('scaled'), {}, 'scale')).bytes.toString());
  t.like(scale, { kind: 'Scale', apiVersion: 'autoscaling/v1', spec: { replicas: 1 }, status: { selector: 'app=a' } });
  const answer = await rcs.update(ctx, inDefault('scaled'), { ...scale, spec: { replicas: 3 } }, 'scale');
  t.like(JSON.parse(answer.bytes.toString()), { kind: 'Scale', spec: { replicas: 3 } });
  await rcs.patch(ctx, inDefault('scaled'), { type: 'merge', patch: { spec: { replicas: 4 } } }, 'scale');
  const rc = objectOf('replicationcontrollers', await rcs.get(ctx, inDefault('scaled'), {}));
  t.is(rc.spec?.replicas, 4);
  t.is(rc.metadata?.generation, 3);
  t.is(
    (await refusal(rcs.update(ctx, inDefault('scaled'), { ...scale, spec: { replicas: 1 } }, 'scale'))).reason,
    'Conflict',
  );
  const negative = rcs.patch(ctx, inDefault('scaled'), { type: 'merge', patch: { spec: { replicas: -1 } } }, 'scale');
  t.is((await refusal(negative)).reason, 'Invalid');
});

test('a namespace ends when it is finalized, and takes nothing new meanwhile', async (t) => {
  const namespaces = resource(world.registries[0], 'namespaces');
  await namespaces.create(ctx, undefined, { metadata: { name: 'ending' } });
  const { gone } = await namespaces.delete(ctx, { name: 'ending' }, {});
  t.false(gone);
  t.is((await refusal(configMaps().create(ctx, 'ending', configMap('late')))).reason, 'Forbidden');
  const read = objectOf('namespaces', await namespaces.get(ctx, { name: 'ending' }, {}));
  t.is(read.status?.phase, 'Terminating');
  await namespaces.update(ctx, { name: 'ending' }, { ...read, spec: { finalizers: [] } } as KubeObject, 'finalize');
  t.is((await refusal(namespaces.get(ctx, { name: 'ending' }, {}))).reason, 'NotFound');
});

test('a PUT makes a Lease that is not there; an update of one that is must say which state it changes', async (t) => {
  const leases = resource(world.registries[0], 'leases');
  const lease: Lease = { metadata: { name: 'held' }, spec: { holderIdentity: 'a', leaseTransitions: 1 } };
  await leases.update(ctx, { namespace: 'kube-system', name: 'held' }, structuredClone(lease));
  const blind = leases.update(ctx, { namespace: 'kube-system', name: 'held' }, structuredClone(lease));
  t.regex(
    (await refusal(blind)).message,
    /metadata.resourceVersion: Invalid value: 0: must be specified for an update/,
  );
});

test('a write of a deposed leader is refused, and the new leader’s is not', async (t) => {
  const leases = resource(world.registries[0], 'leases');
  const name = { namespace: 'kube-system', name: 'leader' };
  const held = (leaseTransitions: number, resourceVersion?: string): Lease => ({
    metadata: { name: 'leader', ...(resourceVersion && { resourceVersion }) },
    spec: { holderIdentity: `leader-${leaseTransitions}`, leaseTransitions },
  });
  const first = await leases.create(ctx, 'kube-system', held(1));
  const fenced = (generation: number) => context({ fence: { namespace: 'kube-system', lease: 'leader', generation } });
  await configMaps().create(fenced(1), 'default', configMap('led-1'));
  await leases.update(ctx, name, held(2, String(first.revision)));
  const late = await refusal(configMaps().create(fenced(1), 'default', configMap('led-2')));
  t.is(late.reason, 'Conflict');
  t.is((await refusal(configMaps().get(ctx, inDefault('led-2'), {}))).reason, 'NotFound');
  await configMaps().create(fenced(2), 'default', configMap('led-2'));
  t.is((await refusal(configMaps().delete(fenced(1), inDefault('led-2'), {}))).reason, 'Conflict');
  await leases.delete(ctx, name, {});
  t.is((await refusal(configMaps().delete(fenced(2), inDefault('led-2'), {}))).reason, 'Conflict');

  const again = objectOf('leases', await leases.create(ctx, 'kube-system', held(1)));
  t.is(again.spec?.leaseTransitions, 3);
  for (const generation of [1, 2]) {
    t.is((await refusal(configMaps().delete(fenced(generation), inDefault('led-2'), {}))).reason, 'Conflict');
  }
  t.true((await configMaps().delete(fenced(3), inDefault('led-2'), {})).gone);
});

test('a signing request is approved and then signed, each by its own way', async (t) => {
  const csrs = resource(world.registries[0], 'certificatesigningrequests');
  const request = Buffer.from('-----BEGIN CERTIFICATE REQUEST-----\nx\n-----END CERTIFICATE REQUEST-----').toString(
    'base64',
  );
  const spec = { request, signerName: 'kubernetes.io/kube-apiserver-client-kubelet', usages: ['client auth'] };
  const made = objectOf(
    'certificatesigningrequests',
    await csrs.create(ctx, undefined, { metadata: { name: 'csr' }, spec } as KubeObject),
  );
  t.is(made.spec.username, 'me');
  const approved = {
    ...made,
    status: { conditions: [{ type: 'Approved', status: 'True', reason: 'Auto' }], certificate: 'eA==' },
  };
  const after = objectOf('certificatesigningrequests', await csrs.update(ctx, { name: 'csr' }, approved, 'approval'));
  t.is(after.status?.certificate, undefined);
  t.truthy(after.status?.conditions?.[0]?.lastUpdateTime);
  const certificate = Buffer.from('-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----').toString('base64');
  const signed = await csrs.update(ctx, { name: 'csr' }, { ...after, status: { certificate } } as KubeObject, 'status');
  t.is(objectOf('certificatesigningrequests', signed).status?.conditions?.[0]?.type, 'Approved');
  t.is(csrs.columns.at(-1)?.value(signed.object, 0), 'Approved,Issued');
});

test('forty patches of one object at once, through the whole retry, all take effect', async (t) => {
  await configMaps().create(ctx, 'default', configMap('contended'));
  const keys = Array.from({ length: 40 }, (_, index) => `k${index}`);
  await Promise.all(
    keys.map((key) =>
      configMaps().patch(ctx, inDefault('contended'), { type: 'merge', patch: { data: { [key]: 'x' } } }),
    ),
  );
  const read = objectOf('configmaps', await configMaps().get(ctx, inDefault('contended'), {}));
  t.is(Object.keys(read.data ?? {}).length, 40);
});

test('a status that knows nothing of the deletion does not undo it, nor takes the class of the pod away', async (t) => {
  const made = objectOf('pods', await pods().create(ctx, 'default', pod('reported', { nodeName: 'n1' })));
  await pods().delete(ctx, inDefault('reported'), {});
  const { resourceVersion: _, ...metadata } = made.metadata ?? {};
  const late: Pod = { ...made, metadata, status: { phase: 'Running' } };
  const after = objectOf('pods', await pods().update(ctx, inDefault('reported'), late, 'status'));
  t.truthy(after.metadata?.deletionTimestamp);
  t.is(after.status?.qosClass, 'BestEffort');
});

test('events are forgotten when they have not been seen for their time', async (t) => {
  const events = resource(world.registries[0], 'events');
  const event = (name: string, lastTimestamp: string) =>
    ({ metadata: { name }, involvedObject: { namespace: 'default', name: 'a' }, lastTimestamp }) as KubeObject;
  await events.create(ctx, 'default', event('old', '2020-01-01T00:00:00Z'));
  await events.create(ctx, 'default', event('new', '2020-01-01T00:30:00Z'));
  const clock = { ...systemClock, now: () => Date.parse('2020-01-01T01:15:00Z') };
  await events.list(ctx, 'default', {});
  const logger = createLogger('events', 'silent');
  // An event that was only just created is as old as that, whatever it says.
  t.is(await expireOnce({ events, clock, logger, ttlMs: 3_600_000 }, ctx), 0);
  const later = { ...systemClock, now: () => Date.now() + 3_700_000 };
  t.is(await expireOnce({ events, clock: later, logger, ttlMs: 3_600_000 }, ctx), 2);
  t.is((await events.list(ctx, 'default', {})).items.length, 0);
});
