/**
 * The masters of a cluster, as a file that whoever sets up trust hands to each of them beside its keys. It may change while they
 * run: a master that is added or removed is written here for all. Who is a member of etcd, and votes, is etcd's own business.
 */
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Where the others reach a master, by name wherever names are known. */
export interface MasterAddress {
  readonly name: string;
  /** Of its etcd member, for the other members. */
  readonly peerUrl: string;
  /** Of its etcd member, for API servers. */
  readonly clientUrl: string;
  readonly apiserver: string;
}

export const mastersFile = 'masters.json';

/** A reader that looks at the file only when it has changed; it gives undefined where there is none. Throws on what is no such file. */
export function mastersReader(path: string): () => readonly MasterAddress[] | undefined {
  let seen: { readonly changed: string; readonly masters: readonly MasterAddress[] } | undefined;
  return () => {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat) return undefined;
    const changed = `${stat.ino} ${stat.mtimeMs} ${stat.size}`;
    if (seen?.changed !== changed) seen = { changed, masters: parseMasters(readFileSync(path, 'utf8'), path) };
    return seen.masters;
  };
}

/** Whole or not at all, and only if something changes. */
export function writeMasters(path: string, masters: readonly MasterAddress[]): void {
  const text = `${JSON.stringify({ masters }, undefined, 2)}\n`;
  if (statSync(path, { throwIfNoEntry: false }) && readFileSync(path, 'utf8') === text) return;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.half`, text, { mode: 0o644 });
  renameSync(`${path}.half`, path);
}

/** What masters are called and where they are when each is a machine of its own with the usual ports. */
export function mastersByName(names: readonly string[]): MasterAddress[] {
  return names.map((name) => ({
    name,
    peerUrl: `https://${name}:2380`,
    clientUrl: `https://${name}:2379`,
    apiserver: `https://${name}:6443`,
  }));
}

function parseMasters(text: string, path: string): readonly MasterAddress[] {
  const wrong = (why: string): never => {
    throw new Error(`${path} does not name the masters: ${why}`);
  };
  const file: unknown = JSON.parse(text);
  const list: unknown = typeof file === 'object' && file !== null && 'masters' in file ? file.masters : undefined;
  if (!Array.isArray(list) || list.length === 0) return wrong('it has no list of them');
  const masters = list.map((each: Partial<MasterAddress>): MasterAddress => {
    const { name, peerUrl, clientUrl, apiserver } = each;
    if (!name || !peerUrl || !clientUrl || !apiserver) return wrong(`${JSON.stringify(each)} lacks something`);
    return { name, peerUrl, clientUrl, apiserver };
  });
  if (new Set(masters.map(({ name }) => name)).size < masters.length) wrong('one stands there twice');
  return masters;
}
