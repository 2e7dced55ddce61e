/** The balancer as a process: flags, signals, exit code. */
import { pino } from 'pino';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { startAdmin } from './admin.ts';
import { Balancer } from './balancer.ts';
import { onNetworkLost } from './network.ts';
import { parseOptions } from './options.ts';

const options = parseOptions(process.argv.slice(2));
const logger = pino({ name: 'lb', level: options.logLevel });
const registry = new Registry();
collectDefaultMetrics({ register: registry });

const stop = new AbortController();
// The admin port stays until the last connection has drained.
const stopped = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) {
  process.once(name, () => {
    logger.info({ signal: name }, 'told to stop');
    stop.abort();
  });
}

if (options.exitWithoutNetwork) {
  onNetworkLost(() => {
    logger.fatal('the network is gone: exiting, to be started in the present one');
    process.exit(1);
  }, stopped.signal);
}

try {
  const balancer = new Balancer({ ...options.balancer, logger, registry });
  if (options.admin !== undefined) await startAdmin(balancer, options.admin, stopped.signal);
  await balancer.run(stop.signal);
} catch (error) {
  logger.fatal({ err: error }, 'cannot run');
  process.exitCode = 1;
} finally {
  stopped.abort();
}
