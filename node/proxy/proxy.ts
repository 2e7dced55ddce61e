/**
 * kube-proxy: keeps Services, and the ways to other nodes' pods, working on this node.
 *
 * Guarantees: what it does depends only on the Services, EndpointSlices and Nodes as they are now; a change is in force within
 * a fraction of a second; while the API cannot be reached everything stays as it was. At its start it waits until it has seen
 * everything before it touches a rule, so a restart interrupts no connection.
 *
 * It does not balance by load, and does not probe endpoints: readiness is the kubelet's word.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Client } from '../../master/api/client.ts';
import { aborted } from '../../master/api/clock.ts';
import { startHealthServer } from '../../master/api/health-server.ts';
import { Informers } from '../../master/api/informers.ts';
import type { Logger } from '../../master/api/logging.ts';
import { prepareKernel } from '../network/kernel.ts';
import { applyRoutes, wantedRoutes } from '../network/routes.ts';
import { endpointChains } from './iptables/endpoint-chains.ts';
import { IptablesMode } from './iptables/iptables-mode.ts';
import { noProxy, type ProxyMode, type ProxyModeName } from './mode.ts';
import { servicePorts } from './service-ports.ts';
import { SyncLoop } from './sync-loop.ts';
import { UserspaceMode } from './userspace/userspace-mode.ts';

export interface ProxyOptions {
  readonly client: Client;
  readonly nodeName: string;
  readonly mode: ProxyModeName;
  readonly clusterCidr: string;
  readonly balance: 'nth' | 'random';
  readonly minSyncPeriodMs: number;
  readonly syncPeriodMs: number;
  readonly bindAddress: string;
  readonly healthzPort: number;
  readonly metricsPort: number;
  readonly logger: Logger;
}

/** Runs until the signal is aborted. The rules stay: connections go on while the proxy is away. */
export async function runProxy(options: ProxyOptions, signal: AbortSignal): Promise<void> {
  const { client, nodeName, logger } = options;
  const informers = new Informers(client, logger);
  const services = informers.for('services');
  const slices = informers.for('endpointslices');
  const nodes = informers.for('nodes');
  const mode = createMode(options, {
    podCidr: () => nodes.get(nodeName)?.spec?.podCIDR,
    nodeIp: () => nodes.get(nodeName)?.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address,
  });
  const metrics = createMetrics();
  const health = { lastSyncedAt: 0, failed: undefined as string | undefined };

  const servicesLoop = new SyncLoop({
    settleMs: options.minSyncPeriodMs,
    resyncMs: options.syncPeriodMs,
    work: async (reason) => {
      const stop = metrics.duration.startTimer();
      const states = servicePorts(services.list(), slices.list(), nodeName);
      await mode.sync(states, { verify: reason !== 'request' });
      const seconds = stop();
      metrics.lastSync.setToCurrentTime();
      health.lastSyncedAt = Date.now();
      health.failed = undefined;
      if (reason === 'request') logger.debug({ ports: states.length, seconds }, 'services are in force');
    },
    onError: (error) => {
      metrics.failures.inc();
      health.failed = String(error);
      logger.error({ err: error }, 'cannot put services in force');
    },
  });
  const routesLoop = new SyncLoop({
    settleMs: options.minSyncPeriodMs,
    resyncMs: options.syncPeriodMs,
    work: () => applyRoutes(wantedRoutes(nodes.list(), nodeName)),
    onError: (error) => logger.warn({ error: String(error) }, 'cannot set routes to other nodes'),
  });

  const changed = {
    added: () => servicesLoop.request(),
    updated: () => servicesLoop.request(),
    deleted: () => servicesLoop.request(),
  };
  services.addHandler(changed);
  slices.addHandler(changed);
  const nodeChanged = () => {
    routesLoop.request();
    // The masquerade rule names this node's pod addresses.
    servicesLoop.request();
  };
  nodes.addHandler({
    added: nodeChanged,
    updated: (before, after) => {
      if (routeFacts(before) !== routeFacts(after)) nodeChanged();
    },
    deleted: nodeChanged,
  });

  const healthz = () => {
    if (!informers.hasSynced) throw new Error('waiting for the API server');
    if (health.failed) throw new Error(health.failed);
    if (health.lastSyncedAt === 0) throw new Error('no rule has been written yet');
  };
  const { bindAddress: host, healthzPort, metricsPort } = options;
  await startHealthServer({ host, port: healthzPort, healthz }, signal);
  const configz = () => ({ nodeName, mode: mode.name, clusterCidr: options.clusterCidr, balance: options.balance });
  const extra = { '/proxyMode': () => mode.name };
  await startHealthServer({ host, port: metricsPort, healthz, configz, metrics: metrics.registry, extra }, signal);

  informers.start(signal);
  await Promise.race([informers.synced(), aborted(signal)]);
  if (signal.aborted) return;
  logger.info({ mode: mode.name, services: services.list().length }, 'in sync with the API server');
  if (mode === noProxy) {
    await servicesLoop.run(signal);
  } else {
    prepareKernel(logger);
    await Promise.all([servicesLoop.run(signal), routesLoop.run(signal)]);
  }
  mode.close();
  await informers.ended();
}

/** What is known of this node only after it has joined. */
interface NodeFacts {
  readonly podCidr: () => string | undefined;
  readonly nodeIp: () => string | undefined;
}

function createMode(options: ProxyOptions, facts: NodeFacts): ProxyMode {
  switch (options.mode) {
    case 'iptables':
      return new IptablesMode({ ...options, ...facts, spread: endpointChains(options) });
    case 'userspace':
      return new UserspaceMode({ ...options, ...facts });
    case 'none':
      return noProxy;
  }
}

/** What of a node the routes depend on: heartbeats change everything else all the time. */
function routeFacts(node: { spec?: { podCIDR?: string }; status?: { addresses?: unknown } }): string {
  return `${node.spec?.podCIDR} ${JSON.stringify(node.status?.addresses)}`;
}

/** Named as kube-proxy's own. */
function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  return {
    registry,
    duration: new Histogram({
      name: 'kubeproxy_sync_proxy_rules_duration_seconds',
      help: 'How long it took to put the present Services in force',
      buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
      registers,
    }),
    lastSync: new Gauge({
      name: 'kubeproxy_sync_proxy_rules_last_timestamp_seconds',
      help: 'When that last succeeded',
      registers,
    }),
    failures: new Counter({
      name: 'kubeproxy_sync_proxy_rules_iptables_restore_failures_total',
      help: 'How often it failed',
      registers,
    }),
  };
}
