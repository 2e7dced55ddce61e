/** Admission webhooks, as whoever configures them meets them: a real HTTPS server, a real API server, the real kubectl. */
import { networkInterfaces } from 'node:os';
import test from 'ava';
import { Client } from '../../../master/api/client.ts';
import { loadKubeconfig } from '../../../master/api/config.ts';
import type {
  ConfigMap,
  KubeObject,
  MutatingWebhookConfiguration,
  Service,
  ValidatingWebhookConfiguration,
} from '../../../master/api/types.ts';
import { startApiServers, type TestApiServers } from '../../support/apiserver.ts';
import { Kubectl } from '../../support/kubectl.ts';
import { type Asked, patched, WebhookServer } from '../../support/webhook-server.ts';
import { within } from '../../support/within.ts';

let api: TestApiServers;
let hooks: WebhookServer;
let client: Client;

test.before(async () => {
  api = await startApiServers();
  hooks = await WebhookServer.start();
  client = new Client(loadKubeconfig(api.first.kubeconfig));
});

test.after.always(async () => {
  await client?.close();
  await hooks?.stop();
  await api?.stop();
});

type Webhook = NonNullable<MutatingWebhookConfiguration['webhooks']>[number];

/** A webhook about ConfigMaps that carry the label `hook=<name>`, answered under `/<name>`. */
const webhook = (name: string, more: Partial<Webhook> = {}): Webhook => ({
  name: `${name}.example.com`,
  admissionReviewVersions: ['v1'],
  sideEffects: 'None',
  clientConfig: { url: `${hooks.url}/${name}`, caBundle: hooks.caBundle },
  rules: [
    { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE', 'DELETE'], resources: ['configmaps'] },
  ],
  objectSelector: { matchLabels: { hook: name } },
  ...more,
});

const configMap = (hook: string, name: string, data: Record<string, string> = {}): ConfigMap => ({
  metadata: { namespace: 'default', name, labels: { hook } },
  data,
});

/** Creates it without storing it, to see what admission says. */
const tried = (object: ConfigMap): Promise<unknown> =>
  client.request({ method: 'POST', path: '/api/v1/namespaces/default/configmaps?dryRun=All', body: object });

/** Configures, and waits until the API server asks: its configuration is followed, not read. */
async function configure(
  resource: 'mutatingwebhookconfigurations' | 'validatingwebhookconfigurations',
  name: string,
  ...webhooks: Webhook[]
): Promise<void> {
  const configuration: MutatingWebhookConfiguration & ValidatingWebhookConfiguration = { metadata: { name }, webhooks };
  await client.create(resource, configuration);
  // Other tests' webhooks are asked meanwhile.
  const isProbe = ({ name: asked, object }: Asked) => asked === 'probe' && object?.metadata?.labels?.hook === name;
  await within(
    5,
    () => tried(configMap(name, 'probe')).catch((error: unknown) => error),
    () => hooks.asked.some(({ request }) => isProbe(request)),
  );
}

const mutating = (name: string, ...webhooks: Webhook[]) =>
  configure('mutatingwebhookconfigurations', name, ...webhooks);
const validating = (name: string, ...webhooks: Webhook[]) =>
  configure('validatingwebhookconfigurations', name, ...webhooks);

test('a validating webhook refuses with its words and code, warns, and sees what is asked', async (t) => {
  hooks.answer('/deny', ({ object, operation }) =>
    object?.data?.bad === 'yes'
      ? { allowed: false, status: { code: 403, reason: 'Forbidden', message: 'bad is not good' } }
      : { allowed: true, warnings: [`${operation} was seen`] },
  );
  await validating('deny', webhook('deny'));
  const kubectl = new Kubectl(api.first.kubeconfig);
  const bad = await kubectl.try(['create', '-f', '-'], JSON.stringify(typed(configMap('deny', 'bad', { bad: 'yes' }))));
  t.regex(bad.stderr, /admission webhook "deny\.example\.com" denied the request: bad is not good/);
  const good = await kubectl.try(['create', '-f', '-'], JSON.stringify(typed(configMap('deny', 'good'))));
  t.is(good.stdout, 'configmap/good created\n');
  t.is(good.stderr, 'Warning: CREATE was seen\n');
  await client.delete('configmaps', { namespace: 'default', name: 'good' });
  const seen = hooks.askedOf('/deny').filter(({ name }) => name === 'good');
  t.deepEqual(
    seen.map(({ operation, namespace, object, oldObject }) => [operation, namespace, object?.kind, oldObject?.kind]),
    [
      ['CREATE', 'default', 'ConfigMap', undefined],
      ['DELETE', 'default', undefined, 'ConfigMap'],
    ],
  );
  t.is(seen[0]?.userInfo.username, 'kubernetes-admin');
});

test('a mutating webhook changes the object before it is stored, and what it makes wrong is refused', async (t) => {
  hooks.answer('/mutate', ({ object }) =>
    patched({ op: 'add', path: '/data/added', value: object?.data?.wrong ? { not: 'a text' } : 'yes' }),
  );
  await mutating('mutate', webhook('mutate'));
  const stored = await client.create('configmaps', configMap('mutate', 'mutated', { a: 'b' }));
  t.deepEqual(stored.data, { a: 'b', added: 'yes' });
  await t.throwsAsync(client.create('configmaps', configMap('mutate', 'wrong', { wrong: 'yes' })), {
    message: /^Internal error/,
  });
});

test('who is asked again after a later change sees it, and the others are asked once', async (t) => {
  const add = (path: string) => patched({ op: 'add', path: `/data/${path}`, value: 'yes' });
  hooks.answer('/again-1', ({ object }) => (object?.data?.first ? add('sawAll') : add('first')));
  hooks.answer('/again-2', () => add('second'));
  const about = { objectSelector: { matchLabels: { hook: 'again' } } };
  await mutating(
    'again',
    webhook('again-1', { ...about, reinvocationPolicy: 'IfNeeded' }),
    webhook('again-2', { ...about, reinvocationPolicy: 'Never' }),
  );
  const stored = await client.create('configmaps', configMap('again', 'again', { a: 'b' }));
  t.deepEqual(stored.data, { a: 'b', first: 'yes', second: 'yes', sawAll: 'yes' });
  const times = (path: string) => hooks.askedOf(path).filter(({ name }) => name === 'again').length;
  t.deepEqual([times('/again-1'), times('/again-2')], [2, 1]);
});

test('a webhook that fails closed refuses, and one that fails open does not', async (t) => {
  hooks.answer('/closed', () => 500);
  hooks.answer('/open', () => 500);
  await validating('closed', webhook('closed', { failurePolicy: 'Fail' }));
  await mutating('open', webhook('open', { failurePolicy: 'Ignore' }));
  await t.throwsAsync(client.create('configmaps', configMap('closed', 'closed')), {
    message:
      'Internal error occurred: failed calling webhook "closed.example.com": failed to call webhook: an error on the server ("broken") has prevented the request from succeeding',
  });
  await t.notThrowsAsync(client.create('configmaps', configMap('open', 'open')));
});

test('a webhook that does not answer is given up after its time', async (t) => {
  hooks.answer('/slow', () => 'never');
  await validating('slow', webhook('slow', { timeoutSeconds: 1 }));
  await t.throwsAsync(client.create('configmaps', configMap('slow', 'slow')), {
    message: /failed to call webhook: Post "https:.*\/slow\?timeout=1s": context deadline exceeded$/,
  });
  t.is(hooks.asked.find(({ path }) => path === '/slow')?.timeout, '1s');
});

test('in a dry run a webhook is told so', async (t) => {
  hooks.answer('/dry', () => ({ allowed: true }));
  await validating('dry', webhook('dry', { sideEffects: 'NoneOnDryRun' }));
  await client.create('configmaps', configMap('dry', 'dry'));
  const asked = new Map(hooks.askedOf('/dry').map(({ name, dryRun }) => [name, dryRun]));
  t.deepEqual([asked.get('probe'), asked.get('dry')], [true, false]);
});

test('match conditions choose who is asked about', async (t) => {
  hooks.answer('/condition', () => ({ allowed: false }));
  await validating(
    'condition',
    webhook('condition', {
      matchConditions: [
        { name: 'not-free', expression: "!(has(object.data) && 'free' in object.data)" },
        { name: 'not-nobody', expression: "request.userInfo.username != 'nobody'" },
        {
          name: 'may-delete-nodes',
          expression: "authorizer.group('').resource('nodes').check('delete').allowed()",
        },
      ],
    }),
  );
  await t.notThrowsAsync(client.create('configmaps', configMap('condition', 'free', { free: 'yes' })));
  await t.throwsAsync(client.create('configmaps', configMap('condition', 'bound')), {
    message: 'admission webhook "condition.example.com" denied the request without explanation',
  });
});

test('a webhook may refuse connections by what they ask for', async (t) => {
  hooks.answer('/connect', ({ operation, object, name }) => ({
    allowed: false,
    status: { message: `${operation} of ${object?.kind} to ${name}` },
  }));
  const rules = [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CONNECT'], resources: ['pods/exec'] }];
  await client.create('validatingwebhookconfigurations', {
    metadata: { name: 'connect' },
    webhooks: [webhook('connect', { rules, objectSelector: {} })],
  });
  const path = '/api/v1/namespaces/default/pods/nobody/exec?command=id&stdout=true';
  const refused = await within(
    5,
    () => client.request({ method: 'POST', path }).then(() => '', String),
    (message) => message.includes('denied'),
  );
  t.regex(refused, /admission webhook "connect\.example\.com" denied the request: CONNECT of PodExecOptions to nobody/);
});

test('a webhook for everything is not asked about the configurations of webhooks', async (t) => {
  hooks.answer('/all', () => ({ allowed: false }));
  const rules = [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*/*'] }];
  await validating('all', webhook('all', { rules }));
  await client.patch(
    'validatingwebhookconfigurations',
    { name: 'all' },
    { metadata: { labels: { hook: 'all' } } },
    { type: 'merge' },
  );
  await t.notThrowsAsync(client.delete('validatingwebhookconfigurations', { name: 'all' }));
});

test('a webhook is asked in the version that its rules name, whichever the client speaks', async (t) => {
  const kubectl = new Kubectl(api.first.kubeconfig);
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  const version = (name: string, storage: boolean) => ({ name, served: true, storage, schema });
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'widgets', kind: 'Widget' },
      versions: [version('v1', true), version('v2', false)],
    },
  };
  await kubectl.feed(JSON.stringify(definition), 'create', '-f', '-');
  await kubectl.run('wait', '--for=condition=Established', 'crd/widgets.example.com', '--timeout=20s');
  hooks.answer('/versions', () => patched({ op: 'add', path: '/added', value: 'yes' }));
  const rules = [{ apiGroups: ['example.com'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['widgets'] }];
  await client.create('mutatingwebhookconfigurations', {
    metadata: { name: 'versions' },
    webhooks: [webhook('versions', { rules, objectSelector: {} })],
  });
  const widget = { apiVersion: 'example.com/v2', kind: 'Widget', metadata: { name: 'w' } };
  const path = '/apis/example.com/v2/namespaces/default/widgets';
  const made = await within(
    5,
    () => client.request({ method: 'POST', path: `${path}?dryRun=All`, body: widget }),
    () => hooks.askedOf('/versions').length > 0,
  );
  t.like(made, { apiVersion: 'example.com/v2', added: 'yes' });
  const [asked] = hooks.askedOf('/versions');
  t.like(asked, { kind: { version: 'v1' }, requestKind: { version: 'v2' }, object: { apiVersion: 'example.com/v1' } });
});

/** Asks until the webhook that is about everything has been asked, and gives what each has been asked. */
async function askedAbout(names: readonly string[], last: string, body: KubeObject, path: string) {
  const before = names.map((name) => hooks.askedOf(`/${name}`).length);
  await within(
    5,
    () => client.request({ method: 'POST', path: `${path}?dryRun=All`, body }),
    () => hooks.askedOf(`/${last}`).length > (before[names.indexOf(last)] ?? 0),
  );
  return names.map((name, index) => {
    const [asked] = hooks.askedOf(`/${name}`).slice(before[index]);
    return (
      asked && `${asked.kind.group}/${asked.kind.version} for ${asked.requestKind.group}/${asked.requestKind.version}`
    );
  });
}

test('Exact takes the version that the client speaks, Equivalent any, also of kinds that are always there', async (t) => {
  const about = (apiGroups: string[], apiVersions: string[], resource: string) => [
    { apiGroups, apiVersions, operations: ['CREATE'], resources: [resource] },
  ];
  const hpas = 'horizontalpodautoscalers';
  const names = ['exact1', 'exact2', 'equal1', 'event'];
  for (const name of names) hooks.answer(`/${name}`, () => ({ allowed: true }));
  const of = (name: string, more: Partial<Webhook>) => webhook(name, { objectSelector: {}, ...more });
  await client.create('validatingwebhookconfigurations', {
    metadata: { name: 'policies' },
    webhooks: [
      of('exact1', { matchPolicy: 'Exact', rules: about(['autoscaling'], ['v1'], hpas) }),
      of('exact2', { matchPolicy: 'Exact', rules: about(['autoscaling'], ['v2'], hpas) }),
      of('equal1', { rules: about(['autoscaling'], ['v1'], hpas) }),
      of('event', { rules: about(['events.k8s.io'], ['v1'], 'events') }),
    ],
  });
  const hpa = (version: string): KubeObject & { spec: object } => ({
    apiVersion: `autoscaling/${version}`,
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'h' },
    spec: { maxReplicas: 2, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' } },
  });
  const path = (version: string): string => `/apis/autoscaling/${version}/namespaces/default/${hpas}`;
  t.deepEqual(await askedAbout(names, 'equal1', hpa('v2'), path('v2')), [
    undefined,
    'autoscaling/v2 for autoscaling/v2',
    'autoscaling/v1 for autoscaling/v2',
    undefined,
  ]);
  t.deepEqual(await askedAbout(names, 'equal1', hpa('v1'), path('v1')), [
    'autoscaling/v1 for autoscaling/v1',
    undefined,
    'autoscaling/v1 for autoscaling/v1',
    undefined,
  ]);
  const event = {
    metadata: { name: 'e', namespace: 'default' },
    involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' },
    reason: 'Tested',
  };
  const [, , , asked] = await askedAbout(names, 'event', event, '/api/v1/namespaces/default/events');
  t.is(asked, 'events.k8s.io/v1 for /v1');
});

test('a webhook behind a Service is reached at its endpoints, and must prove to be that Service', async (t) => {
  const server = await WebhookServer.start('hook.default.svc', 'outside.default.svc');
  t.teardown(() => server.stop());
  const own = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
  const service = (name: string, spec: NonNullable<Service['spec']>) =>
    client.create('services', { metadata: { namespace: 'default', name }, spec });
  await service('hook', { ports: [{ name: 'https', port: 443 }] });
  await service('stranger', { ports: [{ name: 'https', port: 443 }] });
  await service('outside', { type: 'ExternalName', externalName: 'localhost' });
  for (const name of ['hook', 'stranger']) {
    await client.create('endpointslices', {
      metadata: { namespace: 'default', name, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [own ?? ''] }],
      ports: [{ name: 'https', port: server.port }],
    });
  }
  const behind = async (name: string, port: number): Promise<() => Promise<unknown>> => {
    server.answer(`/${name}`, () => ({ allowed: false, status: { message: `${name} says no` } }));
    const clientConfig = { service: { namespace: 'default', name, port, path: `/${name}` }, caBundle: server.caBundle };
    await client.create('validatingwebhookconfigurations', {
      metadata: { name },
      webhooks: [webhook(name, { clientConfig })],
    });
    const refusal = () => tried(configMap(name, 'a')).catch((error: unknown) => error);
    return () => within(5, refusal, (error) => error instanceof Error);
  };
  const refused = async (name: string, port = 443) => String(await (await behind(name, port))());
  t.regex(await refused('hook'), /admission webhook "hook\.example\.com" denied the request: hook says no/);
  t.regex(await refused('outside', server.port), /denied the request: outside says no/);
  t.regex(
    await refused('stranger'),
    /failed calling webhook "stranger\.example\.com": .*tls: failed to verify certificate/,
  );
});

test('of a scale a webhook sees the Scale, and may change that', async (t) => {
  hooks.answer('/scale', ({ object }) =>
    object?.kind === 'Scale' ? patched({ op: 'replace', path: '/spec/replicas', value: 3 }) : { allowed: false },
  );
  const rules = [
    { apiGroups: [''], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['replicationcontrollers/scale'] },
  ];
  await client.create('replicationcontrollers', {
    metadata: { namespace: 'default', name: 'scaled' },
    spec: {
      replicas: 0,
      selector: { app: 'scaled' },
      template: { metadata: { labels: { app: 'scaled' } }, spec: { containers: [{ name: 'c', image: 'x' }] } },
    },
  });
  await client.create('mutatingwebhookconfigurations', {
    metadata: { name: 'scale' },
    webhooks: [webhook('scale', { rules, objectSelector: {} })],
  });
  const kubectl = new Kubectl(api.first.kubeconfig);
  await within(
    5,
    () => kubectl.run('scale', 'rc/scaled', '--replicas=1'),
    () => hooks.askedOf('/scale').length > 0,
  );
  t.is((await client.get('replicationcontrollers', { namespace: 'default', name: 'scaled' })).spec?.replicas, 3);
  t.like(hooks.askedOf('/scale')[0], { kind: { group: 'autoscaling', kind: 'Scale' }, subResource: 'scale' });
});

const typed = (object: ConfigMap) => ({ apiVersion: 'v1', kind: 'ConfigMap', ...object });
