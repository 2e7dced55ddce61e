/**
 * The compose project of this checkout: where its files are, what it is called and what it is set to. What the environment
 * says (see compose.yaml) goes first.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type RunOptions, run } from './system.ts';

export const root = resolve(import.meta.dirname, '..');

export interface Project {
  readonly name: string;
  readonly port: number;
  readonly adminPort: number;
  readonly kubeconfig: string;
  /** What `docker compose` is given. */
  readonly env: NodeJS.ProcessEnv;
}

export const nodes = ['node-1', 'node-2'] as const;

export function projectFrom(env: NodeJS.ProcessEnv = process.env): Project {
  const directory = resolve(env.TRIMASTER_KUBECONFIG_DIR ?? root);
  return {
    name: env.COMPOSE_PROJECT_NAME ?? 'trimaster',
    port: Number(env.TRIMASTER_PORT ?? 6443),
    adminPort: Number(env.TRIMASTER_ADMIN_PORT ?? 8404),
    kubeconfig: join(directory, 'kubeconfig'),
    env: { ...env, TRIMASTER_KUBECONFIG_DIR: directory },
  };
}

/** Runs `docker compose` on the project. */
export function compose(project: Project, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const env = { ...project.env, ...options.env };
  const files = [join(root, 'compose.yaml'), overridePath(project)].filter((file) => existsSync(file));
  const about = ['--project-name', project.name, ...files.flatMap((file) => ['--file', file])];
  return run('docker', ['compose', ...about, ...args], { ...options, env });
}

/** What is different from compose.yaml, if anything: the `docker compose` of an operator finds it by itself. */
export function overridePath({ kubeconfig }: Project): string {
  return join(dirname(kubeconfig), 'compose.override.yaml');
}

/** Everything that goes into the images. The list is that of .dockerignore. */
export const sources = ['package.json', 'package-lock.json', 'extra-ca.crt', 'master', 'lb', 'node', 'compose'];

/** A digest of all that the images are made from: while it is the same, they need not be built again. */
export function sourcesDigest(from = root): string {
  const digest = createHash('sha256');
  for (const source of sources) {
    for (const file of filesOf(join(from, source))) {
      digest.update(`${file.slice(from.length)}\0`);
      digest.update(readFileSync(file));
    }
  }
  return digest.digest('hex').slice(0, 16);
}

function filesOf(path: string): string[] {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return [];
  if (!stat.isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesOf(join(path, name)));
}
