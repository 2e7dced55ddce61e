/** Promises about single kinds that Kubernetes' conformance tests hold a cluster to, against one API server alone. */
import test, { type ExecutionContext } from 'ava';
import { type Answer, ApiClient } from '../../support/api-client.ts';
import { startApiServers, type TestApiServers } from '../../support/apiserver.ts';
import { within } from '../../support/within.ts';

let api: TestApiServers;
let client: ApiClient;

test.before(async () => {
  api = await startApiServers();
  client = new ApiClient(api.first.kubeconfig, { timeoutMs: 20_000 });
});

test.after.always(async () => {
  await client?.close();
  await api?.stop();
});

const inDefault = '/api/v1/namespaces/default';
const merge = 'application/merge-patch+json';
const strategic = 'application/strategic-merge-patch+json';
const applied = 'application/apply-patch+yaml';

// biome-ignore lint/suspicious/noExplicitAny: what comes from outside is looked at, not trusted.
const parsed = ({ text }: Answer): any => JSON.parse(text);

function refused(t: ExecutionContext, answer: Answer, code: number, words: RegExp): void {
  t.is(answer.status, code, answer.text);
  t.regex(parsed(answer).message, words);
}

test('a Service changes between its types, and loses with each what the new one has no use for', async (t) => {
  const path = `${inDefault}/services`;
  const named = `${path}/types`;
  const spec = { type: 'ExternalName', externalName: 'foo.example.com' };
  let service = parsed(await client.send('POST', path, { metadata: { name: 'types' }, spec }));
  const become = async (change: object): Promise<void> => {
    const answer = await client.send('PUT', named, { ...service, spec: { ...service.spec, ...change } });
    t.is(answer.status, 200, answer.text);
    service = parsed(answer);
  };
  const ports = [{ name: 'http', port: 80, protocol: 'TCP' }];
  t.is(service.spec.clusterIP, undefined);
  await become({ type: 'ClusterIP', externalName: '', ports });
  t.is(service.spec.clusterIPs.length, 1);
  await become({ type: 'ExternalName', externalName: 'foo.example.com', clusterIP: '' });
  t.is(service.spec.clusterIPs, undefined);
  await become({ type: 'NodePort', externalName: '', ports });
  t.truthy(service.spec.clusterIP);
  t.true(service.spec.ports[0].nodePort >= 30_000);
  t.is(service.spec.externalTrafficPolicy, 'Cluster');
  await become({ type: 'ExternalName', externalName: 'foo.example.com', clusterIP: '' });
  t.deepEqual(service.spec.ports, [{ ...ports[0], targetPort: 80 }]);
  t.is(service.spec.externalTrafficPolicy, undefined);
});

test('an address that a load balancer reports is one that it owns, unless it says otherwise', async (t) => {
  const spec = { type: 'LoadBalancer', ports: [{ port: 80 }] };
  const made = parsed(await client.send('POST', `${inDefault}/services`, { metadata: { name: 'lb' }, spec }));
  t.deepEqual(made.status, { loadBalancer: {} });
  const status = { loadBalancer: { ingress: [{ ip: '203.0.113.1' }, { hostname: 'a.example.com' }] } };
  const reported = parsed(await client.send('PATCH', `${inDefault}/services/lb/status`, { status }, merge));
  t.deepEqual(reported.status.loadBalancer.ingress, [
    { ip: '203.0.113.1', ipMode: 'VIP' },
    { hostname: 'a.example.com' },
  ]);
});

test('what a pod asks of its node is held to the rules, field by field', async (t) => {
  const make = (spec: object): Promise<Answer> => {
    const pod = { metadata: { name: 'asks' }, spec: { containers: [{ name: 'c', image: 'x' }], ...spec } };
    return client.send('POST', `${inDefault}/pods?dryRun=All`, pod);
  };
  const names = ['foo-', 'kernel.shmmax', 'safe-and-unsafe', 'bar..'];
  const answer = await make({ securityContext: { sysctls: names.map((name) => ({ name, value: '1' })) } });
  refused(
    t,
    answer,
    422,
    /sysctls\[0\]\.name: Invalid value: "foo-": must have at most 253 characters and match regex/,
  );
  t.deepEqual(
    parsed(answer).details.causes.map(({ field }: { field: string }) => field),
    ['spec.securityContext.sysctls[0].name', 'spec.securityContext.sysctls[3].name'],
  );
  const rows: readonly (readonly [object, RegExp])[] = [
    [{ securityContext: { runAsUser: -1 } }, /spec\.securityContext\.runAsUser: Invalid value: -1: must be between 0/],
    [{ dnsPolicy: 'None' }, /spec\.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None/],
    [
      { dnsConfig: { nameservers: ['a.b'] } },
      /spec\.dnsConfig\.nameservers\[0\]: Invalid value: "a\.b": must be a valid IP/,
    ],
    [{ hostAliases: [{ ip: '1.2.3', hostnames: ['a'] }] }, /spec\.hostAliases\[0\]\.ip: Invalid value: "1\.2\.3"/],
  ];
  for (const [spec, words] of rows) refused(t, await make(spec), 422, words);
  const dnsConfig = {
    nameservers: ['192.0.2.1'],
    searches: ['resolv.conf.local.', '_tcp.x'],
    options: [{ name: 'ndots' }],
  };
  const right = await make({
    dnsPolicy: 'None',
    dnsConfig,
    securityContext: { runAsUser: 65_534, sysctls: [{ name: 'kernel.shm_rmid_forced', value: '1' }] },
    hostAliases: [{ ip: '123.45.67.89', hostnames: ['foo', 'bar.example.com'] }],
  });
  t.is(right.status, 201, right.text);
});

test('unknown and doubled fields of one body are told together', async (t) => {
  const template = '{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"x"}]}}';
  const spec = `"unknownField":1,"replicas":2,"replicas":3,"selector":{"matchLabels":{"a":"b"}},"template":${template}`;
  const body = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"spec":{${spec}}}`;
  const path = '/apis/apps/v1/namespaces/default/deployments?fieldValidation=Strict';
  const words = /strict decoding error: unknown field "spec\.unknownField", duplicate field "spec\.replicas"$/;
  refused(t, await client.send('POST', path, body), 400, words);
});

test('what is applied can have no field that the schema does not declare, however fields are validated', async (t) => {
  const path = `${inDefault}/configmaps/declared?fieldManager=a`;
  for (const validation of ['Ignore', 'Strict']) {
    const config = { apiVersion: 'v1', kind: 'ConfigMap', nonsense: 1, metadata: { name: 'declared', more: 1 } };
    refused(
      t,
      await client.send('PATCH', `${path}&fieldValidation=${validation}`, config, applied),
      400,
      /^failed to create typed patch object \(default\/declared; v1, Kind=ConfigMap\): errors:\n {2}\.nonsense: field not declared in schema\n {2}\.metadata\.more: field not declared in schema$/,
    );
  }
});

test('the answer to a question is no table', async (t) => {
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  const question = { spec: { nonResourceAttributes: { path: '/', verb: 'get' } } };
  const ask = (accept: string): Promise<Answer> => client.send('POST', path, question, undefined, { accept });
  const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  refused(t, await ask(table), 406, /^only the following media types are accepted/);
  t.is(parsed(await ask(`${table},application/json`)).status.allowed, true);
});

const group = 'conformance.example.com';
const version = `${group}/v1`;
const embedded = {
  type: 'object',
  'x-kubernetes-embedded-resource': true,
  properties: { metadata: { type: 'object', properties: { name: { type: 'string' } } } },
};
const schemas: Readonly<Record<string, object>> = {
  Strict: { spec: { type: 'object', properties: { foo: { type: 'string' }, template: embedded } } },
  Open: { spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { template: embedded } } },
};

test('custom objects keep the finalizers that they are given, their metadata from their status, and no unknown field', async (t) => {
  for (const [kind, properties] of Object.entries(schemas)) {
    const plural = `${kind.toLowerCase()}s`;
    const schema = { openAPIV3Schema: { type: 'object', properties } };
    const versions = [{ name: 'v1', served: true, storage: true, subresources: { status: {} }, schema }];
    const spec = { group, scope: 'Cluster', names: { plural, kind }, versions };
    await client.json('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      metadata: { name: `${plural}.${group}` },
      spec,
    });
  }
  const path = (kind: string): string => `/apis/${version}/${kind.toLowerCase()}s`;
  for (const kind of Object.keys(schemas)) {
    await within(
      20,
      () => client.send('GET', path(kind)),
      ({ status }) => status === 200,
    );
  }
  const apply = (kind: string, lines: string): Promise<Answer> =>
    client.send(
      'PATCH',
      `${path(kind)}/mine?fieldManager=m&fieldValidation=Strict`,
      `apiVersion: ${version}\nkind: ${kind}\n${lines}`,
      applied,
    );
  const finalizers = 'metadata:\n  name: mine\n  finalizers:\n  - test-finalizer\n';
  for (const kind of Object.keys(schemas)) t.is((await apply(kind, `${finalizers}spec: {}\n`)).status, 201, kind);
  // Unlike those of built-in kinds they say in a list what they are.
  t.like(parsed(await client.send('GET', path('Strict'))).items[0], { kind: 'Strict', apiVersion: version });
  refused(
    t,
    await apply('Strict', `${finalizers}unknownField: 1\n`),
    400,
    /: \.unknownField: field not declared in schema$/,
  );
  refused(
    t,
    await apply('Open', `${finalizers}spec:\n  unknown: 1\n  foo: a\n  foo: b\n`),
    400,
    /line 10: key "foo" already set in map/,
  );

  const template = { apiVersion: 'v1', kind: 'Sub', metadata: { name: 'sub', unknownSubMeta: 1 } };
  const object = { apiVersion: version, kind: 'Open', metadata: { name: 'other', unknownMeta: 1 }, spec: { template } };
  refused(
    t,
    await client.send('POST', `${path('Open')}?fieldValidation=Strict`, object),
    400,
    /unknown field "metadata\.unknownMeta", unknown field "spec\.template\.metadata\.unknownSubMeta"$/,
  );
  const kept = parsed(await client.send('POST', `${path('Open')}?fieldValidation=Ignore`, object));
  t.deepEqual(kept.spec.template.metadata, { name: 'sub' });

  const metadata = { labels: { said: '1' }, finalizers: ['example.com/said'] };
  const reported = await client.send('PATCH', `${path('Open')}/other/status`, { metadata, status: {} }, merge);
  t.is(reported.status, 200, reported.text);
  t.is(parsed(reported).metadata.labels, undefined);
  t.is(parsed(reported).metadata.finalizers, undefined);
});

test('a pod is given ephemeral containers and other resources by their own ways only', async (t) => {
  const resources = { limits: { cpu: '100m', memory: '100Mi' }, requests: { cpu: '100m', memory: '100Mi' } };
  const containers = [{ name: 'c', image: 'x', resources }];
  await client.json('POST', `${inDefault}/pods`, { metadata: { name: 'ways' }, spec: { containers } });
  const named = `${inDefault}/pods/ways`;
  const debuggers = { spec: { ephemeralContainers: [{ name: 'debugger', image: 'y' }] } };
  refused(
    t,
    await client.send('PATCH', named, debuggers, strategic),
    422,
    /pod updates may not change fields other than/,
  );
  const first = parsed(await client.send('PATCH', `${named}/ephemeralcontainers`, debuggers, strategic));
  t.is(first.spec.ephemeralContainers[0].imagePullPolicy, 'Always');
  first.spec.ephemeralContainers.push({ name: 'debugger2', image: 'y' });
  t.is(parsed(await client.send('PUT', `${named}/ephemeralcontainers`, first)).spec.ephemeralContainers.length, 2);

  const size = (cpu: object) => ({ spec: { containers: [{ name: 'c', resources: cpu }] } });
  const more = size({ limits: { cpu: '200m' }, requests: { cpu: '200m' } });
  refused(t, await client.send('PATCH', named, more, strategic), 422, /pod updates may not change fields other than/);
  const resized = parsed(await client.send('PATCH', `${named}/resize`, more, strategic));
  t.deepEqual(resized.spec.containers[0].resources, {
    limits: { cpu: '200m', memory: '100Mi' },
    requests: { cpu: '200m', memory: '100Mi' },
  });
  refused(
    t,
    await client.send('PATCH', `${named}/resize`, size({ limits: { cpu: '300m' } }), strategic),
    422,
    /Pod QOS Class may not change as a result of resizing/,
  );
});

test('the generation of a pod counts changes of its spec and its deletion, and nothing else', async (t) => {
  const spec = { initContainers: [{ name: 'i', image: 'x' }], containers: [{ name: 'c', image: 'x' }] };
  const metadata = { name: 'generation', generation: 100 };
  t.is(parsed(await client.send('POST', `${inDefault}/pods`, { metadata, spec })).metadata.generation, 1);
  const named = `${inDefault}/pods/generation`;
  // biome-ignore lint/suspicious/noExplicitAny: what comes from outside is looked at, not trusted.
  const update = async (change: (pod: any) => void): Promise<number> => {
    const pod = parsed(await client.send('GET', named));
    change(pod);
    const answer = await client.send('PUT', named, pod);
    t.is(answer.status, 200, answer.text);
    return parsed(answer).metadata.generation;
  };
  t.is(await update(() => {}), 1);
  const toleration = { key: 'foo', operator: 'Equal', value: 'bar', effect: 'NoSchedule' };
  t.is(await update((pod) => Object.assign(pod.spec, { tolerations: [toleration] })), 2);
  t.is(await update((pod) => Object.assign(pod.spec, { activeDeadlineSeconds: 5_000 })), 3);
  t.is(await update((pod) => Object.assign(pod.spec.containers[0], { image: 'y' })), 4);
  t.is(await update((pod) => Object.assign(pod.spec.initContainers[0], { image: 'y' })), 5);
  t.is(await update((pod) => Object.assign(pod.metadata, { annotations: { key: 'value' } })), 5);
  t.is(await update((pod) => Object.assign(pod.metadata, { generation: 1 })), 5);
  const debuggers = { spec: { ephemeralContainers: [{ name: 'd', image: 'y' }] } };
  const debugged = parsed(await client.send('PATCH', `${named}/ephemeralcontainers`, debuggers, strategic));
  t.is(debugged.metadata.generation, 6);
  const reported = parsed(await client.send('PATCH', `${named}/status`, { status: { reason: 'said' } }, merge));
  t.is(reported.metadata.generation, 6);
  const binding = { metadata: { name: 'generation' }, target: { kind: 'Node', name: 'nowhere' } };
  t.is((await client.send('POST', `${named}/binding`, binding)).status, 201);
  t.is(parsed(await client.send('GET', named)).metadata.generation, 6);
  await client.send('DELETE', `${named}?gracePeriodSeconds=60`);
  t.is(parsed(await client.send('GET', named)).metadata.generation, 7);
  await client.send('DELETE', `${named}?gracePeriodSeconds=0`);
});
