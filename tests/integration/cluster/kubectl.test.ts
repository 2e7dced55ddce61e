/** What a person does with kubectl, on a whole local cluster: three masters, the balancer, two nodes with the simulated runtime. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type LocalCluster, startLocalCluster } from '../../../compose/local-cluster.ts';
import { Kubectl } from '../../support/kubectl.ts';
import { within } from '../../support/within.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'trimaster-kubectl-'));
let cluster: LocalCluster;
let kubectl: Kubectl;

test.before(async () => {
  cluster = await startLocalCluster({ dataDir });
  kubectl = new Kubectl(cluster.kubeconfig);
});

test.after.always(async () => {
  await cluster?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

const rc = (name: string, replicas: number): string => `
apiVersion: v1
kind: ReplicationController
metadata: { name: ${name}, labels: { app: ${name} } }
spec:
  replicas: ${replicas}
  selector: { app: ${name} }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      containers:
        - name: main
          image: trimaster/echo:1
          ports: [{ containerPort: 8080 }]
`;

const pod = (name: string): string =>
  `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"${name}"},"spec":{"containers":[{"name":"main","image":"trimaster/echo:1"}]}}`;

async function readyReplicas(name: string): Promise<string> {
  return kubectl.run('get', 'rc', name, '-o', 'jsonpath={.status.readyReplicas}');
}

test('nodes are Ready, with their version, addresses and runtime', async (t) => {
  const lines = (await kubectl.run('get', 'nodes', '-o', 'wide')).trim().split('\n');
  t.regex(
    lines[0] ?? '',
    /^NAME\s+STATUS\s+ROLES\s+AGE\s+VERSION\s+INTERNAL-IP\s+EXTERNAL-IP\s+OS-IMAGE\s+KERNEL-VERSION\s+CONTAINER-RUNTIME/,
  );
  t.is(lines.length, 3);
  for (const line of lines.slice(1)) t.regex(line, /^node-\d\s+Ready\s+<none>\s+\S+\s+v1\.36\./);
});

test('each node’s kube-proxy has an identity of its own, with which it sees all nodes', async (t) => {
  for (const node of ['node-1', 'node-2']) {
    const asProxy = new Kubectl(join(dataDir, node, 'kube-proxy.conf'));
    const seen = await within(
      30,
      () => asProxy.run('get', 'nodes', '-o', 'name'),
      () => true,
    );
    t.is(seen, 'node/node-1\nnode/node-2\n');
    t.regex(await asProxy.run('auth', 'whoami'), /Username\s+system:kube-proxy\n/);
    const asNode = await new Kubectl(join(dataDir, node, 'kubelet.conf')).try(['get', 'nodes']);
    t.regex(asNode.stderr, /cannot read all nodes, only its own Node object/);
  }
});

test('a ReplicationController’s pods are spread over both nodes and run, and it scales up and down exactly', async (t) => {
  t.is(await kubectl.feed(rc('spread', 6), 'apply', '-f', '-'), 'replicationcontroller/spread created\n');
  await within(
    30,
    () => readyReplicas('spread'),
    (ready) => ready === '6',
  );
  const nodes = (
    await kubectl.run('get', 'pods', '-l', 'app=spread', '-o', 'jsonpath={.items[*].spec.nodeName}')
  ).split(' ');
  t.deepEqual(nodes.toSorted(), ['node-1', 'node-1', 'node-1', 'node-2', 'node-2', 'node-2']);
  t.is(await kubectl.run('scale', 'rc/spread', '--replicas=2'), 'replicationcontroller/spread scaled\n');
  await within(
    30,
    () => kubectl.run('get', 'pods', '-l', 'app=spread', '-o', 'name'),
    (names) => names.trim().split('\n').length === 2,
  );
  const table = await kubectl.run('get', 'rc', 'spread');
  t.regex(table, /^NAME\s+DESIRED\s+CURRENT\s+READY\s+AGE\nspread\s+2\s+2\s+2\s+\S+\n$/);
  t.is(await kubectl.run('delete', 'rc', 'spread'), 'replicationcontroller "spread" deleted\n');
  await within(
    30,
    () => kubectl.run('get', 'pods', '-l', 'app=spread', '-o', 'name'),
    (names) => names === '',
  );
});

test('apply changes only what the file changes, and says when nothing changed', async (t) => {
  await kubectl.feed(rc('applied', 1), 'apply', '-f', '-');
  t.is(await kubectl.feed(rc('applied', 1), 'apply', '-f', '-'), 'replicationcontroller/applied unchanged\n');
  await kubectl.run('label', 'rc', 'applied', 'by=hand');
  t.is(await kubectl.feed(rc('applied', 2), 'apply', '-f', '-'), 'replicationcontroller/applied configured\n');
  t.is(await kubectl.run('get', 'rc', 'applied', '-o', 'jsonpath={.metadata.labels.by}/{.spec.replicas}'), 'hand/2');
  await kubectl.run('delete', 'rc', 'applied');
});

test('label, annotate, patch and edit change an object', async (t) => {
  await kubectl.run('create', 'configmap', 'changed', '--from-literal=a=1');
  t.is(await kubectl.run('label', 'configmap', 'changed', 'tier=front'), 'configmap/changed labeled\n');
  t.is(await kubectl.run('annotate', 'configmap', 'changed', 'note=hello'), 'configmap/changed annotated\n');
  t.is(
    await kubectl.run(
      'patch',
      'configmap',
      'changed',
      '--type=json',
      '-p',
      '[{"op":"add","path":"/data/b","value":"2"}]',
    ),
    'configmap/changed patched\n',
  );
  t.is(
    await kubectl.run(
      'get',
      'configmap',
      'changed',
      '-o',
      'jsonpath={.metadata.labels.tier}{.metadata.annotations.note}{.data.b}',
    ),
    'fronthello2',
  );
  t.regex(await kubectl.run('get', 'configmap', '--show-labels', 'changed'), /tier=front/);
  t.is(
    (await kubectl.try(['label', 'configmap', 'changed', 'tier=back'])).code,
    1,
    'a label is not overwritten by accident',
  );
  await kubectl.run('delete', 'configmap', 'changed');
});

test('describe shows the object with its events', async (t) => {
  await kubectl.feed(pod('described'), 'create', '-f', '-');
  await kubectl.run('wait', '--for=condition=Ready', 'pod/described', '--timeout=30s');
  const text = await within(
    10,
    () => kubectl.run('describe', 'pod', 'described'),
    (seen) => seen.includes('Started'),
  );
  for (const line of [
    /Node:\s+node-\d\//,
    /Status:\s+Running/,
    /Successfully assigned default\/described to node-\d/,
    /QoS Class:\s+BestEffort/,
  ]) {
    t.regex(text, line);
  }
  t.regex(await kubectl.run('describe', 'node', 'node-1'), /Allocated resources/);
  t.is(await kubectl.run('delete', 'pod', 'described'), 'pod "described" deleted\n');
});

test('logs come from the kubelet through the API server', async (t) => {
  await kubectl.feed(pod('logged'), 'create', '-f', '-');
  await kubectl.run('wait', '--for=condition=Ready', 'pod/logged', '--timeout=30s');
  t.not(
    await within(
      10,
      () => kubectl.run('logs', 'logged'),
      (text) => text !== '',
    ),
    '',
  );
  const { code, stderr } = await kubectl.try(['logs', 'logged', '-c', 'other']);
  t.is(code, 1);
  t.regex(stderr, /container other is not valid for pod logged/);
  await kubectl.run('delete', 'pod', 'logged');
});

test('errors are those of Kubernetes', async (t) => {
  const wrong: [string[], string | undefined, RegExp][] = [
    [['get', 'pod', 'nobody'], undefined, /^Error from server \(NotFound\): pods "nobody" not found\n$/],
    [['get', 'things'], undefined, /the server doesn't have a resource type "things"/],
    [
      ['create', '-f', '-'],
      pod('Bad_Name'),
      /The Pod "Bad_Name" is invalid: metadata\.name: Invalid value: "Bad_Name": a lowercase RFC 1123 subdomain/,
    ],
    [
      ['create', '-f', '-', '-n', 'nowhere'],
      pod('a'),
      /Error from server \(NotFound\): .*namespaces "nowhere" not found/,
    ],
    [
      ['create', 'namespace', 'default'],
      undefined,
      /Error from server \(AlreadyExists\): namespaces "default" already exists/,
    ],
  ];
  for (const [args, input, expected] of wrong) {
    const { code, stderr } = await kubectl.try(args, input);
    t.is(code, 1, args.join(' '));
    t.regex(stderr, expected);
  }
});

test('a pod that fits nowhere stays Pending, and an event says why in Kubernetes’ words', async (t) => {
  await kubectl.run(
    'run',
    'huge',
    '--image=trimaster/echo:1',
    '--overrides={"spec":{"containers":[{"name":"huge","image":"trimaster/echo:1","resources":{"requests":{"cpu":"1000"}}}]}}',
  );
  const events = await within(
    15,
    () =>
      kubectl.run(
        'get',
        'events',
        '--field-selector',
        'involvedObject.name=huge,reason=FailedScheduling',
        '-o',
        'jsonpath={.items[*].message}',
      ),
    (text) => text !== '',
  );
  t.regex(events, /^0\/2 nodes are available: 2 Insufficient cpu\./);
  t.regex(await kubectl.run('get', 'pod', 'huge'), /huge\s+0\/1\s+Pending\s+0/);
  await kubectl.run('delete', 'pod', 'huge');
});

test('a watch prints what changes, from the point at which it began', async (t) => {
  await kubectl.run('create', 'configmap', 'watched', '--from-literal=a=1');
  const version = await kubectl.run('get', 'configmap', 'watched', '-o', 'jsonpath={.metadata.resourceVersion}');
  const watching = kubectl.run(
    'get',
    '--raw',
    `/api/v1/namespaces/default/configmaps?watch=true&resourceVersion=${version}&fieldSelector=metadata.name%3Dwatched&timeoutSeconds=3`,
  );
  await kubectl.run('patch', 'configmap', 'watched', '-p', '{"data":{"a":"2"}}');
  await kubectl.run('delete', 'configmap', 'watched');
  const types = (await watching)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).type);
  t.deepEqual(types, ['MODIFIED', 'DELETED']);
});

test('a namespace takes its content with it', async (t) => {
  await kubectl.run('create', 'namespace', 'short');
  await kubectl.feed(rc('inside', 2), 'create', '-n', 'short', '-f', '-');
  await kubectl.run('create', 'secret', 'generic', 'inside', '-n', 'short', '--from-literal=a=b');
  t.is(await kubectl.run('delete', 'namespace', 'short', '--timeout=40s'), 'namespace "short" deleted\n');
  t.is((await kubectl.run('get', 'rc,pods,secrets', '-n', 'short', '-o', 'name')).trim(), '');
});

test('leases show who leads', async (t) => {
  const table = await kubectl.run('get', 'leases', '-n', 'kube-system');
  t.regex(table, /kube-controller-manager\s+master-\d/);
  t.regex(table, /kube-scheduler\s+master-\d/);
});

test('the cluster tells what it serves and how it is', async (t) => {
  t.regex(await kubectl.run('api-resources'), /pods\s+po\s+v1\s+true\s+Pod/);
  t.regex(await kubectl.run('api-versions'), /coordination\.k8s\.io\/v1/);
  t.regex(await kubectl.run('version'), /Server Version: v1\.36\./);
  t.regex(await kubectl.run('get', '--raw', '/readyz?verbose'), /readyz check passed/);
  t.regex(await kubectl.run('get', 'all'), /service\/kubernetes\s+ClusterIP\s+10\.96\.0\.1/);
});
