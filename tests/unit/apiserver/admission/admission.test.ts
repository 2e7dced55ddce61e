import test from 'ava';
import { systemClock } from '../../../../master/api/clock.ts';
import { StatusError } from '../../../../master/api/errors.ts';
import { kinds } from '../../../../master/api/kinds.ts';
import type { Namespace, Node, Pod } from '../../../../master/api/types.ts';
import { chain, createAdmission } from '../../../../master/apiserver/admission/chain.ts';
import type { AdmissionRequest } from '../../../../master/apiserver/admission/types.ts';
import { context, creation, emptyStore, noParams, objectsWith } from './support.ts';

const ctx = context();
const namespaces: Namespace[] = [
  { metadata: { name: 'default' }, status: { phase: 'Active' } },
  { metadata: { name: 'mine' }, status: { phase: 'Active' } },
  { metadata: { name: 'ending', deletionTimestamp: '2026-01-01T00:00:00Z' }, status: { phase: 'Terminating' } },
];
const serviceaccounts = [{ metadata: { name: 'default', namespace: 'default' }, automountServiceAccountToken: false }];
const tolerationSeconds = { defaultNotReadyTolerationSeconds: 10, defaultUnreachableTolerationSeconds: 20 };
const admission = createAdmission({
  store: emptyStore,
  params: noParams,
  equivalents: () => [],
  clock: systemClock,
  objects: objectsWith({ namespaces, serviceaccounts }),
  ...tolerationSeconds,
});

void admission.run(new AbortController().signal);

async function admitted(spec: Partial<NonNullable<Pod['spec']>>): Promise<NonNullable<Pod['spec']>> {
  const pod: Pod = { spec: { containers: [], ...spec } };
  await admission.admit(creation(pod));
  return pod.spec ?? { containers: [] };
}

test('nothing is created in a namespace that is missing', async (t) => {
  const error = await t.throwsAsync(admission.admit(creation({}, { namespace: 'none' })), { instanceOf: StatusError });
  t.is(error.message, 'namespaces "none" not found');
  t.is(error.code, 404);
});

test('nothing is created in a namespace that ends, and the cause says so', async (t) => {
  const error = await t.throwsAsync(admission.admit(creation({}, { namespace: 'ending' })), {
    instanceOf: StatusError,
  });
  t.is(
    error.message,
    'pods "a" is forbidden: unable to create new content in namespace ending because it is being terminated',
  );
  t.is(error.code, 403);
  t.is(error.status.details?.causes?.[0]?.reason, 'NamespaceTerminating');
});

test('the namespaces that the cluster needs cannot be deleted', async (t) => {
  for (const name of ['default', 'kube-system', 'kube-public']) {
    const request: AdmissionRequest = { ctx, operation: 'DELETE', kind: kinds.namespaces, name };
    await t.throwsAsync(admission.admit(request), {
      message: `namespaces "${name}" is forbidden: this namespace may not be deleted`,
    });
  }
  await t.notThrowsAsync(admission.admit({ ctx, operation: 'DELETE', kind: kinds.namespaces, name: 'mine' }));
});

test('a pod tolerates failing nodes for the default time, unless it says so itself', async (t) => {
  const { tolerations } = await admitted({});
  t.deepEqual(
    tolerations?.map(({ key, tolerationSeconds }) => [key, tolerationSeconds]),
    [
      ['node.kubernetes.io/not-ready', 10],
      ['node.kubernetes.io/unreachable', 20],
    ],
  );
  const own = { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 1 };
  t.deepEqual((await admitted({ tolerations: [own] })).tolerations?.[0], own);
  t.is((await admitted({ tolerations: [own] })).tolerations?.length, 2);
  t.is((await admitted({ tolerations: [{ operator: 'Exists' }] })).tolerations?.length, 1);
});

test('a pod runs as the default account and with a priority, unless it says otherwise', async (t) => {
  const spec = await admitted({});
  t.is(spec.serviceAccountName, 'default');
  t.is(spec.serviceAccount, 'default');
  t.is(spec.priority, 0);
  t.is(spec.preemptionPolicy, 'PreemptLowerPriority');
  t.is((await admitted({ priorityClassName: 'system-node-critical' })).priority, 2_000_001_000);
  await t.throwsAsync(admitted({ priorityClassName: 'mine' }), {
    message: 'pods "a" is forbidden: no PriorityClass with name mine was found',
  });
});

test('the cache is not asked about a namespace whose deletion has just gone through', async (t) => {
  const asked: string[] = [];
  const recording = createAdmission({
    store: emptyStore,
    params: noParams,
    equivalents: () => [],
    clock: systemClock,
    objects: objectsWith({ namespaces }, (key, freshness) => asked.push(`${key} ${freshness}`)),
    ...tolerationSeconds,
    disabledPlugins: new Set(['ServiceAccount']),
  });
  void recording.run(new AbortController().signal);
  const inMine = creation({}, { namespace: 'mine' });
  await recording.admit(inMine);
  await recording.admit({ ctx, operation: 'DELETE', kind: kinds.namespaces, name: 'mine' });
  await recording.admit(inMine);
  t.deepEqual(asked, ['/registry/namespaces/mine any', '/registry/namespaces/mine consistent']);
});

test('a plugin is asked about its own resources only', async (t) => {
  const asked: string[] = [];
  const both = chain([
    { name: 'All', admit: ({ kind }) => void asked.push(`all ${kind.resource}`) },
    { name: 'Nodes', resources: ['nodes'], admit: ({ kind }) => void asked.push(`nodes ${kind.resource}`) },
  ]);
  await both.admit(creation({}));
  await both.admit(creation({}, { kind: kinds.nodes }));
  t.deepEqual(asked, ['all pods', 'all nodes', 'nodes nodes']);
});

test('a new node takes no pods until its conditions were looked at', async (t) => {
  const taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };
  const node: Node = { metadata: { name: 'n' }, spec: { podCIDR: '10.0.0.0/24' } };
  await admission.admit({ ctx, operation: 'CREATE', kind: kinds.nodes, name: 'n', object: node });
  t.deepEqual(node.spec, { podCIDR: '10.0.0.0/24', taints: [taint] });
});

test('two plugins of one name are refused', (t) => {
  t.throws(() => chain([{ name: 'A' }, { name: 'A' }]), { message: /has A twice/ });
});
