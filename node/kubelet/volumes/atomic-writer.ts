/**
 * Writes a set of files so that a reader sees either all old or all new ones.
 *
 * As Kubernetes lays them out: the files lie in a directory of their own, `..data` is a symbolic link to it that is swapped by a
 * rename, and each visible name is a link through `..data`. An open file of the old set stays readable.
 */
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { nowMicros } from '../../../master/api/meta.ts';

export interface PayloadFile {
  readonly content: Buffer;
  readonly mode: number;
}

/** Files by path within the volume; a path may have directories. */
export type Payload = ReadonlyMap<string, PayloadFile>;

const dataLink = '..data';

/** Returns whether anything was written: an unchanged payload touches nothing. Throws for a path that leads out of the volume. */
export async function writePayload(directory: string, payload: Payload, groupId?: number): Promise<boolean> {
  for (const path of payload.keys()) checkPath(path);
  await mkdir(directory, { recursive: true });
  const previous = await readlink(join(directory, dataLink)).catch(() => undefined);
  if (previous !== undefined && (await isCurrent(join(directory, previous), payload))) return false;
  const prefix = `..${nowMicros().replaceAll(/[-:TZ.]/g, '_')}`;
  const fresh = await mkdtemp(join(directory, prefix));
  await chmod(fresh, 0o755);
  for (const [path, file] of payload) {
    const target = join(fresh, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, file.content);
    await chmod(target, groupId === undefined ? file.mode : file.mode | 0o040);
    if (groupId !== undefined) await chown(target, -1, groupId).catch(() => {});
  }
  const link = join(directory, `${dataLink}_tmp`);
  await rm(link, { force: true });
  await symlink(fresh.slice(directory.length + 1), link);
  await rename(link, join(directory, dataLink));
  await linkVisibleNames(directory, payload);
  if (previous !== undefined) await rm(join(directory, previous), { recursive: true, force: true });
  return true;
}

function checkPath(path: string): void {
  const parts = path.split('/');
  if (path === '' || path.startsWith('/') || parts.includes('..') || path.startsWith('..')) {
    throw new Error(`invalid path in a volume: ${JSON.stringify(path)}`);
  }
}

async function linkVisibleNames(directory: string, payload: Payload): Promise<void> {
  const wanted = new Set([...payload.keys()].map((path) => path.split('/')[0] ?? path));
  const present = new Set((await readdir(directory)).filter((name) => !name.startsWith('..')));
  for (const name of wanted) if (!present.has(name)) await symlink(join(dataLink, name), join(directory, name));
  for (const name of present) if (!wanted.has(name)) await rm(join(directory, name), { recursive: true, force: true });
}

async function isCurrent(directory: string, payload: Payload): Promise<boolean> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile());
  if (files.length !== payload.size) return false;
  for (const [path, { content, mode }] of payload) {
    const file = join(directory, path);
    const current = await readFile(file).catch(() => undefined);
    if (!current?.equals(content)) return false;
    if (((await stat(file)).mode & 0o700) !== (mode & 0o700)) return false;
  }
  return true;
}
