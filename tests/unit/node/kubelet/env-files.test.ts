import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { environmentOf } from '../../../../node/kubelet/pods/environment.ts';
import { fileKey, parseEnvFile, readEnvFiles } from '../../../../node/kubelet/volumes/env-files.ts';
import { container, podWith } from './pods.ts';

test('a file of variables keeps what is in quotes as it is, and is refused where it is anything else', (t) => {
  const text = "# made at start\n\n  A='1'\nB='two # \\n\nlines' # note\r\nC=''\n";
  t.deepEqual(
    [...parseEnvFile(text, 'x')],
    [
      ['A', '1'],
      ['B', 'two # \\n\nlines'],
      ['C', ''],
    ],
  );
  for (const bad of ['A=1', "A='1' more", "A='1", 'A', "\n='1'"]) {
    t.throws(() => parseEnvFile(bad, 'x'), {
      name: 'ConfigError',
      message: /^couldn't parse env file "x": .* line \d$/,
    });
  }
});

test('variables come from a file in a volume that the container need not mount', async (t) => {
  const base = await mkdtemp(join(tmpdir(), 'trimaster-env-'));
  t.teardown(() => rm(base, { recursive: true, force: true }));
  await writeFile(join(base, 'config.env'), "DB='here'\n");
  await symlink(tmpdir(), join(base, 'out'));
  const values = async (path: string, key: string, optional = false) => {
    const fileKeyRef = { volumeName: 'config', path, key, optional };
    const main = container('main', { env: [{ name: 'V', valueFrom: { fileKeyRef } }] });
    const files = await readEnvFiles(main, new Map([['config', base]]));
    return environmentOf(podWith(), main, {
      podIp: '',
      hostIp: '',
      allocatable: {},
      configMap: () => undefined,
      secret: () => undefined,
      services: [],
      file: (volume, name) => files.get(fileKey(volume, name)),
    });
  };
  t.deepEqual(await values('config.env', 'DB'), [{ name: 'V', value: 'here' }]);
  t.deepEqual(await values('config.env', 'OTHER', true), []);
  t.deepEqual(await values('gone.env', 'DB', true), []);
  await t.throwsAsync(values('config.env', 'OTHER'), {
    message: 'environment variable key "OTHER" not found in file "config.env"',
  });
  await t.throwsAsync(values('out', 'DB', true), { message: /leads out of the volume/ });
});
