import test from 'ava';
import { kinds } from '../../../../master/api/kinds.ts';
import type { ConfigMap, KubeObject, MutatingAdmissionPolicy, Pod } from '../../../../master/api/types.ts';
import { chain } from '../../../../master/apiserver/admission/chain.ts';
import { BoundPolicies } from '../../../../master/apiserver/admission/policies/bound-policies.ts';
import { mutatingPolicies } from '../../../../master/apiserver/admission/policies/mutating-policies.ts';
import { compileMutatingPolicy } from '../../../../master/apiserver/admission/policies/mutating-policy.ts';
import type { AdmissionRequest } from '../../../../master/apiserver/admission/types.ts';
import { creation, noParams } from './support.ts';

type Spec = NonNullable<MutatingAdmissionPolicy['spec']>;
type Mutation = NonNullable<Spec['mutations']>[number];

const matchConstraints = {
  resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['*'], resources: ['configmaps', 'pods'] }],
};
const patch = (expression: string): Mutation => ({ patchType: 'JSONPatch', jsonPatch: { expression } });
const apply = (expression: string): Mutation => ({
  patchType: 'ApplyConfiguration',
  applyConfiguration: { expression },
});

/** The policies `p0`, `p1`, …, each with a binding of its name. */
function pluginOf(...specs: (Partial<Spec> & { mutations: Mutation[] })[]) {
  const policies = new BoundPolicies(compileMutatingPolicy);
  policies.define(
    specs.map((spec, index) => ({ metadata: { name: `p${index}` }, spec: { matchConstraints, ...spec } })),
  );
  policies.bind(specs.map((_, index) => ({ metadata: { name: `p${index}` }, spec: { policyName: `p${index}` } })));
  return mutatingPolicies({
    readiness: { ready: true, wait: async () => {}, run: async () => {} },
    policies,
    namespaceOf: async () => ({ metadata: { name: 'default' } }),
    params: noParams,
    judge: undefined,
    equivalents: () => [],
  });
}

const of = (object: KubeObject, changes: Partial<AdmissionRequest> = {}): AdmissionRequest =>
  creation(object, { kind: kinds.configmaps, ...changes });
const configMap = (data: Record<string, string>): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a' },
  data,
});

async function admitted(plugin: ReturnType<typeof pluginOf>, object: KubeObject, changes = {}): Promise<KubeObject> {
  await chain([plugin]).admit(of(object, changes));
  return object;
}

async function refusal(plugin: ReturnType<typeof pluginOf>, object: KubeObject, changes = {}): Promise<string> {
  const error = await chain([plugin])
    .admit(of(object, changes))
    .then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
  return error instanceof Error ? error.message : 'admitted';
}

test('mutations are done in their order, each over what the one before left', async (t) => {
  const plugin = pluginOf({
    variables: [{ name: 'count', expression: 'size(object.data)' }],
    mutations: [
      apply('Object{data: {"b": "1"}}'),
      patch('[JSONPatch{op: "add", path: "/data/count", value: string(variables.count)}]'),
    ],
  });
  t.deepEqual(await admitted(plugin, configMap({ a: '' })), configMap({ a: '', b: '1', count: '2' }));
});

test('a configuration is merged as server-side apply merges', async (t) => {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'a' },
    spec: { containers: [{ name: 'c', image: 'i', command: ['run'] }] },
  };
  const plugin = pluginOf({
    mutations: [
      apply(
        'Object{spec: Object.spec{containers: [Object.spec.containers{name: "c", tty: true}, Object.spec.containers{name: "d"}]}}',
      ),
    ],
  });
  const { spec } = (await admitted(plugin, structuredClone(pod), { kind: kinds.pods })) as Pod;
  t.deepEqual(spec?.containers, [{ name: 'c', image: 'i', command: ['run'], tty: true }, { name: 'd' }]);
  const say = (expression: string) =>
    refusal(pluginOf({ mutations: [apply(expression)] }), structuredClone(pod), { kind: kinds.pods });
  const denied = "policy 'p0' with binding 'p0' denied request: ";
  t.is(
    await say('Object{spec: Object.spec{containers: [Object.spec.containers{name: "c", command: ["x"]}]}}'),
    `${denied}error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.containers[0].command`,
  );
  t.is(
    await say('Object{spec: Object.spec{hostname2: "x"}}'),
    `${denied}error applying patch: failed to convert patch object to typed object: .spec.hostname2: field not declared in schema`,
  );
  t.is(
    await say('Object{spec: Object.specx{}}'),
    `${denied}type mismatch: unexpected type name "Object.specx", expected "Object.spec", which matches field name path from root Object type`,
  );
});

test('a patch whose test fails changes nothing, and one that cannot be done refuses the write', async (t) => {
  const tested = pluginOf({
    mutations: [patch('[JSONPatch{op: "test", path: "/data/a", value: "x"}, JSONPatch{op: "remove", path: "/data"}]')],
  });
  t.deepEqual(await admitted(tested, configMap({ a: '' })), configMap({ a: '' }));
  const impossible = { mutations: [patch('[JSONPatch{op: "remove", path: "/data/missing"}]')] };
  t.regex(
    await refusal(pluginOf(impossible), configMap({})),
    /^policy 'p0' with binding 'p0' denied request: JSON Patch: /,
  );
  t.is(await refusal(pluginOf({ ...impossible, failurePolicy: 'Ignore' }), configMap({})), 'admitted');
  const unknown = pluginOf({ mutations: [patch('[JSONPatch{op: "add", path: "/dat", value: 1}]')] });
  t.regex(await refusal(unknown, configMap({})), /strict decoding error: unknown field "dat"/);
});

test('what the conditions leave out, and what is deleted, stays as it is', async (t) => {
  const plugin = pluginOf({
    matchConditions: [{ name: 'marked', expression: "'mark' in object.data" }],
    mutations: [apply('Object{data: {"b": "1"}}')],
  });
  t.deepEqual(await admitted(plugin, configMap({ a: '' })), configMap({ a: '' }));
  t.deepEqual(await admitted(plugin, configMap({ mark: '' })), configMap({ mark: '', b: '1' }));
  t.is(plugin.admit?.(of({}, { operation: 'DELETE', object: undefined })), undefined);
});

test('a policy that wants it is asked again after a later one has changed the object', async (t) => {
  const count = patch(
    `'seen' in object.data && !('again' in object.data) ? [JSONPatch{op: "add", path: "/data/again", value: "yes"}] : []`,
  );
  const mark = apply('Object{data: {"seen": "yes"}}');
  const twice = (reinvocationPolicy: string) =>
    admitted(pluginOf({ mutations: [count], reinvocationPolicy }, { mutations: [mark] }), configMap({}));
  t.deepEqual(await twice('IfNeeded'), configMap({ seen: 'yes', again: 'yes' }));
  t.deepEqual(await twice('Never'), configMap({ seen: 'yes' }));
});
