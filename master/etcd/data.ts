/**
 * The data directory of a member: put aside, made from a snapshot, made from what a lost cluster left. Nothing is deleted that
 * was not replaced before: what is put aside stays beside it, the last two of it.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { sleep } from '../api/clock.ts';
import { troubleAt } from '../api/health-probe.ts';
import { type EtcdMemberConfig, etcdCommand } from './member.ts';
import { removeIdentity } from './order.ts';

/**
 * How far a restored cluster's revisions begin above the snapshot's: more than were ever written after it, so that a client that
 * saw a later revision is told that it is gone (410) and lists anew, instead of taking new events for old ones.
 */
const revisionLeap = 1_000_000_000;
const keptAside = 2;
const run = promisify(execFile);

/** Puts the member's data aside, if there is any; the member is then one without data. */
export function putAside(dataDir: string, now = new Date()): void {
  removeIdentity(dirname(dataDir));
  if (!existsSync(dataDir)) return;
  const prefix = `${basename(dataDir)}.before-`;
  renameSync(dataDir, join(dirname(dataDir), prefix + now.toISOString().replaceAll(/[:.]/g, '-')));
  const aside = readdirSync(dirname(dataDir)).filter((name) => name.startsWith(prefix));
  for (const old of aside.toSorted().slice(0, -keptAside)) {
    rmSync(join(dirname(dataDir), old), { recursive: true, force: true });
  }
}

/** What the data of a new cluster is made from. */
export interface Source {
  /** A snapshot, or the database of a member that has stopped. */
  readonly file: string;
  /** Only a snapshot carries the hash of its content. */
  readonly hashed: boolean;
  /** Makes the new cluster another one than every other, so that members of an older one cannot mix with it. */
  readonly token: string;
}

/** Makes the member the only one of a new cluster that holds the source's data. Rejects with what etcd says. */
export async function makeData(member: EtcdMemberConfig, { file, hashed, token }: Source): Promise<void> {
  const { name, dataDir, initialCluster } = member;
  const peerUrl = initialCluster.find((each) => each.name === name)?.peerUrl ?? '';
  const made = `${dataDir}.making`;
  rmSync(made, { recursive: true, force: true });
  await run('etcdutl', [
    ...['snapshot', 'restore', file, '--data-dir', made],
    ...['--name', name, '--initial-cluster', `${name}=${peerUrl}`, '--initial-advertise-peer-urls', peerUrl],
    ...['--initial-cluster-token', token],
    ...['--bump-revision', String(revisionLeap), '--mark-compacted'],
    ...(hashed ? [] : ['--skip-hash-check']),
  ]);
  putAside(dataDir);
  renameSync(made, dataDir);
}

/**
 * Makes the member the only one of a new cluster that holds what this member has, its log included. etcd takes a copy of the data
 * into a cluster of one once, so that the log's end reaches the database; the original is put aside only when all is done.
 *
 * That cluster is nobody else's: at the member's own ports another master could join it, and would be left with the data of a cluster
 * that ends a moment later.
 */
export async function salvageData(member: EtcdMemberConfig, token: string, signal: AbortSignal): Promise<void> {
  const copy = `${member.dataDir}.salvage`;
  rmSync(copy, { recursive: true, force: true });
  cpSync(member.dataDir, copy, { recursive: true });
  const { command, args } = etcdCommand(
    { ...member, dataDir: copy, bindAddress: '127.0.0.1', clientPort: 0, peerPort: 0, socket: undefined },
    'existing',
  );
  const etcd = spawn(command, [...args, '--force-new-cluster'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  etcd.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2_000);
  });
  const ended = once(etcd, 'exit');
  try {
    await untilWell(`http://127.0.0.1:${member.metricsPort}/health`, () => etcd.exitCode !== null, signal);
  } catch (error) {
    throw new Error(`etcd cannot take the data into a cluster of one: ${said.trim()}`, { cause: error });
  } finally {
    etcd.kill('SIGTERM');
    await ended;
  }
  await makeData(member, { file: join(copy, 'member/snap/db'), hashed: false, token });
  rmSync(copy, { recursive: true, force: true });
}

const salvageMs = 60_000;

async function untilWell(url: string, over: () => boolean, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + salvageMs;
  for (;;) {
    const trouble = await troubleAt(url, 1_000);
    if (trouble === undefined) return;
    if (over() || signal.aborted || Date.now() > deadline) throw new Error(trouble);
    await sleep(100, signal);
  }
}
