/** ValidatingAdmissionPolicies in CEL, applied with the real kubectl. */
import test from 'ava';
import { startApiServers } from '../../support/apiserver.ts';
import { startEtcd } from '../../support/etcd.ts';
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

test('a policy that does not compile is refused; one with parameters takes effect, and follows its parameters', async (t) => {
  const etcd = await startEtcd();
  t.teardown(() => etcd.stop());
  const api = await startApiServers({ etcd: etcd.endpoints });
  t.teardown(api.stop);
  const kubectl = new Kubectl(api.first.kubeconfig);
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
