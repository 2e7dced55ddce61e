/** Several versions of one custom resource, over two API servers, and the official JavaScript client at custom objects. */
import { CustomObjectsApi, KubeConfig, PatchStrategy, setHeaderOptions, Watch } from '@kubernetes/client-node';
import test from 'ava';
import { ApiClient } from '../../support/api-client.ts';
import { startApiServers, type TestApiServers } from '../../support/apiserver.ts';
import { Kubectl } from '../../support/kubectl.ts';
import { WebhookServer } from '../../support/webhook-server.ts';

let api: TestApiServers;
let kubectl: Kubectl;
let other: Kubectl;

test.before(async () => {
  api = await startApiServers({ count: 2 });
  kubectl = new Kubectl(api.first.kubeconfig);
  other = new Kubectl(api.servers[1]?.kubeconfig ?? '');
});

test.after.always(async () => {
  await api?.stop();
});

const schema = (properties: string): string =>
  `schema: { openAPIV3Schema: { type: object, properties: { spec: { type: object, properties: ${properties} } } } }`;

const definition = (plural: string, kind: string, v1: string, v2: string, more = ''): string => `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: ${plural}.example.com }
spec:
  group: example.com
  scope: Namespaced
  names: { plural: ${plural}, kind: ${kind} }
  versions:
  - { name: v1, served: true, storage: true, ${schema(v1)} }
  - { name: v2, served: true, storage: false, ${schema(v2)} }
  ${more}
`;

async function established(manifest: string, name: string): Promise<void> {
  await kubectl.feed(manifest, 'apply', '-f', '-');
  await kubectl.run('wait', '--for=condition=Established', '--timeout=20s', `crd/${name}`);
}

interface Versioned {
  readonly metadata: { readonly resourceVersion: string };
}

const object = (kind: string, version: string, name: string, spec: string): string =>
  `apiVersion: example.com/${version}
kind: ${kind}
metadata: { name: ${name} }
spec: ${spec}
`;

test('versions without conversion share their objects, each with its own fields and defaults', async (t) => {
  const manifest = definition(
    'gears',
    'Gear',
    '{ a: { type: string }, b: { type: string } }',
    '{ a: { type: string }, b: { type: string, default: x }, c: { type: string } }',
  );
  await established(manifest, 'gears.example.com');
  const watch = other.start(
    'get',
    'gears.v2.example.com',
    '-w',
    '-o',
    'jsonpath={.apiVersion} {.metadata.name} {.spec.b}{"\\n"}',
  );
  t.teardown(watch.stop);
  await kubectl.feed(object('Gear', 'v1', 'one', '{ a: old }'), 'create', '-f', '-');
  await kubectl.feed(object('Gear', 'v2', 'two', '{ a: new, b: own, c: lost }'), 'create', '-f', '-');
  await watch.until(/example\.com\/v2 one x\n[\s\S]*example\.com\/v2 two own\n/);
  const text = ['-o', 'jsonpath={range .items[*]}{.apiVersion} {.spec}{"\\n"}{end}'];
  t.is(
    await other.run('get', 'gears.v1.example.com', ...text),
    'example.com/v1 {"a":"old"}\nexample.com/v1 {"a":"new","b":"own"}\n',
  );
  t.is(
    await other.run('get', 'gears.v2.example.com', ...text),
    'example.com/v2 {"a":"old","b":"x"}\nexample.com/v2 {"a":"new","b":"own"}\n',
  );
  await other.run('patch', 'gears.v2.example.com', 'one', '--type=merge', '-p', '{"spec":{"a":"patched"}}');
  t.is(
    await kubectl.run('get', 'gears.v1.example.com', 'one', '-o', 'jsonpath={.apiVersion} {.spec.a}'),
    'example.com/v1 patched',
  );
  const turned = manifest
    .replace('v1, served: true, storage: true', 'v1, served: true, storage: false')
    .replace('v2, served: true, storage: false', 'v2, served: true, storage: true');
  await kubectl.feed(turned, 'apply', '-f', '-');
  t.is(await kubectl.run('get', 'crd', 'gears.example.com', '-o', 'jsonpath={.status.storedVersions}'), '["v1","v2"]');
  const gone = await kubectl.try([
    'patch',
    'crd',
    'gears.example.com',
    '--type=json',
    '-p',
    '[{"op":"remove","path":"/spec/versions/0"}]',
  ]);
  t.regex(gone.stderr, /status\.storedVersions\[0\]: Invalid value: "v1": must appear in spec\.versions/);
  t.is(await other.run('get', 'gears', '-o', 'jsonpath={.items[*].apiVersion}'), 'example.com/v2 example.com/v2');
  t.regex(await other.run('explain', 'gear', '--api-version=example.com/v2', '--recursive'), /b\s+<string>/);
});

test('who applies in a version that is not stored is noted with that version, and owns the same fields in all', async (t) => {
  const fields = '{ a: { type: string }, b: { type: string } }';
  await established(definition('sprockets', 'Sprocket', fields, fields), 'sprockets.example.com');
  const apply = (version: string, manager: string, spec: string) =>
    kubectl.try(
      ['apply', '--server-side', '--field-manager', manager, '-f', '-'],
      object('Sprocket', version, 's', spec),
    );
  t.is((await apply('v2', 'ann', '{ a: x }')).stderr, '');
  t.is((await apply('v1', 'bob', '{ b: w }')).stderr, '');
  const read = async (version: string) =>
    JSON.parse(await other.run('get', `sprockets.${version}.example.com`, 's', '-o', 'json', '--show-managed-fields'));
  for (const version of ['v1', 'v2']) {
    const { metadata, apiVersion, spec } = await read(version);
    t.is(apiVersion, `example.com/${version}`);
    t.deepEqual(spec, { a: 'x', b: 'w' });
    t.deepEqual(
      metadata.managedFields.map((entry: { manager: string; apiVersion: string }) => [entry.manager, entry.apiVersion]),
      [
        ['ann', 'example.com/v2'],
        ['bob', 'example.com/v1'],
      ],
    );
  }
  t.regex((await apply('v1', 'bob', '{ a: z, b: w }')).stderr, /conflict with "ann": \.spec\.a/);
});

test('a webhook converts what is read and written in other versions', async (t) => {
  const webhook = await WebhookServer.start();
  t.teardown(() => webhook.stop());
  webhook.answer('/convert', ({ desiredAPIVersion = '', objects = [] }) => ({
    result: { status: 'Success' },
    convertedObjects: objects.map(({ spec, ...rest }) => {
      const [host, port] = (spec?.hostPort ?? '').split(':');
      const turned = desiredAPIVersion.endsWith('v2') ? { host, port } : { hostPort: `${spec?.host}:${spec?.port}` };
      return { ...rest, apiVersion: desiredAPIVersion, spec: turned };
    }),
  }));
  const conversion = `conversion: { strategy: Webhook, webhook: { conversionReviewVersions: [v1], clientConfig: { url: '${webhook.url}/convert', caBundle: ${webhook.caBundle} } } }`;
  const manifest = definition(
    'links',
    'Link',
    '{ hostPort: { type: string } }',
    '{ host: { type: string }, port: { type: string } }',
    conversion,
  );
  await established(manifest, 'links.example.com');
  const watch = other.start('get', 'links.v2.example.com', '-w', '-o', 'jsonpath={.metadata.name} {.spec.host}{"\\n"}');
  t.teardown(watch.stop);
  await kubectl.feed(object('Link', 'v1', 'one', '{ hostPort: "a:1" }'), 'create', '-f', '-');
  await kubectl.feed(object('Link', 'v2', 'two', '{ host: b, port: "2" }'), 'create', '-f', '-');
  await watch.until(/one a\n[\s\S]*two b\n/);
  t.is(await other.run('get', 'links.v1.example.com', '-o', 'jsonpath={.items[*].spec.hostPort}'), 'a:1 b:2');
  t.is(await other.run('get', 'links.v2.example.com', '-o', 'jsonpath={.items[*].spec.port}'), '1 2');
  await other.run('patch', 'links.v2.example.com', 'one', '--type=merge', '-p', '{"spec":{"port":"9"}}');
  t.is(await kubectl.run('get', 'links.v1.example.com', 'one', '-o', 'jsonpath={.spec.hostPort}'), 'a:9');
  webhook.answer('/convert', () => ({ result: { status: 'Failure', message: 'cannot' } }));
  const failed = await kubectl.try(['create', '-f', '-'], object('Link', 'v2', 'three', '{ host: c }'));
  t.regex(failed.stderr, /conversion webhook for example\.com\/v2, Kind=Link failed: cannot/);
  await kubectl.run('delete', 'links.v1.example.com', 'one');

  const client = new ApiClient(api.first.kubeconfig);
  t.teardown(() => client.close());
  const links = (version: string): string => `/apis/example.com/${version}/namespaces/default/links`;
  const { metadata: before } = await client.json<Versioned>('GET', links('v1'));
  webhook.answer('/convert', () => 'never');
  const { metadata: created } = await client.json<Versioned>('POST', links('v1'), {
    apiVersion: 'example.com/v1',
    kind: 'Link',
    metadata: { name: 'held' },
  });
  const query = `watch=1&allowWatchBookmarks=true&timeoutSeconds=1&resourceVersion=${before.resourceVersion}`;
  for await (const line of client.watch(`${links('v2')}?${query}`, new AbortController().signal)) {
    const { type, object } = JSON.parse(line);
    t.is(type, 'BOOKMARK');
    const isBefore = Number(object.metadata.resourceVersion) < Number(created.resourceVersion);
    t.true(isBefore, 'no bookmark is ahead of an event that is still converted');
  }
});

test('the official client creates, lists, patches and watches custom objects', async (t) => {
  await established(
    definition('cogs', 'Cog', '{ a: { type: string } }', '{ a: { type: string } }'),
    'cogs.example.com',
  );
  const config = new KubeConfig();
  config.loadFromFile(api.servers[1]?.kubeconfig ?? '');
  const objects = config.makeApiClient(CustomObjectsApi);
  const place = { group: 'example.com', version: 'v1', namespace: 'default', plural: 'cogs' };
  const seen: string[] = [];
  const ended = Promise.withResolvers<void>();
  const watch = await new Watch(config).watch(
    '/apis/example.com/v1/namespaces/default/cogs',
    {},
    (type, { metadata, spec }) => {
      seen.push(`${type} ${metadata.name} ${spec.a}`);
    },
    () => ended.resolve(),
  );
  t.teardown(() => watch.abort());
  const body = { apiVersion: 'example.com/v1', kind: 'Cog', metadata: { name: 'one' }, spec: { a: 'x' } };
  await objects.createNamespacedCustomObject({ ...place, body });
  const listed = await objects.listNamespacedCustomObject(place);
  t.is(listed.items.length, 1);
  await objects.patchNamespacedCustomObject(
    { ...place, name: 'one', body: { spec: { a: 'y' } } },
    setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
  );
  await objects.deleteNamespacedCustomObject({ ...place, name: 'one' });
  // The kind's end is the end of its watches, after all that there was to tell.
  await kubectl.run('delete', 'crd', 'cogs.example.com');
  await ended.promise;
  t.deepEqual(seen, ['ADDED one x', 'MODIFIED one y', 'DELETED one y']);
});
