/**
 * The masters of a cluster, as a file that whoever sets up trust hands to each of them beside its keys. It may change while they
 * run: a master that is added or removed is written here for all. Who is a member of etcd, and votes, is etcd's own business.
 */
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Client } from './client.ts';
import { sleep } from './clock.ts';
import type { Logger } from './logging.ts';

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

export interface FollowOptions {
  readonly path: string;
  /** What of a master is needed here. */
  readonly urlOf: (master: MasterAddress) => string;
  /** Those in use now, this master's own first: it stays the first one. */
  readonly urls: readonly string[];
  /** Called with all of them when there are others. */
  readonly apply: (urls: readonly string[]) => void | Promise<void>;
  readonly logger: Logger;
  /** A look costs one system call. */
  readonly lookEveryMs?: number;
}

/**
 * Keeps a process of a master in touch with the masters that there are now, until the signal aborts. A file that is not there, or does
 * not name this process's own master (it was removed, and is about to end), changes nothing. Never rejects.
 */
export async function followMasters(options: FollowOptions, signal: AbortSignal): Promise<void> {
  const { path, urlOf, apply, logger, lookEveryMs = 1_000 } = options;
  const read = mastersReader(path);
  const [own] = options.urls;
  let known = options.urls.join();
  let trouble = '';
  while (!signal.aborted) {
    try {
      const urls = beginningWith(read() ?? [], (master) => urlOf(master) === own).map(urlOf);
      if (urls[0] === own && urls.join() !== known) {
        logger.info({ masters: urls }, 'the cluster has other masters now');
        await apply(urls);
        known = urls.join();
      }
      trouble = '';
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (why !== trouble) logger.warn({ err: error }, 'the list of masters cannot be read: that of before is used on');
      trouble = why;
    }
    await sleep(lookEveryMs, signal);
  }
}

/** Follows the file for a client of the API servers, if one is given. */
export async function followApiServers(
  path: string | undefined,
  client: Pick<Client, 'servers' | 'setServers'>,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  if (path === undefined) return;
  const urlOf = ({ apiserver }: MasterAddress): string => apiserver;
  await followMasters({ path, urlOf, urls: client.servers, apply: (urls) => client.setServers(urls), logger }, signal);
}

/** All of them in their order, as if on a ring, from the first that is chosen on: so that not all masters fall on one. */
export function beginningWith(
  masters: readonly MasterAddress[],
  isFirst: (master: MasterAddress) => boolean,
): MasterAddress[] {
  const place = Math.max(0, masters.findIndex(isFirst));
  return [...masters.slice(place), ...masters.slice(0, place)];
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
