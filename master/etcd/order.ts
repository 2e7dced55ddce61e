/**
 * What an operator has told a master to do with its member at etcd's next start: a file beside the data, because the one who
 * tells is another process, and a master that dies half-way must go on where it was. The order is taken away when it is carried out.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';

export type Order =
  /** Becomes the first member of a new cluster that has the data of a snapshot. */
  | {
      readonly kind: 'restore';
      /** Inside the data directory. */
      readonly snapshot: string;
      readonly sha256: string;
      readonly token: string;
    }
  /** The same from its own data, after a majority of the members was lost. */
  | { readonly kind: 'recover'; readonly token: string }
  /** Gives up its data and joins the cluster that the others make; not the one that is given up. */
  | { readonly kind: 'rejoin'; readonly givenUp?: string | undefined };

const orderFile = (dataDir: string): string => join(dataDir, 'etcd-order.json');

export function readOrder(dataDir: string): Order | undefined {
  return readJson<Order>(orderFile(dataDir));
}

export function writeOrder(dataDir: string, order: Order): void {
  writeWhole(orderFile(dataDir), `${JSON.stringify(order)}\n`);
}

export function removeOrder(dataDir: string): void {
  rmSync(orderFile(dataDir), { force: true });
}

/** The member that the data belongs to, as it last said itself: only a running member can be asked. */
export interface Identity {
  readonly clusterId: string;
  readonly memberId: string;
}

const identityFile = (dataDir: string): string => join(dataDir, 'etcd-member.json');

export function readIdentity(dataDir: string): Identity | undefined {
  return readJson<Identity>(identityFile(dataDir));
}

export function writeIdentity(dataDir: string, identity: Identity): void {
  writeWhole(identityFile(dataDir), `${JSON.stringify(identity)}\n`);
}

export function removeIdentity(dataDir: string): void {
  rmSync(identityFile(dataDir), { force: true });
}

/** Whole and on disk, or not at all. */
export function writeWhole(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  const half = `${path}.half`;
  const file = openSync(half, 'w', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(half, path);
}

/** Undefined where there is no file. These files are this project's own, so their shape is trusted. */
export function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
