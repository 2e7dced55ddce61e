/** Server-side apply as people and programs use it: who manages what, conflicts, and taking over. */
import type { V1ConfigMap } from '@kubernetes/client-node';
import test from 'ava';
import { ApiClient } from '../../support/api-client.ts';
import { startApiServers, type TestApiServers } from '../../support/apiserver.ts';
import { Kubectl } from '../../support/kubectl.ts';

let api: TestApiServers;
let kubectl: Kubectl;
let client: ApiClient;

test.before(async () => {
  api = await startApiServers();
  kubectl = new Kubectl(api.first.kubeconfig);
  client = new ApiClient(api.first.kubeconfig);
});

test.after.always(async () => {
  await client?.close();
  await api?.stop();
});

const apply = ['apply', '--server-side', '-f', '-'];

const service = (name: string, ports: object[], labels: object = {}): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, labels },
    spec: { selector: { app: name }, ports },
  });

const configMap = (name: string, data: Record<string, string>): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data });

const dataOf = (name: string): Promise<string> => kubectl.run('get', 'cm', name, '-o', 'jsonpath={.data}');

test('apply makes an object, changes it, and takes away what is no longer said', async (t) => {
  t.is(await kubectl.feed(configMap('whole', { a: '1', b: '2' }), ...apply), 'configmap/whole serverside-applied\n');
  await kubectl.feed(configMap('whole', { a: '3' }), ...apply);
  t.is(await dataOf('whole'), '{"a":"3"}');
  const revision = () => kubectl.run('get', 'cm', 'whole', '-o', 'jsonpath={.metadata.resourceVersion}');
  const before = await revision();
  await kubectl.feed(configMap('whole', { a: '3' }), ...apply);
  t.is(await revision(), before, 'the same again writes nothing');
});

test('two managers share a list, and neither takes the other’s items', async (t) => {
  await kubectl.feed(service('shared', [{ name: 'a', port: 80 }]), ...apply, '--field-manager=one');
  await kubectl.feed(service('shared', [{ name: 'b', port: 81 }]), ...apply, '--field-manager=two');
  await kubectl.feed(service('shared', [{ name: 'a', port: 80 }], { x: 'y' }), ...apply, '--field-manager=one');
  const ports = ['get', 'svc', 'shared', '-o', 'jsonpath={.spec.ports[*].name}'];
  t.is(await kubectl.run(...ports), 'a b');
  const { metadata } = JSON.parse(await kubectl.run('get', 'svc', 'shared', '-o', 'json', '--show-managed-fields'));
  // They are in the order of their times.
  const [one, two] = metadata.managedFields.toSorted((a: { manager: string }, b: { manager: string }) =>
    a.manager < b.manager ? -1 : 1,
  );
  t.like(one, { manager: 'one', operation: 'Apply', apiVersion: 'v1' });
  t.like(two, { manager: 'two', operation: 'Apply', apiVersion: 'v1' });
  t.true('k:{"port":80,"protocol":"TCP"}' in one.fieldsV1['f:spec']['f:ports']);
});

test('changing what another manages is a conflict, which can be forced', async (t) => {
  await kubectl.feed(configMap('contested', { a: '1', b: '2' }), ...apply, '--field-manager=one');
  const refused = await kubectl.try([...apply, '--field-manager=two'], configMap('contested', { a: '9' }));
  t.not(refused.code, 0);
  t.regex(refused.stderr, /Apply failed with 1 conflict: conflict with "one": \.data\.a/);
  t.regex(refused.stderr, /force-conflicts/);
  await kubectl.feed(configMap('contested', { a: '9' }), ...apply, '--field-manager=two', '--force-conflicts');
  t.is(await dataOf('contested'), '{"a":"9","b":"2"}');
  const late = await kubectl.try([...apply, '--field-manager=one'], configMap('contested', { a: '1', b: '2' }));
  t.regex(late.stderr, /conflict with "two": \.data\.a/);
});

test('an edit after an apply is a conflict to the next apply, and names who edited', async (t) => {
  await kubectl.feed(configMap('edited', { a: '1' }), ...apply);
  await kubectl.run('patch', 'cm', 'edited', '-p', '{"data":{"a":"2","c":"3"}}');
  const refused = await kubectl.try(apply, configMap('edited', { a: '1' }));
  t.regex(refused.stderr, /conflict with "kubectl-patch" using v1: \.data\.a/);
  await kubectl.feed(configMap('edited', { a: '1' }), ...apply, '--force-conflicts');
  t.is(await dataOf('edited'), '{"a":"1","c":"3"}');
});

test('who used kubectl’s own apply goes over without a conflict', async (t) => {
  await kubectl.feed(configMap('moved', { a: '1' }), 'apply', '-f', '-');
  await kubectl.feed(configMap('moved', { a: '2' }), ...apply);
  t.is(await dataOf('moved'), '{"a":"2"}');
});

test('who goes over to the server’s apply and back finds what was applied last', async (t) => {
  const last = async () => JSON.parse(await kubectl.run('apply', 'view-last-applied', 'cm/over', '-o', 'json')).data;
  await kubectl.feed(configMap('over', { a: '1' }), 'apply', '-f', '-');
  await kubectl.feed(configMap('over', { a: '2' }), ...apply);
  t.deepEqual(await last(), { a: '2' });
  await kubectl.feed(configMap('over', { a: '3' }), ...apply, '--field-manager=another', '--force-conflicts');
  t.deepEqual(await last(), { a: '2' });
});

test('every write is noted with who did it, until somebody takes the managers away', async (t) => {
  await kubectl.run('create', 'configmap', 'plain', '--from-literal=a=b');
  await kubectl.run('label', 'cm', 'plain', 'x=y');
  const managed = async (): Promise<unknown> => {
    const text = await kubectl.run('get', 'cm', 'plain', '-o', 'json', '--show-managed-fields');
    const { metadata }: V1ConfigMap = JSON.parse(text);
    return metadata?.managedFields?.map(({ manager, operation, fieldsV1 }) => [manager, operation, fieldsV1]);
  };
  t.deepEqual(await managed(), [
    ['kubectl-create', 'Update', { 'f:data': { '.': {}, 'f:a': {} } }],
    ['kubectl-label', 'Update', { 'f:metadata': { 'f:labels': { '.': {}, 'f:x': {} } } }],
  ]);
  await kubectl.run('patch', 'cm', 'plain', '--type=merge', '-p', '{"metadata":{"managedFields":[{}]}}');
  t.is(await managed(), undefined);
});

test('a status is applied by itself, and an apply to the object leaves it', async (t) => {
  const path = '/api/v1/namespaces/default/replicationcontrollers/status';
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'x:1' }] } };
  const rc = { apiVersion: 'v1', kind: 'ReplicationController', metadata: { name: 'status' } };
  const whole = { ...rc, spec: { replicas: 2, template }, status: { replicas: 7 } };
  const made = await client.send('PATCH', `${path}?fieldManager=one`, whole, type);
  t.is(made.status, 201, made.text);
  t.like(JSON.parse(made.text), { spec: { replicas: 2 }, status: { replicas: 0 } });
  const reported = { ...rc, spec: { replicas: 9 }, status: { replicas: 2 } };
  const answer = await client.send('PATCH', `${path}/status?fieldManager=watcher`, reported, type);
  t.is(answer.status, 200, answer.text);
  t.like(JSON.parse(answer.text), { spec: { replicas: 2 }, status: { replicas: 2 } });
  const again = await client.send('PATCH', `${path}?fieldManager=one`, whole, type);
  t.like(JSON.parse(again.text), { spec: { replicas: 2 }, status: { replicas: 2 } });
});

const type = 'application/apply-patch+yaml';
const inDefault = (group: string, resource: string): string => `${group}/namespaces/default/${resource}`;

interface Managed {
  spec: { replicas: number };
  metadata: { managedFields: { manager: string; operation: string; subresource?: string; fieldsV1: object }[] };
}

test('how many replicas there are is applied through the scale, and is then managed there', async (t) => {
  const path = inDefault('/apis/apps/v1', 'deployments/scaled');
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'x:1' }] } };
  const selector = { matchLabels: { a: 'b' } };
  const whole = { apiVersion: 'apps/v1', kind: 'Deployment', spec: { replicas: 1, selector, template } };
  const scale = (replicas: number) => ({ apiVersion: 'autoscaling/v1', kind: 'Scale', spec: { replicas } });
  await client.json('PATCH', `${path}?fieldManager=owner`, whole, type);
  const refused = await client.send('PATCH', `${path}/scale?fieldManager=scaler`, scale(3), type);
  t.is(refused.status, 409);
  t.is(JSON.parse(refused.text).message, 'Apply failed with 1 conflict: conflict with "owner": .spec.replicas');
  const answer = await client.json<object>('PATCH', `${path}/scale?fieldManager=scaler&force=true`, scale(3), type);
  t.like(answer, { kind: 'Scale', spec: { replicas: 3 } });
  const { spec, metadata } = await client.json<Managed>('GET', path);
  t.is(spec.replicas, 3);
  const replicas = { 'f:spec': { 'f:replicas': {} } };
  const [owner, scaler] = metadata.managedFields.toSorted((a, b) => (a.manager < b.manager ? -1 : 1));
  t.like(scaler, { manager: 'scaler', operation: 'Apply', subresource: 'scale', apiVersion: 'apps/v1' });
  t.deepEqual(scaler?.fieldsV1, replicas);
  t.false(JSON.stringify(owner?.fieldsV1).includes('f:replicas'));
  const late = await client.send('PATCH', `${path}?fieldManager=owner`, whole, type);
  t.regex(late.text, /conflict with \\"scaler\\" with subresource \\"scale\\": \.spec\.replicas/);

  await client.json('PUT', `${path}/scale?fieldManager=hand`, { metadata: { name: 'scaled' }, spec: { replicas: 4 } });
  const [, hand] = (await client.json<Managed>('GET', path)).metadata.managedFields;
  t.like(hand, { manager: 'hand', operation: 'Update', subresource: 'scale', fieldsV1: replicas });
  const none = await client.send('PATCH', `${path}x/scale?fieldManager=scaler`, scale(3), type);
  t.is(none.status, 404);
});

test('parts of a running pod are applied through their own paths, which manage nothing else', async (t) => {
  await client.send('POST', inDefault('/api/v1', 'serviceaccounts'), { metadata: { name: 'default' } });
  const resources = { requests: { cpu: '1' }, limits: { cpu: '2' } };
  const pod = { metadata: { name: 'parts' }, spec: { containers: [{ name: 'c', image: 'x:1', resources }] } };
  await client.json('POST', `${inDefault('/api/v1', 'pods')}?fieldManager=owner`, pod);
  const path = inDefault('/api/v1', 'pods/parts');
  const said = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'parts', labels: { not: 'here' } } };
  const debug = { ...said, spec: { nodeName: 'n', ephemeralContainers: [{ name: 'debug', image: 'y:1' }] } };
  await client.json('PATCH', `${path}/ephemeralcontainers?fieldManager=debugger`, debug, type);
  const more = { ...said, spec: { containers: [{ name: 'c', resources: { requests: { cpu: '1500m' } } }] } };
  const refused = await client.send('PATCH', `${path}/resize?fieldManager=sizer`, more, type);
  t.regex(refused.text, /conflict with \\"owner\\" using v1: \.spec\.containers\[name=.*\]\.resources\.requests\.cpu/);
  await client.json('PATCH', `${path}/resize?fieldManager=sizer&force=true`, more, type);
  const made = await client.json<Managed>('GET', path);
  t.like(made, {
    metadata: { labels: undefined },
    spec: {
      nodeName: undefined,
      containers: [{ image: 'x:1', resources: { requests: { cpu: '1500m' }, limits: { cpu: '2' } } }],
      ephemeralContainers: [{ name: 'debug', image: 'y:1', imagePullPolicy: 'IfNotPresent' }],
    },
  });
  const managers = made.metadata.managedFields.filter(({ operation }) => operation === 'Apply');
  t.deepEqual(managers.map(({ manager, subresource, fieldsV1 }) => [manager, subresource, fieldsV1]).toSorted(), [
    [
      'debugger',
      'ephemeralcontainers',
      { 'f:spec': { 'f:ephemeralContainers': { 'k:{"name":"debug"}': { '.': {}, 'f:image': {}, 'f:name': {} } } } },
    ],
    [
      'sizer',
      'resize',
      { 'f:spec': { 'f:containers': { 'k:{"name":"c"}': { 'f:resources': { 'f:requests': { 'f:cpu': {} } } } } } },
    ],
  ]);
});

test('an apply must say who applies what', async (t) => {
  const path = '/api/v1/namespaces/default/configmaps/asked';
  const config = JSON.parse(configMap('asked', {}));
  const cases: [code: number, message: RegExp, query: string, body: unknown, type?: string][] = [
    [422, /fieldManager: Required value: is required for apply patch/, '', config, type],
    [
      422,
      /force: Forbidden: may not be specified for non-apply patch/,
      '?force=true',
      {},
      'application/merge-patch+json',
    ],
    [400, /Object 'apiVersion' is missing/, '?fieldManager=a', {}, type],
    [
      400,
      /Incorrect version specified in apply patch. Specified patch version: v2, expected: v1/,
      '?fieldManager=a',
      { ...config, apiVersion: 'v2' },
      type,
    ],
    [400, /name of the object \(other\) does not match/, '?fieldManager=a', JSON.parse(configMap('other', {})), type],
    [400, /managedFields must be nil/, '?fieldManager=a', { ...config, metadata: { managedFields: [{}] } }, type],
    [400, /\.x: field not declared in schema/, '?fieldManager=a&fieldValidation=Strict', { ...config, x: 1 }, type],
    [404, /not found/, '?fieldManager=a', { ...config, metadata: { resourceVersion: '1' } }, type],
    [400, /error decoding YAML/, '?fieldManager=a', 'a: [', type],
  ];
  for (const [code, message, query, body, contentType] of cases) {
    const { status, text } = await client.send('PATCH', path + query, body, contentType);
    t.is(status, code, text);
    t.regex(text, message);
  }
});
