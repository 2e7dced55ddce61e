import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { projectFrom, root, sources, sourcesDigest } from '../../../compose/project.ts';

test('a second cluster beside the first is set apart by the environment alone', (t) => {
  const env = {
    COMPOSE_PROJECT_NAME: 'second',
    TRIMASTER_PORT: '16443',
    TRIMASTER_ADMIN_PORT: '18404',
    TRIMASTER_KUBECONFIG_DIR: '/tmp/second',
  };
  const { name, port, adminPort, kubeconfig } = projectFrom(env);
  t.deepEqual(
    { name, port, adminPort, kubeconfig },
    { name: 'second', port: 16443, adminPort: 18404, kubeconfig: '/tmp/second/kubeconfig' },
  );
  t.is(projectFrom({}).kubeconfig, join(root, 'kubeconfig'));
});

test('what decides whether to build again is what the build is given', (t) => {
  const given = readFileSync(join(root, '.dockerignore'), 'utf8').match(/(?<=^!).+$/gm) ?? [];
  t.deepEqual([...sources].sort(), given.sort());
});

test('a change of any source, also of its name, is a reason to build again', (t) => {
  const from = mkdtempSync(join(tmpdir(), 'trimaster-sources-'));
  t.teardown(() => rmSync(from, { recursive: true }));
  const digests = new Set<string>();
  mkdirSync(join(from, 'master'));
  for (const [name, text] of [
    ['a.ts', '1'],
    ['a.ts', '2'],
    ['b.ts', '2'],
  ] as const) {
    writeFileSync(join(from, 'master', name), text);
    digests.add(sourcesDigest(from));
    t.true(digests.has(sourcesDigest(from)));
  }
  t.is(digests.size, 3);
  writeFileSync(join(from, 'README.md'), 'no source');
  t.true(digests.has(sourcesDigest(from)));
});
