import { mkdtemp, open, readdir, readFile, readlink, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createLogger } from '../../../../master/api/logging.ts';
import { type Payload, writePayload } from '../../../../node/kubelet/volumes/atomic-writer.ts';
import { type PayloadContext, payloadOf } from '../../../../node/kubelet/volumes/payloads.ts';
import { Volumes } from '../../../../node/kubelet/volumes/volumes.ts';
import { container, podWith } from './pods.ts';

async function temporary(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'trimaster-volumes-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

const files = (entries: Record<string, string>): Payload =>
  new Map(Object.entries(entries).map(([path, text]) => [path, { content: Buffer.from(text), mode: 0o640 }]));

test('files are swapped together: an open one stays, names that are gone disappear', async (t) => {
  const directory = await temporary(t);
  t.true(await writePayload(directory, files({ a: '1', 'sub/b': '1' })));
  await using old = await open(join(directory, 'a'));
  const before = await readlink(join(directory, '..data'));
  t.true(await writePayload(directory, files({ a: '2', c: '2' })));
  t.is(await readFile(join(directory, 'a'), 'utf8'), '2');
  t.is(await old.readFile('utf8'), '1');
  t.deepEqual((await readdir(directory)).filter((name) => !name.startsWith('..')).sort(), ['a', 'c']);
  t.not(await readlink(join(directory, '..data')), before);
  t.is((await stat(join(directory, 'a'))).mode & 0o777, 0o640);
});

test('what has not changed is not written', async (t) => {
  const directory = await temporary(t);
  await writePayload(directory, files({ a: '1' }));
  const before = await readlink(join(directory, '..data'));
  t.false(await writePayload(directory, files({ a: '1' })));
  t.is(await readlink(join(directory, '..data')), before);
});

test('a path that leads out of the volume is refused', async (t) => {
  const directory = await temporary(t);
  for (const path of ['../a', '/a', 'a/../../b', '..data']) {
    await t.throwsAsync(writePayload(directory, files({ [path]: '1' })), { message: /invalid path/ });
  }
});

const context: PayloadContext = {
  hostIp: '172.18.0.2',
  allocatable: {},
  configMap: (name) => (name === 'cm' ? { data: { a: 'one', b: 'two' }, binaryData: { c: 'AAE=' } } : undefined),
  secret: (name) => (name === 'sec' ? { data: { pw: Buffer.from('geheim').toString('base64') } } : undefined),
};

const texts = (payload: Payload | undefined): Record<string, string> =>
  Object.fromEntries(
    [...(payload ?? [])].map(([path, { content, mode }]) => [
      path,
      `${content.toString('latin1')} ${mode.toString(8)}`,
    ]),
  );

test('ConfigMaps and Secrets become files, all keys or the items asked for, with their modes', (t) => {
  const of = (volume: object) => texts(payloadOf(podWith(), { name: 'v', ...volume }, context));
  t.deepEqual(of({ configMap: { name: 'cm' } }), { a: 'one 644', b: 'two 644', c: '\0\u0001 644' });
  const items = [{ key: 'a', path: 'dir/x', mode: 0o400 }];
  t.deepEqual(of({ configMap: { name: 'cm', items, defaultMode: 0o600 } }), { 'dir/x': 'one 400' });
  t.deepEqual(of({ secret: { secretName: 'sec' } }), { pw: 'geheim 644' });
  t.throws(() => of({ configMap: { name: 'none' } }), { message: 'configmap "none" not found' });
  t.deepEqual(of({ secret: { secretName: 'none', optional: true } }), {});
});

test('projected volumes put several sources together', (t) => {
  const sources = [
    { configMap: { name: 'cm', items: [{ key: 'a', path: 'a' }] } },
    { secret: { name: 'sec' } },
    { downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
  ];
  const payload = payloadOf(podWith(), { name: 'v', projected: { sources } }, context);
  t.deepEqual(texts(payload), { a: 'one 644', pw: 'geheim 644', name: 'pod 644' });
});

test('volumes are made, mounted and removed with their pod, and a hostPath stays', async (t) => {
  const root = await temporary(t);
  const host = await temporary(t);
  const volumes = new Volumes({ rootDirectory: root, logger: createLogger('test', 'silent') });
  const pod = podWith({
    containers: [container('main', { volumeMounts: [{ name: 'data', mountPath: '/data', subPath: 'x/y' }] })],
    volumes: [
      { name: 'data', emptyDir: {} },
      { name: 'host', hostPath: { path: host } },
    ],
  });
  const paths = await volumes.setUp(pod, context);
  t.is(paths.get('host'), host);
  const options = { paths, variables: [], attempt: 0, podIp: '10.244.1.2' };
  const { mounts } = await volumes.mountsOf(pod, pod.spec?.containers[0] ?? container('main'), options);
  t.deepEqual(
    mounts.map(({ target }) => target),
    ['/data', '/etc/hosts', '/dev/termination-log'],
  );
  t.true((await stat(mounts[0]?.source ?? '')).isDirectory());
  t.regex(await readFile(mounts[1]?.source ?? '', 'utf8'), /^10\.244\.1\.2\tpod$/m);
  await volumes.tearDown('u1');
  t.deepEqual(await volumes.known(), []);
  t.true((await stat(host)).isDirectory());
});

test('a subPath does not lead out of its volume, not even through a link', async (t) => {
  const root = await temporary(t);
  const volumes = new Volumes({ rootDirectory: root, logger: createLogger('test', 'silent') });
  const base = await temporary(t);
  await symlink('/', join(base, 'link'));
  const options = { paths: new Map([['v', base]]), variables: [], attempt: 0, podIp: '' };
  for (const subPath of ['../x', 'link/etc']) {
    const main = container('main', { volumeMounts: [{ name: 'v', mountPath: '/v', subPath }] });
    await t.throwsAsync(volumes.mountsOf(podWith(), main, options), { message: /leads out of the volume/ });
  }
});

test('a claim that is read-only is so for all containers of the pod', async (t) => {
  const volumes = new Volumes({ rootDirectory: await temporary(t), logger: createLogger('test', 'silent') });
  const main = container('main', { volumeMounts: [{ name: 'v', mountPath: '/v' }] });
  const readOnlyOf = async (readOnly: boolean): Promise<boolean | undefined> => {
    const pod = podWith({ volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c', readOnly } }] });
    const options = { paths: new Map([['v', '/x']]), variables: [], attempt: 0, podIp: '' };
    return (await volumes.mountsOf(pod, main, options)).mounts[0]?.readOnly;
  };
  t.true(await readOnlyOf(true));
  t.false(await readOnlyOf(false));
});

test('a volume of an unknown kind says so', async (t) => {
  const volumes = new Volumes({ rootDirectory: await temporary(t), logger: createLogger('test', 'silent') });
  const pod = podWith({ volumes: [{ name: 'v', nfs: { server: 's', path: '/' } }] });
  await t.throwsAsync(volumes.setUp(pod, context), { message: 'no volume plugin matched: nfs is not supported' });
});
