import test from 'ava';
import { systemClock } from '../../../../master/api/clock.ts';
import { StatusError } from '../../../../master/api/errors.ts';
import { kinds } from '../../../../master/api/kinds.ts';
import type { Namespace, Pod } from '../../../../master/api/types.ts';
import { chain, createAdmission } from '../../../../master/apiserver/admission/chain.ts';
import type { AdmissionRequest } from '../../../../master/apiserver/admission/types.ts';

const ctx = {
  user: { name: 'me', groups: [] },
  dryRun: false,
  fieldValidation: 'Ignore' as const,
  warnings: [],
  signal: new AbortController().signal,
};

const namespaces = new Map<string, Namespace>([
  ['default', { status: { phase: 'Active' } }],
  ['ending', { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' }, status: { phase: 'Terminating' } }],
]);
const admission = createAdmission({
  clock: systemClock,
  namespace: async (name) => namespaces.get(name),
  defaultNotReadyTolerationSeconds: 10,
  defaultUnreachableTolerationSeconds: 20,
});

const creation = (object: Pod, namespace = 'default'): AdmissionRequest => ({
  ctx,
  operation: 'CREATE',
  kind: kinds.pods,
  namespace,
  name: 'a',
  object,
});

async function admitted(spec: Partial<NonNullable<Pod['spec']>>): Promise<NonNullable<Pod['spec']>> {
  const pod: Pod = { spec: { containers: [], ...spec } };
  await admission.admit(creation(pod));
  return pod.spec ?? { containers: [] };
}

test('nothing is created in a namespace that is missing', async (t) => {
  const error = await t.throwsAsync(admission.admit(creation({}, 'none')), { instanceOf: StatusError });
  t.is(error.message, 'namespaces "none" not found');
  t.is(error.code, 404);
});

test('nothing is created in a namespace that ends, and the cause says so', async (t) => {
  const error = await t.throwsAsync(admission.admit(creation({}, 'ending')), { instanceOf: StatusError });
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
    clock: systemClock,
    namespace: async (name, freshness) => {
      asked.push(`${name} ${freshness}`);
      return { status: { phase: 'Active' } };
    },
    defaultNotReadyTolerationSeconds: 10,
    defaultUnreachableTolerationSeconds: 10,
  });
  await recording.admit(creation({}, 'mine'));
  await recording.admit({ ctx, operation: 'DELETE', kind: kinds.namespaces, name: 'mine' });
  await recording.admit(creation({}, 'mine'));
  t.deepEqual(asked, ['mine any', 'mine consistent']);
});

test('two plugins of one name are refused', (t) => {
  t.throws(() => chain([{ name: 'A' }, { name: 'A' }]), { message: /has A twice/ });
});
