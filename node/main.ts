/**
 * A node: a container engine of its own, kubelet and kube-proxy, each a process so that each can be killed alone, and in this
 * process the node's balancer over the masters.
 *
 * With --health it asks the processes how they are, for a container's health check.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runMain } from '../master/api/flags.ts';
import { type NodeConfig, nodeCommand } from './options.ts';

const config = nodeCommand().parse().opts<NodeConfig>();

await runMain(async (signal) => {
  if (config.health) {
    const { reportHealth } = await import('./health.ts');
    process.exit((await reportHealth(config)) ? 0 : 1);
  }
  const { createLogger } = await import('../master/api/logging.ts');
  const { ProcessSupervisor } = await import('../master/api/process-supervisor.ts');
  const { balancerOf } = await import('./masters.ts');
  const { nodeProcesses } = await import('./processes.ts');
  const logger = createLogger('node', config.logLevel);
  mkdirSync(config.dataDir, { recursive: true });
  const balancer = balancerOf(config, logger.child({ part: 'balancer' }));
  // It outlives the processes: their last words to the API go through it.
  const balancing = new AbortController();
  await balancer.listen(balancing.signal);
  const supervisor = new ProcessSupervisor({ logger, pidDir: join(config.dataDir, 'run') });
  await supervisor.run(nodeProcesses(config), signal);
  balancing.abort();
  await balancer.closed;
});
