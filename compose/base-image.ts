/**
 * Gets the image that the Dockerfile starts from. Where no registry answers it is made on this host under the same name:
 * Debian by debootstrap, Node as npm brought it here, and npm. A locally made base also carries the host's certificate
 * authorities, because where no registry answers the way out is often intercepted by one.
 */
import { copyFileSync, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureInstalled, UserError } from './install.ts';
import type { Progress } from './progress.ts';
import { isRoot, run, succeeds } from './system.ts';

const suite = 'trixie';
/** The host's bundle of certificate authorities, where Debian and most others keep it. */
const hostBundles = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/cert.pem'];

/** The name that the first FROM of the Dockerfile says: it is written there and nowhere else. */
export function baseImageName(dockerfile: string): string {
  const name = /^FROM\s+(\S+)/m.exec(dockerfile)?.[1];
  if (!name) throw new Error('Invariant: the Dockerfile has no FROM line');
  return name;
}

/** Makes sure that the base image is there. `root` is the root of the repository. */
export async function ensureBaseImage(root: string, progress: Progress): Promise<void> {
  const name = baseImageName(readFileSync(join(root, 'compose/Dockerfile'), 'utf8'));
  if (await succeeds('docker', ['image', 'inspect', name])) return;
  const pulled = await progress.step(`Getting the base image ${name}`, 20, async (report) => {
    if (await succeeds('docker', ['pull', '-q', name], { timeoutMs: 300_000 })) return true;
    report('no registry answers');
    return false;
  });
  if (!pulled) await makeBaseImage(name, root, progress);
}

async function makeBaseImage(name: string, root: string, progress: Progress): Promise<void> {
  if (!isRoot || process.platform !== 'linux') {
    throw new UserError(
      `The base image ${name} cannot be pulled, and making it here takes root on Linux (debootstrap).`,
    );
  }
  await ensureInstalled(['debootstrap'], progress);
  await progress.step('Making the base image with debootstrap', 45, async (report) => {
    const work = mkdtempSync(join(tmpdir(), 'trimaster-base-'));
    const tree = join(work, 'root');
    try {
      report(`Debian ${suite}`);
      await run('debootstrap', ['--variant=minbase', '--include=ca-certificates,libatomic1,libstdc++6', suite, tree]);
      report('Node and npm');
      copyFileSync(realpathSync(join(root, 'node_modules/node/bin/node')), join(tree, 'usr/local/bin/node'));
      await run('npm', [
        'install',
        '--global',
        '--prefix',
        join(tree, 'usr/local'),
        '--no-audit',
        '--no-fund',
        'npm@11',
      ]);
      const bundle = hostBundles.find((path) => existsSync(path));
      if (bundle) copyFileSync(bundle, join(tree, 'etc/ssl/certs/ca-certificates.crt'));
      rmSync(join(tree, 'var/cache/apt'), { recursive: true, force: true });
      rmSync(join(tree, 'var/lib/apt/lists'), { recursive: true, force: true });
      rmSync(join(tree, 'usr/share/doc'), { recursive: true, force: true });
      report('importing it');
      const archive = join(work, 'root.tar');
      await run('tar', ['-C', tree, '--numeric-owner', '-cf', archive, '.']);
      const change = ['ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt', 'CMD ["node"]'];
      await run('docker', ['import', ...change.flatMap((line) => ['--change', line]), archive, name]);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  });
}

/**
 * Puts the extra certificate authority that this host's Node trusts, if any, where the build finds it. A base image from a
 * registry knows nothing of it.
 */
export function offerExtraAuthority(root: string): void {
  const target = join(root, 'extra-ca.crt');
  const source = process.env.NODE_EXTRA_CA_CERTS;
  if (!source || !existsSync(source)) {
    rmSync(target, { force: true });
    return;
  }
  const text = readFileSync(source, 'utf8');
  if (!existsSync(target) || readFileSync(target, 'utf8') !== text) writeFileSync(target, text);
}
