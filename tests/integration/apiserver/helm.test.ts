/** helm installs, upgrades, rolls back and removes a chart, as its users do. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'ava';
import { startApiServers, type TestApiServers } from '../../support/apiserver.ts';
import { clientTools } from '../../support/client-tools.ts';
import { Kubectl } from '../../support/kubectl.ts';

let api: TestApiServers;
let kubectl: Kubectl;
let helm: Kubectl;
let chart: string;

const files: Record<string, string> = {
  'Chart.yaml': 'apiVersion: v2\nname: shop\nversion: 1.0.0\n',
  'values.yaml': 'replicas: 2\ngreeting: hello\nservice: true\nport: 80\n',
  'templates/deployment.yaml': `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
  labels: { app.kubernetes.io/managed-by: {{ .Release.Service }} }
spec:
  replicas: {{ .Values.replicas }}
  selector: { matchLabels: { app: {{ .Release.Name }} } }
  template:
    metadata: { labels: { app: {{ .Release.Name }} } }
    spec:
      containers: [{ name: main, image: trimaster/echo:1, envFrom: [{ configMapRef: { name: {{ .Release.Name }} } }] }]
`,
  'templates/config.yaml': `
apiVersion: v1
kind: ConfigMap
metadata: { name: {{ .Release.Name }} }
data: { greeting: {{ .Values.greeting | quote }}, kube: {{ .Capabilities.KubeVersion.Version | quote }} }
`,
  'templates/service.yaml': `
{{- if .Values.service }}
apiVersion: v1
kind: Service
metadata: { name: {{ .Release.Name }} }
spec: { selector: { app: {{ .Release.Name }} }, ports: [{ port: {{ .Values.port }}, targetPort: 8080 }] }
{{- end }}
`,
  'templates/policy.yaml': `
{{- if .Capabilities.APIVersions.Has "policy/v1/PodDisruptionBudget" }}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: {{ .Release.Name }} }
spec: { minAvailable: 1, selector: { matchLabels: { app: {{ .Release.Name }} } } }
{{- end }}
`,
};

test.before(async () => {
  const tools = await clientTools();
  api = await startApiServers();
  kubectl = new Kubectl(api.first.kubeconfig);
  helm = new Kubectl(api.first.kubeconfig, {}, tools.helm);
  chart = await mkdtemp(join(tmpdir(), 'trimaster-chart-'));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(chart, name)), { recursive: true });
    await writeFile(join(chart, name), text);
  }
});

test.after.always(async () => {
  await api?.stop();
  if (chart) await rm(chart, { recursive: true, force: true });
});

const get = (resource: string, path: string): Promise<string> =>
  kubectl.run('get', resource, '-n', 'mall', '-o', `jsonpath={${path}}`);

test('a chart is installed, upgraded, rolled back and removed, and nothing of it stays', async (t) => {
  const inMall = ['-n', 'mall'];
  t.regex(await helm.run('install', 'shop', chart, ...inMall, '--create-namespace'), /STATUS: deployed\nREVISION: 1/);
  t.is(await get('deployment/shop', '.spec.replicas'), '2');
  t.is(await get('cm/shop', '.data.greeting'), 'hello');
  t.regex(await get('cm/shop', '.data.kube'), /^v1\.36\./);
  t.is(await get('pdb/shop', '.spec.minAvailable'), '1');
  const port = await get('svc/shop', '.spec.clusterIP');

  const set = ['--set', 'replicas=3,greeting=good day'];
  t.regex(await helm.run('upgrade', 'shop', chart, ...inMall, ...set), /REVISION: 2/);
  t.is(await get('deployment/shop', '.spec.replicas'), '3');
  t.is(await get('cm/shop', '.data.greeting'), 'good day');
  t.is(await get('svc/shop', '.spec.clusterIP'), port, 'the Service is the one that it was');

  await helm.run('upgrade', 'shop', chart, ...inMall, '--set', 'service=false');
  t.is((await kubectl.try(['get', 'svc/shop', ...inMall])).code, 1, 'what the chart no longer has is gone');

  t.regex(await helm.run('rollback', 'shop', '1', ...inMall), /Rollback was a success/);
  t.is(await get('deployment/shop', '.spec.replicas'), '2');
  t.is(await get('cm/shop', '.data.greeting'), 'hello');
  t.not(await get('svc/shop', '.spec.clusterIP'), '');
  const history: { revision: number; status: string }[] = JSON.parse(
    await helm.run('history', 'shop', ...inMall, '-o', 'json'),
  );
  t.deepEqual(
    history.map(({ revision, status }) => [revision, status]),
    [
      [1, 'superseded'],
      [2, 'superseded'],
      [3, 'superseded'],
      [4, 'deployed'],
    ],
  );

  await helm.run('uninstall', 'shop', ...inMall);
  const left = await kubectl.run('get', 'deployment,cm,svc,pdb,secret', ...inMall, '-o', 'name');
  t.notRegex(left, /shop/);
});

test('a chart that the API refuses fails with the API’s reason, and the next upgrade repairs it', async (t) => {
  const refused = await helm.try(['install', 'bad', chart, '-n', 'mall', '--create-namespace', '--set', 'port=70000']);
  t.is(refused.code, 1);
  t.regex(refused.stderr, /spec\.ports\[0\]\.port: Invalid value: 70000: must be between 1 and 65535, inclusive/);
  t.regex(await helm.run('upgrade', '--install', '--reset-values', 'bad', chart, '-n', 'mall'), /STATUS: deployed/);
});
