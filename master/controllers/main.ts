/**
 * The controller manager: the control loops of the cluster, one process a master, of which one acts.
 *
 * Guarantees: caches and the observation of nodes run on the standbys as well, so a takeover waits for no list; controllers
 * run only during a term of leadership, write only through the term's fenced client, and end with it; no controller depends
 * on what another one remembers: all that counts is in the API. Events expire by themselves in the API server (their one
 * hour's life is its matter), so no controller here looks after them.
 */
import { readFileSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Client } from '../api/client.ts';
import { systemClock } from '../api/clock.ts';
import { loadKubeconfig } from '../api/config.ts';
import { runMain } from '../api/flags.ts';
import { startHealthServer } from '../api/health-server.ts';
import { LeaderElector, type Term } from '../api/leader-elector.ts';
import { createLogger } from '../api/logging.ts';
import { followApiServers } from '../api/masters-file.ts';
import { createCaches } from './caches.ts';
import type { ControllerContext } from './context.ts';
import { type ControllerRow, controllerTable, selectControllers } from './controller-table.ts';
import { ControllerMetrics } from './metrics.ts';
import { NodeHealthObserver } from './node-lifecycle/health-observer.ts';
import { type Options, parseOptions } from './options.ts';

const leaseNamespace = 'kube-system';
const leaseName = 'kube-controller-manager';

await runMain(async (signal) => {
  const names = controllerTable.map(({ name }) => name);
  await run(parseOptions(process.argv.slice(2), names), signal);
});

async function run(flags: Options, signal: AbortSignal): Promise<void> {
  const logger = createLogger('controller-manager', flags.logLevel);
  const config = loadKubeconfig(flags.kubeconfig);
  if (flags.master.length > 0) config.servers = [...flags.master];
  const client = new Client(config, { userAgent: 'kube-controller-manager' });
  const options: Options = {
    ...flags,
    get apiserverHosts() {
      return client.servers.map((url) => new URL(url).hostname);
    },
  };
  const rows = selectControllers(controllerTable, options.controllers);

  const metrics = new ControllerMetrics();
  const caches = createCaches(client, logger);
  const health = new NodeHealthObserver({ blindAfterMs: blindAfterMs(options) });
  // The caches outlive the election: what a term still has under way ends with them in place.
  const watching = new AbortController();
  health.watch(caches, watching.signal);
  caches.informers.start(watching.signal);
  const custom = caches.custom.run(watching.signal);
  const following = followApiServers(flags.mastersFile, client, logger, watching.signal);

  const elector = new LeaderElector({
    client,
    namespace: leaseNamespace,
    name: leaseName,
    identity: options.identity,
    leaseDurationMs: options.leaseDurationMs,
    renewDeadlineMs: options.renewDeadlineMs,
    retryPeriodMs: options.retryPeriodMs,
    logger,
  });
  metrics.watchElection(leaseName, () => elector.leader().isSelf);
  elector.takeover.register(metrics.registry);
  const ready = (): void => {
    if (!caches.informers.hasSynced) throw new Error('the caches are not filled yet');
  };
  await startServers(options, { metrics, elector, ready }, signal);

  const shared = { caches, health, options, metrics, clock: systemClock, rootCa: rootCa(options, config.ca) };
  try {
    await elector.run((term) => lead(term, rows, { ...shared, logger }), signal);
  } finally {
    watching.abort();
    await Promise.all([caches.informers.ended(), custom, following]);
    await client.close();
  }
}

/**
 * One term: every controller from the table, until the term ends. One that fails ends the process, which starts anew.
 *
 * They begin one a turn of the event loop, in the table's order: each looks at all that its caches hold, and what the first ones
 * ask the API server for is answered meanwhile.
 */
async function lead(
  { client, signal, revision, begun }: Term,
  rows: readonly ControllerRow[],
  shared: Omit<ControllerContext, 'client' | 'signal' | 'revision'>,
): Promise<void> {
  const { caches, logger, metrics } = shared;
  const ended = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => ended.resolve(), { once: true });
  await Promise.race([caches.informers.synced(), ended.promise]);
  begun();
  let turn: Promise<unknown> = Promise.resolve();
  await Promise.all(
    rows.map(async ({ name, start }) => {
      const own = turn;
      turn = turn.then(() => nextTurn());
      await own;
      if (signal.aborted) return;
      const labels = { manager: leaseName, name };
      metrics.running.set(labels, 1);
      try {
        await start({ ...shared, client, signal, revision, logger: logger.child({ controller: name }) });
      } catch (error) {
        if (!signal.aborted) throw new Error(`${name} failed`, { cause: error });
      } finally {
        metrics.running.set(labels, 0);
      }
    }),
  );
  // A term lasts until it is lost, also when no controller is selected.
  await ended.promise;
}

async function startServers(
  options: Options,
  { metrics, elector, ready }: { metrics: ControllerMetrics; elector: LeaderElector; ready: () => void },
  signal: AbortSignal,
): Promise<void> {
  const { bindAddress, port, securePort, tlsCertFile, tlsPrivateKeyFile } = options;
  const common = {
    host: bindAddress,
    readyz: ready,
    configz: () => ({ 'kubecontrollermanager.config.k8s.io': options }),
    metrics: metrics.registry,
    extra: { '/leader': () => elector.leader() },
  };
  if (port > 0) await startHealthServer({ ...common, port }, signal);
  if (securePort > 0 && tlsCertFile && tlsPrivateKeyFile) {
    const tls = { cert: readFileSync(tlsCertFile, 'utf8'), key: readFileSync(tlsPrivateKeyFile, 'utf8') };
    await startHealthServer({ ...common, port: securePort, tls }, signal);
  }
}

/** Leases change several times a second; without any for half the grace period this process cannot see. */
function blindAfterMs({ nodeMonitorGracePeriodMs, nodeMonitorPeriodMs, retryPeriodMs }: Options): number {
  return Math.max(nodeMonitorGracePeriodMs / 2, 2 * nodeMonitorPeriodMs, 3 * retryPeriodMs);
}

function rootCa({ rootCaFile }: Options, fallback: string | undefined): string | undefined {
  return rootCaFile ? readFileSync(rootCaFile, 'utf8') : fallback;
}
