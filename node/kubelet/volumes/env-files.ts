/**
 * Files in a pod's volumes from which its containers take variables (Kubernetes, "Define Environment Variable Values Using An Init
 * Container"): `NAME='value'`, where the quotes keep everything as it is, new lines too; blank lines and those that begin with # say nothing.
 */
import { readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container } from '../../../master/api/types.ts';
import { ConfigError } from '../pods/environment.ts';
import { isInside } from './is-inside.ts';

/** What the files say, by `fileKey`; undefined for one that is not there. */
export type EnvFiles = ReadonlyMap<string, ReadonlyMap<string, string> | undefined>;

/** More than any environment takes. */
const mostBytes = 1024 * 1024;

export const fileKey = (volume: string, path: string): string => `${volume}/${path}`;

/** Reads the files that the container's variables name. Throws a ConfigError for one that cannot be read. */
export async function readEnvFiles(container: Container, paths: ReadonlyMap<string, string>): Promise<EnvFiles> {
  const files = new Map<string, ReadonlyMap<string, string> | undefined>();
  for (const { valueFrom } of container.env ?? []) {
    if (!valueFrom?.fileKeyRef) continue;
    const { volumeName, path } = valueFrom.fileKeyRef;
    const key = fileKey(volumeName, path);
    if (files.has(key)) continue;
    const base = paths.get(volumeName);
    if (base === undefined) throw new ConfigError(`cannot find the volume "${volumeName}" referenced by FileKeyRef`);
    const text = await textOf(base, path);
    files.set(key, text === undefined ? undefined : parseEnvFile(text, path));
  }
  return files;
}

/** Undefined for a file that is not there. A container wrote it, so it may be anything, and lead anywhere. */
async function textOf(base: string, path: string): Promise<string | undefined> {
  const real = await realpath(join(base, path)).catch(() => undefined);
  if (real === undefined) return undefined;
  const refuse = (why: string): never => {
    throw new ConfigError(`couldn't parse env file "${path}": ${why}`);
  };
  if (!isInside(await realpath(base), real)) refuse('it leads out of the volume');
  const found = await stat(real);
  if (!found.isFile()) refuse('it is no file');
  if (found.size > mostBytes) refuse('it is too large');
  return await readFile(real, 'utf8');
}

/** Throws a ConfigError that names the file for what is no variable. */
export function parseEnvFile(text: string, path: string): Map<string, string> {
  const variables = new Map<string, string>();
  const nothing = /[ \t]*(?:#[^\n]*)?(?:\r?\n|$)/y;
  const variable = /[ \t]*([ -<>-~]+?)='([^']*)'[ \t]*(?:#[^\n]*)?(?:\r?\n|$)/y;
  for (let at = 0; at < text.length; ) {
    nothing.lastIndex = variable.lastIndex = at;
    if (nothing.test(text)) at = nothing.lastIndex;
    else {
      const [, name, value] = variable.exec(text) ?? [];
      if (name === undefined || value === undefined) {
        const line = text.slice(0, at).split('\n').length;
        throw new ConfigError(`couldn't parse env file "${path}": invalid environment variable format at line ${line}`);
      }
      variables.set(name, value);
      at = variable.lastIndex;
    }
  }
  return variables;
}
