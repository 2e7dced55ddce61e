/**
 * A master: etcd, API server, scheduler and controller manager, each a process of its own so that each can be killed alone.
 *
 * This supervisor starts them all at once (each waits by itself for what it needs), starts again what ends, prints their
 * lines with their names, and at the end stops them in an order in which none misses another:
 * those that hold leases give them up, the API server serves on while others take over and until no balancer sends it clients any
 * more, etcd ends last, after its lead has gone to another master.
 * With --health it asks the four how they are, for a container's health check.
 *
 * Who the masters are stands in masters.json beside the keys. It may change while this runs, and all four follow it; without that file
 * the flags say it.
 */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { sleep } from './api/clock.ts';
import { commaList, command, durationMs, portNumber, runMain, wholeNumber } from './api/flags.ts';
import { createLogger } from './api/logging.ts';
import { ProcessSupervisor } from './api/process-supervisor.ts';
import type { EtcdCareFlags } from './etcd-care.ts';
import { LeaseReleases, type MasterConfig, masterProcesses, mastersOf, parseInitialCluster } from './processes.ts';

const settledMs = 10_000;
const collect = (value: string, values: string[]): string[] => [...values, value];

const program = command('master', 'Runs one master of the cluster: etcd, API server, scheduler, controller manager.')
  .option('--health', 'ask the four processes how they are: a line for each, exit code 1 if one is not well')
  .option('--name <name>', 'the name of this master', hostname())
  .option('--pki-dir <dir>', 'keys, certificates and kubeconfigs of this master', '/etc/trimaster/pki')
  .option('--data-dir <dir>', 'where etcd keeps its data', '/var/lib/trimaster')
  .option('--initial-cluster <members>', 'name=peer URL of every master, with commas', parseInitialCluster, [])
  .option('--etcd-servers <urls>', 'client URLs of all etcd members, in the order of --initial-cluster', commaList, [])
  .option('--apiservers <urls>', 'URLs of all API servers, in the order of --initial-cluster', commaList, [])
  .option('--bind-address <address>', 'where all of them listen', '0.0.0.0')
  .option('--secure-port <port>', 'API server', portNumber, 6_443)
  .option('--etcd-client-port <port>', 'etcd, for the API servers', portNumber, 2_379)
  .option('--etcd-peer-port <port>', 'etcd, for the other members', portNumber, 2_380)
  .option('--etcd-metrics-port <port>', 'etcd, health and metrics without TLS', portNumber, 2_381)
  .option('--scheduler-port <port>', 'scheduler, health and metrics', portNumber, 10_251)
  .option('--scheduler-secure-port <port>', 'the same over TLS; 0 for none', portNumber, 10_259)
  .option('--controller-manager-port <port>', 'controller manager, health and metrics', portNumber, 10_252)
  .option('--controller-manager-secure-port <port>', 'the same over TLS; 0 for none', portNumber, 10_257)
  .option(
    '--snapshot-interval <duration>',
    "how often a snapshot of etcd's data is saved; 0 for never",
    durationMs,
    3_600_000,
  )
  .option('--snapshot-keep <count>', 'how many of them are kept', wholeNumber, 12)
  .option('--etcd-arg <arg>', 'one more argument for etcd; may be repeated', collect, [])
  .option('--apiserver-arg <arg>', 'one more argument for the API server; may be repeated', collect, [])
  .option('--scheduler-arg <arg>', 'one more argument for the scheduler; may be repeated', collect, [])
  .option(
    '--controller-manager-arg <arg>',
    'one more argument for the controller manager; may be repeated',
    collect,
    [],
  );

interface Flags extends MasterConfig, EtcdCareFlags {
  health?: boolean;
}

await runMain(async (signal) => {
  const flags = program.parse().opts<Flags>();
  if (flags.health) {
    const { reportHealth } = await import('./health.ts');
    process.exit((await reportHealth(flags)) ? 0 : 1);
  }
  const logger = createLogger('master', flags.logLevel);
  const { lookAfterEtcd } = await import('./etcd-care.ts');
  const masters = mastersOf(flags);
  const releases = new LeaseReleases(flags, masters);
  const supervisor = new ProcessSupervisor({ logger, pidDir: join(flags.dataDir, 'run') });
  await Promise.all([
    supervisor.run(masterProcesses(flags, masters, releases), signal),
    lookAfterEtcd(flags, masters, signal),
    whenSettled(() => releases.keepReady(signal), signal),
  ]);
});

/** Not during the start, which needs the processors. */
async function whenSettled(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
  await sleep(settledMs, signal);
  if (!signal.aborted) await work();
}
