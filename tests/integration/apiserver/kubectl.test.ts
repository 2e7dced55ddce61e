/** What a person does with kubectl, against an API server alone: no scheduler, no controllers, no nodes. */
import test from 'ava';
import { startApiServers, type TestApiServers } from '../../support/apiserver.ts';
import { Kubectl } from '../../support/kubectl.ts';

let api: TestApiServers;
let kubectl: Kubectl;

test.before(async () => {
  api = await startApiServers();
  kubectl = new Kubectl(api.first.kubeconfig);
});

test.after.always(async () => {
  await api?.stop();
});

const manifest = (replicas: number): string => `
apiVersion: v1
kind: ReplicationController
metadata: { name: web, labels: { app: web } }
spec:
  replicas: ${replicas}
  selector: { app: web }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers: [{ name: main, image: trimaster/echo:1, ports: [{ containerPort: 8080 }] }]
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80, targetPort: 8080 }] }
`;

const pod = (name: string, ...containers: string[]): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: containers.map((container) => ({ name: container, image: 'trimaster/echo:1' })) },
  });

test('apply creates, changes and leaves alone, with its own validation on', async (t) => {
  const apply = (replicas: number): Promise<string> => kubectl.feed(manifest(replicas), 'apply', '-f', '-');
  t.is(await apply(2), 'replicationcontroller/web created\nservice/web created\n');
  t.is(await apply(3), 'replicationcontroller/web configured\nservice/web unchanged\n');
  t.is(await apply(3), 'replicationcontroller/web unchanged\nservice/web unchanged\n');
  t.is(await kubectl.run('scale', 'rc', 'web', '--replicas=5'), 'replicationcontroller/web scaled\n');
  const wide = await kubectl.run('get', 'rc,svc', '-l', 'app=web', '-o', 'wide');
  t.regex(wide, /NAME\s+DESIRED\s+CURRENT\s+READY\s+AGE\s+CONTAINERS\s+IMAGES\s+SELECTOR/);
  t.regex(wide, /web\s+5\s+0\s+0\s+\d+s\s+main\s+trimaster\/echo:1\s+app=web/);
  t.regex(await kubectl.run('describe', 'rc', 'web'), /Replicas:\s+0 current \/ 5 desired/);
  await kubectl.feed(manifest(3), 'delete', '-f', '-');
});

test('create makes every kind that it has a command for', async (t) => {
  t.is(await kubectl.run('create', 'namespace', 'made'), 'namespace/made created\n');
  t.is(await kubectl.run('-n', 'made', 'create', 'configmap', 'c', '--from-literal=a=b'), 'configmap/c created\n');
  t.is(await kubectl.run('-n', 'made', 'create', 'secret', 'generic', 's', '--from-literal=a=b'), 'secret/s created\n');
  t.is(await kubectl.run('-n', 'made', 'create', 'serviceaccount', 'bot'), 'serviceaccount/bot created\n');
  t.is(await kubectl.run('-n', 'made', 'create', 'service', 'nodeport', 'n', '--tcp=80:8080'), 'service/n created\n');
  t.is(await kubectl.run('-n', 'made', 'get', 'cm', 'c', '-o', 'jsonpath={.data.a}'), 'b');
  t.is(await kubectl.run('-n', 'made', 'get', 'secret', 's', '-o', 'jsonpath={.data.a}'), 'Yg==');
  t.is(await kubectl.run('-n', 'made', 'get', 'svc', 'n', '-o', 'jsonpath={.spec.ports[0].targetPort}'), '8080');
  const again = await kubectl.try(['-n', 'made', 'create', 'configmap', 'c']);
  t.regex(again.stderr, /configmaps "c" already exists/);
});

test('labels, annotations, patches and edits change an object', async (t) => {
  await kubectl.run('create', 'configmap', 'changing', '--from-literal=a=old');
  t.is(await kubectl.run('label', 'cm', 'changing', 'x=1'), 'configmap/changing labeled\n');
  t.is(await kubectl.run('annotate', 'cm', 'changing', 'note=why'), 'configmap/changing annotated\n');
  await kubectl.run('patch', 'cm', 'changing', '--type=merge', '-p', '{"data":{"b":"merged"}}');
  await kubectl.run('patch', 'cm', 'changing', '--type=json', '-p', '[{"op":"add","path":"/data/c","value":"json"}]');
  await kubectl.run('patch', 'cm', 'changing', '-p', '{"data":{"d":"strategic"}}');
  const edited = new Kubectl(api.first.kubeconfig, { KUBE_EDITOR: 'sed -i s/old/new/' });
  t.is(await edited.run('edit', 'cm', 'changing'), 'configmap/changing edited\n');
  const object = JSON.parse(await kubectl.run('get', 'cm', 'changing', '-o', 'json'));
  t.deepEqual(object.data, { a: 'new', b: 'merged', c: 'json', d: 'strategic' });
  t.is(object.metadata.labels.x, '1');
  t.is(object.metadata.annotations.note, 'why');
  t.regex(await kubectl.run('get', 'cm', '-l', 'x=1', '--show-labels'), /changing\s+4\s+\d+s\s+x=1/);
});

test('a watch prints what happens, and wait sees a deletion', async (t) => {
  await kubectl.run('create', 'namespace', 'watched');
  const inside = (...args: string[]): Promise<string> => kubectl.run('-n', 'watched', ...args);
  const watch = kubectl.start('-n', 'watched', 'get', 'pods', '--watch', '--output-watch-events');
  t.teardown(watch.stop);
  await kubectl.feed(pod('seen', 'main'), '-n', 'watched', 'create', '-f', '-');
  await watch.until(/ADDED\s+seen\s+0\/1\s+Pending/);
  await inside('label', 'pod', 'seen', 'x=1');
  const waiting = inside('wait', '--for=delete', 'pod/seen', '--timeout=50s');
  await watch.until(/MODIFIED\s+seen/);
  t.regex(await inside('delete', 'pod', 'seen'), /^pod "seen" deleted/);
  await watch.until(/DELETED\s+seen/);
  t.regex(await waiting, /condition met|^$/);
  t.regex(watch.output, /^EVENT\s+NAME\s+READY\s+STATUS\s+RESTARTS\s+AGE/);
});

test('logs says which container it needs, and nothing of a pod that is on no node', async (t) => {
  await kubectl.feed(pod('quiet', 'a', 'b'), 'create', '-f', '-');
  t.deepEqual(await kubectl.try(['logs', 'quiet', '-c', 'a']), { code: 0, stdout: '', stderr: '' });
  const raw = await kubectl.try(['get', '--raw', '/api/v1/namespaces/default/pods/quiet/log']);
  t.regex(raw.stderr, /a container name must be specified for pod quiet, choose one of: \[a b\]/);
  await kubectl.run('delete', 'pod', 'quiet');
});

test('a dry run changes nothing', async (t) => {
  t.is(
    await kubectl.run('create', 'configmap', 'dry', '--from-literal=a=b', '--dry-run=server'),
    'configmap/dry created (server dry run)\n',
  );
  t.regex((await kubectl.try(['get', 'cm', 'dry'])).stderr, /configmaps "dry" not found/);
});

test('the cluster tells what it serves and who it is', async (t) => {
  t.regex(await kubectl.run('api-resources'), /replicationcontrollers\s+rc\s+v1\s+true\s+ReplicationController/);
  t.true((await kubectl.run('api-versions')).split('\n').includes('coordination.k8s.io/v1'));
  t.regex(await kubectl.run('cluster-info'), /control plane.* is running at/);
  t.is(JSON.parse(await kubectl.run('version', '-o', 'json')).serverVersion.minor, '36');
  t.regex(await kubectl.run('get', 'svc', 'kubernetes'), /kubernetes\s+ClusterIP\s+10\.96\.0\.1\s+<none>\s+443\/TCP/);
  t.regex(await kubectl.run('explain', 'pods'), /KIND:\s+Pod/);
  const unknown = await kubectl.try(['get', 'nothing']);
  t.regex(unknown.stderr, /the server doesn't have a resource type "nothing"/);
});
