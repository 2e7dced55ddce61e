/**
 * The masters as whoever sets up trust lists them beside the keys (masters.json), which changes while a balancer runs: one that is
 * taken out there is gone for good, where one that is only dead keeps its place.
 */
import { readFileSync, statSync } from 'node:fs';
import type { BackendAddress } from './core/pool-state.ts';

export type ListedBackends = () => readonly BackendAddress[] | undefined;

/** A reader that looks at the file only when it has changed; it gives undefined where there is none. Throws on what is no such file. */
export function backendsReader(path: string): ListedBackends {
  let seen: { readonly changed: string; readonly backends: readonly BackendAddress[] } | undefined;
  return () => {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat) return undefined;
    const changed = `${stat.ino} ${stat.mtimeMs} ${stat.size}`;
    if (seen?.changed !== changed) seen = { changed, backends: parsed(readFileSync(path, 'utf8'), path) };
    return seen.backends;
  };
}

function parsed(text: string, path: string): readonly BackendAddress[] {
  const file: unknown = JSON.parse(text);
  const masters: unknown = typeof file === 'object' && file !== null && 'masters' in file ? file.masters : undefined;
  if (!Array.isArray(masters) || masters.length === 0) throw new Error(`${path} does not name the masters`);
  const backends = masters.map(({ name, apiserver }: { name?: unknown; apiserver?: unknown }): BackendAddress => {
    if (typeof name !== 'string' || typeof apiserver !== 'string' || !URL.canParse(apiserver)) {
      throw new Error(`${path} names a master without its API server`);
    }
    const { hostname, port } = new URL(apiserver);
    return { name, host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 443) };
  });
  if (new Set(backends.map(({ name }) => name)).size < backends.length) throw new Error(`${path} names a master twice`);
  return backends;
}
