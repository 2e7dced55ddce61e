/** The official JavaScript client finds a Kubernetes: typed calls, patches, its informer, its errors. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ApiException,
  CoordinationV1Api,
  CoreV1Api,
  KubeConfig,
  makeInformer,
  type V1ConfigMap,
  VersionApi,
  Watch,
} from '@kubernetes/client-node';
import test from 'ava';
import { type LocalCluster, startLocalCluster } from '../../../compose/local-cluster.ts';
import { within } from '../../support/within.ts';

const namespace = 'default';
const dataDir = mkdtempSync(join(tmpdir(), 'trimaster-client-node-'));
const config = new KubeConfig();
let cluster: LocalCluster;
let core: CoreV1Api;

test.before(async () => {
  cluster = await startLocalCluster({ dataDir, nodes: 1 });
  config.loadFromFile(cluster.kubeconfig);
  core = config.makeApiClient(CoreV1Api);
});

test.after.always(async () => {
  await cluster?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

test('objects are created, read, replaced and deleted with their types', async (t) => {
  const body = { metadata: { generateName: 'typed-' }, data: { a: '1' } };
  const created = await core.createNamespacedConfigMap({ namespace, body });
  const name = created.metadata?.name ?? '';
  t.regex(name, /^typed-[a-z0-9]{5}$/);
  t.true(created.metadata?.creationTimestamp instanceof Date);
  const replaced = await core.replaceNamespacedConfigMap({ namespace, name, body: { ...created, data: { a: '2' } } });
  t.not(replaced.metadata?.resourceVersion, created.metadata?.resourceVersion);
  const conflict = await t.throwsAsync(core.replaceNamespacedConfigMap({ namespace, name, body: created }), {
    instanceOf: ApiException,
  });
  t.is(conflict?.code, 409);
  await core.deleteNamespacedConfigMap({ namespace, name });
  const gone = await t.throwsAsync(core.readNamespacedConfigMap({ namespace, name }), { instanceOf: ApiException });
  t.is(gone?.code, 404);
});

test('a list is read in pages that are one consistent whole', async (t) => {
  for (let i = 0; i < 7; i += 1) {
    await core.createNamespacedConfigMap({
      namespace,
      body: { metadata: { name: `page-${i}`, labels: { set: 'pages' } } },
    });
  }
  const names: (string | undefined)[] = [];
  let next: string | undefined;
  do {
    const page = await core.listNamespacedConfigMap({
      namespace,
      labelSelector: 'set=pages',
      limit: 3,
      _continue: next,
    });
    names.push(...page.items.map(({ metadata }) => metadata?.name));
    next = page.metadata?._continue;
    // Made between the pages, it belongs to none of them.
    if (names.length === 3)
      await core.createNamespacedConfigMap({
        namespace,
        body: { metadata: { name: 'page-3a', labels: { set: 'pages' } } },
      });
  } while (next);
  t.deepEqual(
    names,
    Array.from({ length: 7 }, (_, i) => `page-${i}`),
  );
});

test('the client’s informer sees every change, once', async (t) => {
  const seen: string[] = [];
  const list = () => core.listNamespacedConfigMap({ namespace, labelSelector: 'set=informed' });
  const informer = makeInformer<V1ConfigMap>(
    config,
    `/api/v1/namespaces/${namespace}/configmaps`,
    list,
    'set=informed',
  );
  for (const verb of ['add', 'update', 'delete'] as const) {
    informer.on(verb, ({ metadata, data }) => seen.push(`${verb} ${metadata?.name} ${data?.a}`));
  }
  await informer.start();
  const body = { metadata: { name: 'informed', labels: { set: 'informed' } }, data: { a: '1' } };
  const created = await core.createNamespacedConfigMap({ namespace, body });
  await core.replaceNamespacedConfigMap({ namespace, name: 'informed', body: { ...created, data: { a: '2' } } });
  await core.deleteNamespacedConfigMap({ namespace, name: 'informed' });
  await within(
    10,
    () => seen,
    ({ length }) => length >= 3,
  );
  await informer.stop();
  t.deepEqual(seen, ['add informed 1', 'update informed 2', 'delete informed 2']);
});

test('a watch without a resourceVersion begins with what is there', async (t) => {
  await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'there', labels: { set: 'there' } } } });
  const first = Promise.withResolvers<string>();
  const watch = await new Watch(config).watch(
    `/api/v1/namespaces/${namespace}/configmaps`,
    { labelSelector: 'set=there' },
    (type, object) => first.resolve(`${type} ${object.metadata.name}`),
    (error) => first.reject(error),
  );
  t.is(await first.promise, 'ADDED there');
  watch.abort();
});

test('leases and the version are served', async (t) => {
  const { items } = await config.makeApiClient(CoordinationV1Api).listNamespacedLease({ namespace: 'kube-system' });
  t.true(items.some(({ metadata }) => metadata?.name === 'kube-scheduler'));
  t.is((await config.makeApiClient(VersionApi).getCode()).minor, '36');
});
