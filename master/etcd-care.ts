/**
 * Connects the upkeep of etcd with the master that it runs in: which member, where snapshots go, and how the cluster is told what
 * operators should know.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLogger } from './api/logging.ts';
import { keepMember } from './etcd/keeper.ts';
import { writeSettings } from './etcd/settings.ts';
import { keptSnapshots, savedAt, snapshotDir } from './etcd/snapshot.ts';
import { type MasterConfig, memberConfig } from './processes.ts';

export interface EtcdCareFlags {
  /** Milliseconds; 0 for never. */
  readonly snapshotInterval: number;
  readonly snapshotKeep: number;
}

/** Looks after this master's etcd member until the signal is aborted. */
export async function lookAfterEtcd(flags: MasterConfig & EtcdCareFlags, signal: AbortSignal): Promise<void> {
  const { dataDir, name, initialCluster, etcdServers, logLevel, snapshotInterval, snapshotKeep } = flags;
  const member = memberConfig(
    flags,
    initialCluster.findIndex((each) => each.name === name),
  );
  const logger = createLogger('etcd-member', logLevel);
  try {
    writeSettings(dataDir, { member, clientUrls: etcdServers, pid: process.pid });
  } catch (error) {
    // On a full disk a master still does what it can.
    logger.error({ err: error }, 'the commands for this member will not find it');
  }
  const dir = snapshotDir(dataDir);
  const main = fileURLToPath(new URL('./etcd/main.ts', import.meta.url));
  const snapshots = {
    intervalMs: snapshotInterval,
    newestAt: () => keptSnapshots(dir).map(savedAt)[0],
    command: process.execPath,
    args: [main, '--data-dir', dataDir, 'save', '--keep', String(snapshotKeep)],
  };
  await keepMember(
    {
      member,
      clientUrls: etcdServers,
      logger,
      report: (reason, message) => report(flags, reason, message),
      snapshots: snapshotInterval > 0 ? snapshots : undefined,
    },
    signal,
  );
}

/** An Event about the master, beside those about nodes. It is rare: what it needs is loaded only then. */
async function report({ name, pkiDir, apiservers }: MasterConfig, reason: string, message: string): Promise<void> {
  const [{ Client }, { loadKubeconfig }, { EventRecorder }, { kinds }] = await Promise.all([
    import('./api/client.ts'),
    import('./api/config.ts'),
    import('./api/events.ts'),
    import('./api/kinds.ts'),
  ]);
  const config = loadKubeconfig(join(pkiDir, 'controller-manager.conf'));
  const client = new Client({ ...config, servers: [...apiservers] }, { userAgent: 'etcd-member' });
  const recorder = new EventRecorder(client, { component: 'etcd', host: name }, createLogger('etcd-member'));
  recorder.event({ metadata: { name } }, kinds.nodes, 'Warning', reason, message);
  await recorder.flush();
  await client.close();
}
