/** Secrets encrypted at rest: what lies in etcd, how keys are changed, and what a wrong key does. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { Member } from '../../../master/apiserver/store/member.ts';
import { ApiClient } from '../../support/api-client.ts';
import { startApiServers } from '../../support/apiserver.ts';
import { startEtcd } from '../../support/etcd.ts';
import { within } from '../../support/within.ts';

const secrets = '/api/v1/namespaces/default/secrets';
const keys = { one: randomBytes(32).toString('base64'), two: randomBytes(32).toString('base64') };

test('secrets are encrypted in etcd, keys change by rewriting, and a wrong key is said without harm to the rest', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'trimaster-encryption-'));
  t.teardown(() => rm(dir, { recursive: true }));
  const etcd = await startEtcd();
  t.teardown(etcd.stop);
  const member = new Member(etcd.endpoints[0] ?? '', undefined);
  t.teardown(() => member.reset());
  const inEtcd = async (resource: string, name = 'a'): Promise<string> => {
    const { kvs } = await member.range({ key: `/registry/${resource}/default/${name}` }, 5_000);
    return kvs[0]?.value.toString('latin1') ?? '';
  };
  /** An API server with these keys, the first of which writes, for as long as the action takes. */
  const withKeys = async (names: readonly (keyof typeof keys)[], act: (client: ApiClient) => Promise<void>) => {
    const file = join(dir, `${names.join('-')}.yaml`);
    await writeKeys(file, names);
    const flags = ['--encryption-provider-config', file, '--encryption-provider-config-automatic-reload'];
    const api = await startApiServers({ etcd: etcd.endpoints, extraArgs: flags });
    const client = new ApiClient(api.first.kubeconfig);
    try {
      await act(client);
    } finally {
      await client.close();
      await api.stop();
    }
  };
  const writeKeys = async (file: string, names: readonly (keyof typeof keys)[]) => {
    const aesgcm = { keys: names.map((name) => ({ name, secret: keys[name] })) };
    const resources = [
      {
        resources: ['secrets', '*.example.com'],
        providers: [...(names.length > 0 ? [{ aesgcm }] : []), { identity: {} }],
      },
    ];
    const kind = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration' };
    await writeFile(file, JSON.stringify({ ...kind, resources }));
  };

  await withKeys([], async (client) => {
    await client.json('POST', secrets, { metadata: { name: 'a' }, stringData: { password: 'hidden' } });
    t.regex(await inEtcd('secrets'), /aGlkZGVu/);
  });
  await withKeys(['one'], async (client) => {
    const secret = await client.json<{ data: object; metadata: { resourceVersion: string } }>('GET', `${secrets}/a`);
    t.deepEqual(secret.data, { password: Buffer.from('hidden').toString('base64') });
    // What kubectl replace sends changes nothing but how it is stored.
    await client.json('PUT', `${secrets}/a`, secret);
    t.true((await inEtcd('secrets')).startsWith('k8s:enc:aesgcm:v1:one:'));
    const patched = await client.json<{ metadata: { resourceVersion: string } }>(
      'PATCH',
      `${secrets}/a`,
      { data: { more: 'eA==' } },
      'application/merge-patch+json',
    );
    t.notRegex(await inEtcd('secrets'), /aGlkZGVu/);
    const again = await client.json<{ metadata: { resourceVersion: string } }>('PUT', `${secrets}/a`, patched);
    t.is(again.metadata.resourceVersion, patched.metadata.resourceVersion);
    await client.json('POST', '/api/v1/namespaces/default/configmaps', {
      metadata: { name: 'a' },
      data: { open: 'x' },
    });
    t.regex(await inEtcd('configmaps'), /"open":"x"/);

    const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
    const names = { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' };
    const versions = [{ name: 'v1', served: true, storage: true, schema }];
    await client.json('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      metadata: { name: 'widgets.example.com' },
      spec: { group: 'example.com', scope: 'Namespaced', names, versions },
    });
    const widgets = '/apis/example.com/v1/namespaces/default/widgets';
    const widget = { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'a' }, colour: 'red' };
    await within(
      20,
      () => client.send('POST', widgets, widget),
      ({ status }) => status === 201,
    );
    t.true((await inEtcd('widgets.example.com')).startsWith('k8s:enc:aesgcm:v1:one:'));
    t.like(await client.json('GET', `${widgets}/a`), { colour: 'red' });
  });
  await withKeys(['two', 'one'], async (client) => {
    const [line] = [await client.json<{ items: { metadata: { name: string } }[] }>('GET', secrets)];
    const secret = line.items.find(({ metadata }) => metadata.name === 'a');
    await client.json('PUT', `${secrets}/a`, secret);
    t.true((await inEtcd('secrets')).startsWith('k8s:enc:aesgcm:v1:two:'));
  });
  await withKeys(['one'], async (client) => {
    for (const path of [`${secrets}/a`, secrets, `${secrets}?limit=1`]) {
      const { status, text } = await client.send('GET', path);
      t.is(status, 500, path);
      t.regex(text, /unable to transform key \\"\/registry\/secrets\/default\/a\\": no matching prefix found/);
    }
    t.is((await client.send('GET', '/api/v1/namespaces/default/configmaps')).status, 200);
    t.is((await client.send('POST', secrets, { metadata: { name: 'b' } })).status, 201);
    t.is((await client.send('GET', `${secrets}/b`)).status, 200);
  });
  await withKeys(['two', 'one'], async (client) => {
    t.is((await client.send('GET', `${secrets}/a`)).status, 200);
    t.is((await client.send('GET', `${secrets}/b`)).status, 200);
    t.is((await client.send('DELETE', `${secrets}/a`)).status, 200);

    // Its configuration changes while it runs.
    const file = join(dir, 'two-one.yaml');
    const secret = { metadata: { name: 'b' }, stringData: { a: 'b' } };
    const rewritten = async (): Promise<string> => {
      await client.json('PUT', `${secrets}/b`, secret);
      return inEtcd('secrets', 'b');
    };
    t.true((await rewritten()).startsWith('k8s:enc:aesgcm:v1:two:'));
    await writeKeys(file, ['one', 'two']);
    await within(60, rewritten, (value) => value.startsWith('k8s:enc:aesgcm:v1:one:'));
    t.is((await client.send('GET', `${secrets}/b`)).status, 200);
  });
});
