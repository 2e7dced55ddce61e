/**
 * Packs a directory into a container image archive that `docker load` takes. This way the build makes images inside
 * the build, where there is no engine to ask and no registry to pull from.
 *
 * usage: node compose/image-archive.ts <directory> <tag> <output.tar> [entrypoint…]
 *
 * The format is that of `docker save`: https://github.com/moby/docker-image-spec (v1.2). Equal input gives equal bytes, so an
 * engine that has the image already has nothing to do.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface ImageOptions {
  readonly directory: string;
  readonly tag: string;
  readonly output: string;
  readonly entrypoint: readonly string[];
}

const architectures: Record<string, string> = { x64: 'amd64', arm64: 'arm64' };

export function writeImageArchive({ directory, tag, output, entrypoint }: ImageOptions): void {
  const work = mkdtempSync(join(tmpdir(), 'image-'));
  try {
    tar(join(work, 'layer.tar'), directory, ['.']);
    const layer = sha256(readFileSync(join(work, 'layer.tar')));
    const config = JSON.stringify({
      architecture: architectures[process.arch] ?? process.arch,
      os: 'linux',
      created: '1970-01-01T00:00:00Z',
      config: { Entrypoint: entrypoint, Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'] },
      rootfs: { type: 'layers', diff_ids: [`sha256:${layer}`] },
      history: [{ created: '1970-01-01T00:00:00Z', created_by: 'trimaster' }],
    });
    const configName = `${sha256(config)}.json`;
    writeFileSync(join(work, configName), config);
    const manifest = [{ Config: configName, RepoTags: [tag], Layers: ['layer.tar'] }];
    writeFileSync(join(work, 'manifest.json'), JSON.stringify(manifest));
    tar(output, work, ['manifest.json', configName, 'layer.tar']);
  } finally {
    rmSync(work, { recursive: true });
  }
}

function tar(output: string, directory: string, names: string[]): void {
  const same = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'];
  execFileSync('tar', [...same, '-cf', output, '-C', directory, ...names]);
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

if (import.meta.main) {
  const [directory, tag, output, ...entrypoint] = process.argv.slice(2);
  if (!directory || !tag || !output)
    throw new Error('usage: image-archive <directory> <tag> <output.tar> [entrypoint…]');
  writeImageArchive({ directory, tag, output, entrypoint });
}
