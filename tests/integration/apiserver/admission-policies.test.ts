/** Admission policies in CEL, applied with the real kubectl. */
import test from 'ava';
import { startApiServers, type TestApiServers } from '../../support/apiserver.ts';
import { Kubectl } from '../../support/kubectl.ts';
import { within } from '../../support/within.ts';

const manifests = `
apiVersion: v1
kind: ConfigMap
metadata: {name: limits, namespace: kube-public}
data: {most: "5"}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: replicas}
spec:
  failurePolicy: Fail
  paramKind: {apiVersion: v1, kind: ConfigMap}
  matchConstraints:
    resourceRules:
    - apiGroups: [apps]
      apiVersions: [v1]
      operations: [CREATE, UPDATE]
      resources: [deployments]
  variables:
  - {name: most, expression: int(params.data.most)}
  validations:
  - expression: object.spec.replicas <= variables.most
    messageExpression: "'at most ' + string(variables.most) + ' replicas'"
    reason: Forbidden
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: replicas}
spec:
  policyName: replicas
  validationActions: [Deny]
  paramRef: {name: limits, namespace: kube-public, parameterNotFoundAction: Deny}
`;

let api: TestApiServers;
let kubectl: Kubectl;

test.before(async () => {
  api = await startApiServers();
  kubectl = new Kubectl(api.first.kubeconfig);
});

test.after.always(async () => {
  await api?.stop();
});

test('a policy that does not compile is refused; one with parameters takes effect, and follows its parameters', async (t) => {
  const broken = manifests.replace('int(params.data.most)', 'int(parameters.data.most)');
  t.regex(
    (await kubectl.try(['apply', '--dry-run=server', '-f', '-'], broken)).stderr,
    /spec\.variables\[0\]\.expression: Invalid value: .*: compilation failed: ERROR: <input>:1:5: undeclared reference to 'parameters'/,
  );
  await kubectl.feed(manifests, 'apply', '-f', '-');
  const create = (replicas: number) => kubectl.try(['create', '--dry-run=server', '-f', '-'], deployment(replicas));
  const { stderr } = await within(
    5,
    () => create(6),
    ({ code }) => code !== 0,
  );
  t.regex(
    stderr,
    /deployments\.apps "d6" is forbidden: ValidatingAdmissionPolicy 'replicas' with binding 'replicas' denied request: at most 5 replicas/,
  );
  t.is((await create(5)).code, 0);
  await kubectl.run('-n', 'kube-public', 'patch', 'configmap', 'limits', '-p', '{"data":{"most":"6"}}');
  t.is((await create(6)).code, 0);
});

const mutating = `
apiVersion: v1
kind: Namespace
metadata: {name: sidecars}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: sidecars}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: sidecars}}
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}
  matchConditions:
  - {name: only-once, expression: "!object.spec.?initContainers.orValue([]).exists(c, c.name == 'mesh')"}
  variables:
  - {name: image, expression: "'mesh:' + object.metadata.labels.app"}
  reinvocationPolicy: IfNeeded
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration:
      expression: |
        Object{
          spec: Object.spec{
            initContainers: [
              // it runs beside the others
              Object.spec.initContainers{name: "mesh", image: variables.image, restartPolicy: "Always"}
            ]
          }
        }
  - patchType: JSONPatch
    jsonPatch:
      expression: |
        [JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("example.com/mesh"), value: "yes"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: sidecars}
spec: {policyName: sidecars}
`;

const pod = (name: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'sidecars', labels: { app: 'a' } },
    spec: { containers: [{ name: 'c', image: 'x' }], initContainers: [{ name: 'first', image: 'x' }] },
  });

test('a mutating policy changes what it is about, and its change is validated and defaulted', async (t) => {
  const wrong = await kubectl.try(['apply', '-f', '-'], mutating.replace('Object{', 'Object.spec{'));
  t.regex(
    wrong.stderr,
    /spec\.mutations\[0\]\.applyConfiguration\.expression: Invalid value: .*must evaluate to Object but got Object\.spec/s,
  );
  await kubectl.feed(mutating, 'apply', '-f', '-');
  const create = async (name: string) => JSON.parse(await kubectl.feed(pod(name), 'create', '-o', 'json', '-f', '-'));
  let tries = 0;
  const { spec, metadata } = await within(
    5,
    () => create(`p${tries++}`),
    (created) => created.spec.initContainers.length > 1,
  );
  t.deepEqual(
    spec.initContainers.map(({ name, image }: { name: string; image: string }) => [name, image]),
    [
      ['first', 'x'],
      ['mesh', 'mesh:a'],
    ],
  );
  t.is(spec.initContainers[1].imagePullPolicy, 'IfNotPresent');
  t.is(metadata.labels['example.com/mesh'], 'yes');
  const broken = mutating.replace('object.metadata.labels.app', 'object.metadata.labels.missing');
  await kubectl.feed(broken, 'apply', '-f', '-');
  const { stderr } = await within(
    5,
    () => kubectl.try(['create', '-f', '-'], pod(`p${tries++}`)),
    ({ code }) => code !== 0,
  );
  t.regex(stderr, /policy 'sidecars' with binding 'sidecars' denied request: .*no such key: missing/s);
});

const deployment = (replicas: number): string =>
  JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: `d${replicas}`, namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'd' } },
      template: { metadata: { labels: { app: 'd' } }, spec: { containers: [{ name: 'c', image: 'x' }] } },
    },
  });
