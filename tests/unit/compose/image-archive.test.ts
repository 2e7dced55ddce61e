import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { writeImageArchive } from '../../../compose/image-archive.ts';

test('an image archive names its tag, and its layer by what is in it; the same directory gives the same bytes', (t) => {
  const work = mkdtempSync(join(tmpdir(), 'trimaster-image-'));
  t.teardown(() => rmSync(work, { recursive: true }));
  const directory = join(work, 'tree');
  mkdirSync(directory);
  writeFileSync(join(directory, 'hello'), 'hello\n');
  const write = (output: string) => {
    writeImageArchive({ directory, tag: 'example/hello:1', output: join(work, output), entrypoint: ['/hello'] });
    return readFileSync(join(work, output));
  };
  const archive = write('first.tar');
  t.deepEqual(write('second.tar'), archive);

  const extract = (name: string) => execFileSync('tar', ['-xOf', join(work, 'first.tar'), name]);
  const [manifest] = JSON.parse(extract('manifest.json').toString());
  t.deepEqual(manifest.RepoTags, ['example/hello:1']);
  const config = JSON.parse(extract(manifest.Config).toString());
  t.deepEqual(config.config.Entrypoint, ['/hello']);
  const layer = createHash('sha256').update(extract(manifest.Layers[0])).digest('hex');
  t.deepEqual(config.rootfs.diff_ids, [`sha256:${layer}`]);
});
