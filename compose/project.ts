/**
 * The compose project of this checkout: where its files are, what it is called and what it is set to. What the environment
 * says (see compose.yaml) goes first.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
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

export const masters = ['master-1', 'master-2', 'master-3'] as const;
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
  const file = join(root, 'compose.yaml');
  return run('docker', ['compose', '--project-name', project.name, '--file', file, ...args], { ...options, env });
}

/** Everything that goes into the images. The list is that of .dockerignore. */
export const sources = ['package.json', 'package-lock.json', 'master', 'lb', 'node', 'compose'];

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
