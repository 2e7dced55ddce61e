import test from 'ava';
import { kinds } from '../../../../master/api/kinds.ts';
import type {
  ConfigMap,
  KubeObject,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '../../../../master/api/types.ts';
import { BoundPolicies } from '../../../../master/apiserver/admission/policies/bound-policies.ts';
import type { ParamReader } from '../../../../master/apiserver/admission/policies/params.ts';
import { validatingPolicies } from '../../../../master/apiserver/admission/policies/validating-policies.ts';
import { compileValidatingPolicy } from '../../../../master/apiserver/admission/policies/validating-policy.ts';
import type { AdmissionRequest } from '../../../../master/apiserver/admission/types.ts';
import { change, context, creation, noParams } from './support.ts';

type Spec = NonNullable<ValidatingAdmissionPolicy['spec']>;
type Binding = Partial<NonNullable<ValidatingAdmissionPolicyBinding['spec']>>;

const matchConstraints = {
  resourceRules: [
    { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['configmaps'] },
  ],
};
const namespace = { metadata: { name: 'default', labels: { team: 'blue' } } };

function pluginOf(spec: Partial<Spec>, binding: Binding = {}, params: ParamReader = noParams) {
  const policies = new BoundPolicies(compileValidatingPolicy);
  policies.define([{ metadata: { name: 'p' }, spec: { matchConstraints, ...spec } }]);
  policies.bind([{ metadata: { name: 'b' }, spec: { policyName: 'p', validationActions: ['Deny'], ...binding } }]);
  const readiness = { ready: true, wait: async () => {}, run: async () => {} };
  const judge = { decide: () => ({ allowed: false, reason: '' }) };
  return validatingPolicies({
    readiness,
    policies,
    namespaceOf: async () => namespace,
    params,
    judge,
    equivalents: () => [],
  });
}

const configMap = (data: Record<string, string>): ConfigMap => ({ metadata: { name: 'a' }, data });
const of = (object: KubeObject, changes: Partial<AdmissionRequest> = {}): AdmissionRequest =>
  creation(object, { kind: kinds.configmaps, ...changes });

test('what a policy does not find true is refused, with its message and reason', async (t) => {
  const plugin = pluginOf({
    validations: [
      { expression: "object.data.colour == 'blue'", message: 'only blue', reason: 'Forbidden' },
      { expression: 'true' },
    ],
  });
  await t.notThrowsAsync(async () => plugin.validate?.(of(configMap({ colour: 'blue' }))));
  const error = await t.throwsAsync<Error & { code: number; reason: string }>(async () =>
    plugin.validate?.(of(configMap({ colour: 'red' }))),
  );
  t.is(
    error?.message,
    `configmaps "a" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: only blue`,
  );
  t.is(error?.reason, 'Forbidden');
  t.is(error?.code, 403);
});

test('a message may be an expression, and where there is none the rule itself is told', async (t) => {
  const plugin = pluginOf({
    variables: [
      { name: 'count', expression: 'size(object.data)' },
      { name: 'double', expression: 'variables.count * 2' },
      { name: 'broken', expression: 'object.data.nothing' },
    ],
    validations: [{ expression: 'variables.double < 4', messageExpression: "'there are ' + string(variables.count)" }],
  });
  await t.notThrowsAsync(async () => plugin.validate?.(of(configMap({ a: '' }))));
  await t.throwsAsync(async () => plugin.validate?.(of(configMap({ a: '', b: '' }))), {
    message: /denied request: there are 2$/,
  });
  const bare = pluginOf({ validations: [{ expression: 'object.data.size() == 0' }] });
  await t.throwsAsync(async () => bare.validate?.(of(configMap({ a: '' }))), {
    message: /denied request: failed expression: object\.data\.size\(\) == 0$/,
  });
});

test('old objects, the request, the namespace and the authorizer are there for expressions', async (t) => {
  const plugin = pluginOf({
    validations: [
      { expression: 'oldObject == null || oldObject.data.fixed == object.data.fixed', message: 'fixed' },
      { expression: "request.operation in ['CREATE', 'UPDATE'] && request.userInfo.username == 'me'" },
      { expression: "namespaceObject.metadata.labels.team == 'blue'" },
      { expression: "!authorizer.requestResource.check('delete').allowed()" },
      {
        expression:
          "!authorizer.group('').resource('pods').fieldSelector('spec.nodeName=n').labelSelector('a=b').check('list').allowed()",
      },
    ],
  });
  await t.notThrowsAsync(async () => plugin.validate?.(of(configMap({}))));
  await t.throwsAsync(
    async () => plugin.validate?.(change(configMap({ fixed: 'b' }), configMap({ fixed: 'a' }), kinds.configmaps)),
    {
      message: /fixed$/,
    },
  );
});

test('what cannot be evaluated is refused, or passes where the policy fails open', async (t) => {
  const validations = [{ expression: 'object.data.missing == "x"' }];
  await t.throwsAsync(async () => pluginOf({ validations }).validate?.(of(configMap({}))), {
    message: /expression 'object\.data\.missing == "x"' resulted in error: no such key: missing$/,
  });
  await t.notThrowsAsync(async () => pluginOf({ validations, failurePolicy: 'Ignore' }).validate?.(of(configMap({}))));
});

test('an expression, the conditions and the validations of a policy have limits of their own, as in Kubernetes', async (t) => {
  // Of 800 entries it looks at 640,000 pairs, of 1,100 at more than a million.
  const expression = 'object.data.all(a, object.data.all(b, true))';
  const times = (count: number) => Array.from({ length: count }, (_, index) => ({ name: `n${index}`, expression }));
  const filled = (size: number) => of(configMap(Object.fromEntries(times(size).map(({ name }) => [name, '']))));
  const cases: [size: number, spec: Partial<Spec>, refused?: RegExp][] = [
    [1_100, { validations: times(1) }, /resulted in error: operation cancelled: actual cost limit exceeded$/],
    [800, { validations: times(1), matchConditions: times(2) }],
    [800, { validations: times(1), matchConditions: times(4) }, /denied request: validation failed due to running out/],
    [800, { validations: times(16) }, /denied request: validation failed due to running out of cost budget/],
    [800, { validations: times(16), failurePolicy: 'Ignore' }],
  ];
  for (const [size, spec, refused] of cases) {
    const judged = async () => pluginOf(spec).validate?.(filled(size));
    if (refused) await t.throwsAsync(judged, { message: refused });
    else await t.notThrowsAsync(judged);
  }
});

test('match conditions and the rules of the binding narrow down what a policy is about', async (t) => {
  const validations = [{ expression: 'false' }];
  const conditions = pluginOf({
    validations,
    matchConditions: [{ name: 'big', expression: 'size(object.data) > 1' }],
  });
  await t.notThrowsAsync(async () => conditions.validate?.(of(configMap({ a: '' }))));
  await t.throwsAsync(async () => conditions.validate?.(of(configMap({ a: '', b: '' }))));
  const red = { matchResources: { namespaceSelector: { matchLabels: { team: 'red' } } } };
  await t.notThrowsAsync(async () => pluginOf({ validations }, red).validate?.(of(configMap({}))));
  await t.notThrowsAsync(async () => pluginOf({ validations }).validate?.(of({}, { kind: kinds.secrets })));
});

test('a binding may warn and note instead of refusing', async (t) => {
  const plugin = pluginOf(
    {
      validations: [{ expression: 'false', message: 'never' }],
      auditAnnotations: [{ key: 'name', valueExpression: "'is ' + object.metadata.name" }],
    },
    { validationActions: ['Warn', 'Audit'] },
  );
  const ctx = context({ auditAnnotations: new Map() });
  await plugin.validate?.(of(configMap({}), { ctx }));
  t.deepEqual(ctx.warnings, ["Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': never"]);
  t.is(ctx.auditAnnotations?.get('p/name'), 'is a');
  t.regex(
    ctx.auditAnnotations?.get('validation.policy.admission.k8s.io/validation_failure') ?? '',
    /"message":"never"/,
  );
});

test('parameters come from the objects that a binding names', async (t) => {
  const stored: ConfigMap[] = [{ metadata: { name: 'limits', namespace: 'default' }, data: { most: '1' } }];
  const reader: ParamReader = {
    find: (apiVersion, kind) =>
      apiVersion === 'v1' && kind === 'ConfigMap'
        ? {
            namespaced: true,
            get: async (_namespace, name) => stored.find(({ metadata }) => metadata?.name === name),
            list: async () => stored,
          }
        : undefined,
  };
  const spec: Partial<Spec> = {
    paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
    validations: [{ expression: 'size(object.data) <= int(params.data.most)', message: 'too many' }],
  };
  const two = of(configMap({ a: '', b: '' }));
  await t.throwsAsync(async () => pluginOf(spec, { paramRef: { name: 'limits' } }, reader).validate?.(two), {
    message: /too many$/,
  });
  await t.throwsAsync(async () => pluginOf(spec, { paramRef: { selector: {} } }, reader).validate?.(two), {
    message: /too many$/,
  });
  const missing = { name: 'none', parameterNotFoundAction: 'Deny' };
  await t.throwsAsync(async () => pluginOf(spec, { paramRef: missing }, reader).validate?.(two), {
    message: /failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction$/,
  });
  const allowed = { name: 'none', parameterNotFoundAction: 'Allow' };
  await t.notThrowsAsync(async () => pluginOf(spec, { paramRef: allowed }, reader).validate?.(two));
});
