/**
 * Connects the upkeep of etcd with the master that it runs in: which member, where snapshots go, and how the cluster is told what
 * operators should know.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { sleep } from './api/clock.ts';
import { createLogger, type Logger } from './api/logging.ts';
import { keepMember } from './etcd/keeper.ts';
import type { EtcdNow } from './etcd/member.ts';
import { writeSettings } from './etcd/settings.ts';
import { keptSnapshots, savedAt, snapshotDir } from './etcd/snapshot.ts';
import { etcdNow, type MasterConfig, type Masters } from './processes.ts';

const tellEveryMs = 2_000;

export interface EtcdCareFlags {
  /** Milliseconds; 0 for never. */
  readonly snapshotInterval: number;
  readonly snapshotKeep: number;
}

/** Looks after this master's etcd member until the signal is aborted. */
export async function lookAfterEtcd(
  flags: MasterConfig & EtcdCareFlags,
  masters: Masters,
  signal: AbortSignal,
): Promise<void> {
  const { dataDir, logLevel, snapshotInterval, snapshotKeep } = flags;
  const logger = createLogger('etcd-member', logLevel);
  const dir = snapshotDir(dataDir);
  const main = fileURLToPath(new URL('./etcd/main.ts', import.meta.url));
  const snapshots = {
    intervalMs: snapshotInterval,
    newestAt: () => keptSnapshots(dir).map(savedAt)[0],
    command: process.execPath,
    args: [main, '--data-dir', dataDir, 'save', '--keep', String(snapshotKeep)],
  };
  const now = etcdNow(flags, masters);
  await Promise.all([
    tellCommands(dataDir, now, logger, signal),
    keepMember(
      {
        now,
        logger,
        report: (reason, message) => report(flags, masters, reason, message),
        snapshots: snapshotInterval > 0 ? snapshots : undefined,
      },
      signal,
    ),
  ]);
}

/** Keeps what the commands of `etcd/main.ts` read up to date. */
async function tellCommands(dataDir: string, now: () => EtcdNow, logger: Logger, signal: AbortSignal): Promise<void> {
  let told: EtcdNow | undefined;
  while (!signal.aborted) {
    try {
      const current = now();
      if (!isDeepStrictEqual(current, told)) writeSettings(dataDir, { ...current, pid: process.pid });
      told = current;
    } catch (error) {
      // On a full disk a master still does what it can.
      logger.error({ err: error }, 'the commands for this member will not find it');
    }
    await sleep(tellEveryMs, signal);
  }
}

/** An Event about the master, beside those about nodes. It is rare: what it needs is loaded only then. */
async function report(
  { name, pkiDir }: MasterConfig,
  masters: Masters,
  reason: string,
  message: string,
): Promise<void> {
  const [{ Client }, { loadKubeconfig }, { EventRecorder }, { kinds }] = await Promise.all([
    import('./api/client.ts'),
    import('./api/config.ts'),
    import('./api/events.ts'),
    import('./api/kinds.ts'),
  ]);
  const config = loadKubeconfig(join(pkiDir, 'controller-manager.conf'));
  const client = new Client(
    { ...config, servers: masters().map(({ apiserver }) => apiserver) },
    { userAgent: 'etcd-member' },
  );
  const recorder = new EventRecorder(client, { component: 'etcd', host: name }, createLogger('etcd-member'));
  recorder.event({ metadata: { name } }, kinds.nodes, 'Warning', reason, message);
  await recorder.flush();
  await client.close();
}
