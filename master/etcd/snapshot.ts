/**
 * Snapshots of the cluster's data: saved whole or not at all, checked after they are written, kept by number.
 *
 * A snapshot is etcd's own: a member's database, and the SHA-256 of it in the last 32 bytes. Any etcd tool reads it.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, createReadStream, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { EtcdClient } from './client.ts';

const run = promisify(execFile);
const agreementMs = 5_000;
const hashBytes = 32;
/** The database is written in pages, whose size is a multiple of this. */
const pageBytes = 512;

export interface SnapshotStatus {
  readonly file: string;
  readonly bytes: number;
  /** Of the whole content; it tells snapshots apart. */
  readonly sha256: string;
  /** etcd's own hash of the keys and values. */
  readonly hash: string;
  readonly revision: number;
  /** All entries of the database, as etcdutl counts them. */
  readonly keys: number;
}

/** A file that is no whole snapshot. */
export class BadSnapshot extends Error {
  override readonly name = 'BadSnapshot';
}

/** Saves the data of a member that answers. The file appears when it is whole, checked and on disk. */
export async function saveSnapshot(
  client: EtcdClient,
  file: string,
  signal: AbortSignal,
  onProgress: (doneBytes: number, totalBytes: number) => void = () => {},
): Promise<SnapshotStatus> {
  // A member that answers this has everything that was acknowledged before: one that is behind or cut off does not.
  await client.members(true, agreementMs);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const half = `${file}.half`;
  const handle = await open(half, 'w', 0o600);
  try {
    let done = 0;
    for await (const { piece, remainingBytes } of client.snapshot(signal)) {
      await handle.writeFile(piece);
      done += piece.length;
      onProgress(done, done + remainingBytes);
    }
    await handle.sync();
    await handle.close();
    const status = await checkSnapshot(half);
    renameSync(half, file);
    syncDirectory(dirname(file));
    return { ...status, file };
  } catch (error) {
    await handle.close().catch(() => {});
    rmSync(half, { force: true });
    throw error;
  }
}

/** Reads a snapshot and checks it: its size, its hash, and that etcd can read what is in it. */
export async function checkSnapshot(file: string): Promise<SnapshotStatus> {
  const { size } = await stat(file);
  const bytes = size - hashBytes;
  if (bytes <= 0 || bytes % pageBytes !== 0) {
    throw new BadSnapshot(`${file} is no whole snapshot: ${size} bytes are not a database and its hash`);
  }
  const sha256 = await hashOf(file, bytes);
  const said = await lastBytes(file, bytes);
  if (sha256 !== said) throw new BadSnapshot(`${file} is damaged: its content is not what its hash says`);
  const { stdout } = await run('etcdutl', ['snapshot', 'status', file, '--write-out=json']).catch((error: unknown) => {
    throw new BadSnapshot(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  });
  const { hash, revision, totalKey } = JSON.parse(stdout);
  return { file, bytes, sha256, hash: Number(hash).toString(16).padStart(8, '0'), revision, keys: totalKey };
}

async function hashOf(file: string, bytes: number): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(file, { end: bytes - 1 })) hash.update(piece);
  return hash.digest('hex');
}

async function lastBytes(file: string, from: number): Promise<string> {
  const handle = await open(file);
  try {
    const { buffer } = await handle.read(Buffer.alloc(hashBytes), 0, hashBytes, from);
    return buffer.toString('hex');
  } finally {
    await handle.close();
  }
}

function syncDirectory(dir: string): void {
  const handle = openSync(dir, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

const keptName = /^snapshot-(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d)Z\.db$/;

/** Where a master keeps the snapshots that it saves by itself. */
export const snapshotDir = (dataDir: string): string => join(dataDir, 'snapshots');

/** A name that sorts by time. */
export function snapshotName(now = new Date()): string {
  return `snapshot-${now.toISOString().slice(0, 19).replaceAll(':', '-')}Z.db`;
}

/** When a kept snapshot was saved, from its name; undefined for other files. */
export function savedAt(name: string): number | undefined {
  const [, time] = keptName.exec(name) ?? [];
  return time === undefined ? undefined : Date.parse(`${time.replace(/T(\d\d)-(\d\d)-/, 'T$1:$2:')}Z`);
}

/** The kept snapshots of a directory, the newest first. */
export function keptSnapshots(dir: string): string[] {
  const names = namesIn(dir).filter((name) => keptName.test(name));
  return names.toSorted().toReversed();
}

/** Deletes what is older than the newest `keep`, and what a save that was cut short has left. Other files are not its business. */
export function pruneSnapshots(dir: string, keep: number): void {
  const halves = namesIn(dir).filter((name) => name.endsWith('.db.half'));
  for (const old of [...keptSnapshots(dir).slice(keep), ...halves]) rmSync(join(dir, old), { force: true });
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
