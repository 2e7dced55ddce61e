/** kube-scheduler's process: flags, caches, election, health. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { Client } from '../api/client.ts';
import { aborted } from '../api/clock.ts';
import { loadKubeconfig } from '../api/config.ts';
import { defaultTimings } from '../api/election.ts';
import { commaList, command, durationMs, ownIdentity, portNumber, runMain } from '../api/flags.ts';
import { startHealthServer } from '../api/health-server.ts';
import { Informer } from '../api/informer.ts';
import { LeaderElector } from '../api/leader-elector.ts';
import { createLogger } from '../api/logging.ts';
import { followApiServers } from '../api/masters-file.ts';
import { SchedulerMetrics } from './metrics.ts';
import { plugins } from './plugins/index.ts';
import { Scheduler } from './scheduler.ts';

interface Flags {
  kubeconfig: string;
  master: string[];
  mastersFile?: string;
  leaderElectLeaseDuration: number;
  leaderElectRenewDeadline: number;
  leaderElectRetryPeriod: number;
  port: number;
  securePort: number;
  bindAddress: string;
  tlsCertFile?: string;
  tlsPrivateKeyFile?: string;
  identity: string;
  logLevel: string;
}

const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = defaultTimings;

const program = command('kube-scheduler', 'Gives every pod the node that suits it best.')
  .requiredOption('--kubeconfig <file>', 'how to reach the API servers, and as whom')
  .option(
    '--master <urls>',
    "API servers, the preferred first; takes the place of the kubeconfig's server",
    commaList,
    [],
  )
  .option('--masters-file <file>', 'says which masters there are, and so API servers; followed while this runs')
  .option(
    '--leader-elect-lease-duration <duration>',
    'how long a silent leader is trusted',
    durationMs,
    leaseDurationMs,
  )
  .option(
    '--leader-elect-renew-deadline <duration>',
    'when a leader that cannot renew steps down',
    durationMs,
    renewDeadlineMs,
  )
  .option('--leader-elect-retry-period <duration>', 'between renewals, and between tries', durationMs, retryPeriodMs)
  .option('--port <port>', 'plain HTTP for health and metrics; 0 for none', portNumber, 10_251)
  .option('--secure-port <port>', 'the same over TLS, if there is a certificate; 0 for none', portNumber, 10_259)
  .option('--bind-address <address>', 'where both listen', '0.0.0.0')
  .option('--tls-cert-file <file>', 'certificate of the secure port')
  .option('--tls-private-key-file <file>', 'key of the secure port')
  .option(
    '--identity <name>',
    'who holds the lease; a part of chance is added, so that a restarted process is another one',
    ownIdentity,
    ownIdentity(hostname()),
  );

await runMain(async (signal) => {
  const flags = program.parse().opts<Flags>();
  const logger = createLogger('kube-scheduler', flags.logLevel);
  const config = loadKubeconfig(flags.kubeconfig);
  if (flags.master.length > 0) config.servers = flags.master;
  const client = new Client(config, { userAgent: 'kube-scheduler' });
  const metrics = new SchedulerMetrics();
  const fieldSelector = 'status.phase!=Succeeded,status.phase!=Failed';
  const pods = new Informer(client, 'pods', { fieldSelector, logger });
  const nodes = new Informer(client, 'nodes', { logger });
  const namespaces = new Informer(client, 'namespaces', { logger });
  const budgets = new Informer(client, 'poddisruptionbudgets', { logger });
  const claims = new Informer(client, 'persistentvolumeclaims', { logger });
  const volumes = new Informer(client, 'persistentvolumes', { logger });
  const classes = new Informer(client, 'storageclasses', { logger });
  const informers = [pods, nodes, namespaces, budgets, claims, volumes, classes];
  const scheduler = new Scheduler({ pods, nodes, namespaces, budgets, claims, volumes, classes, metrics, logger });
  const elector = new LeaderElector({
    client,
    namespace: 'kube-system',
    name: 'kube-scheduler',
    identity: flags.identity,
    leaseDurationMs: flags.leaderElectLeaseDuration,
    renewDeadlineMs: flags.leaderElectRenewDeadline,
    retryPeriodMs: flags.leaderElectRetryPeriod,
    logger,
  });

  elector.takeover.register(metrics.registry);

  const health = {
    host: flags.bindAddress,
    readyz: () => {
      if (informers.some(({ hasSynced }) => !hasSynced)) throw new Error('the caches are not filled yet');
    },
    configz: () => ({ ...flags, plugins: plugins.map(({ name }) => name) }),
    metrics: metrics.registry,
    extra: { '/leader': () => elector.leader() },
  };
  if (flags.port !== 0) await startHealthServer({ ...health, port: flags.port }, signal);
  const { tlsCertFile, tlsPrivateKeyFile, securePort } = flags;
  if (securePort !== 0 && tlsCertFile && tlsPrivateKeyFile) {
    const tls = { cert: readFileSync(tlsCertFile, 'utf8'), key: readFileSync(tlsPrivateKeyFile, 'utf8') };
    await startHealthServer({ ...health, tls, port: securePort }, signal);
  }

  // The caches outlive the election: what a term still has under way ends with them in place.
  const caches = new AbortController();
  const running = Promise.all([
    followApiServers(flags.mastersFile, client, logger, caches.signal),
    ...informers.map((informer) => informer.run(caches.signal)),
    scheduler.run(caches.signal),
  ]);
  try {
    await elector.run(async (term) => {
      await Promise.race([Promise.all(informers.map(({ synced }) => synced)), aborted(term.signal)]);
      if (!term.signal.aborted) await scheduler.lead(term);
    }, signal);
  } finally {
    caches.abort();
    await running;
    await client.close();
  }
});
