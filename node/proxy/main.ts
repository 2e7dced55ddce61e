import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { Option } from 'commander';
import { Client } from '../../master/api/client.ts';
import { sleep, systemClock } from '../../master/api/clock.ts';
import { loadKubeconfig } from '../../master/api/config.ts';
import { commaList, command, durationMs, portNumber, runMain } from '../../master/api/flags.ts';
import { createLogger } from '../../master/api/logging.ts';
import { ClientIdentity, kubeProxyIdentity } from '../certificates/client-identity.ts';
import { type ProxyModeName, proxyModes } from './mode.ts';
import { runProxy } from './proxy.ts';

interface Options {
  kubeconfig: string;
  bootstrapKubeconfig?: string;
  master: string[];
  hostnameOverride: string;
  proxyMode: ProxyModeName;
  clusterCidr: string;
  iptablesBalance: 'nth' | 'random';
  iptablesSyncPeriod: number;
  iptablesMinSyncPeriod: number;
  bindAddress: string;
  healthzPort: number;
  metricsPort: number;
  logLevel: string;
}

const options = command('kube-proxy', 'makes Services and the ways to other nodes work on this node')
  .requiredOption('--kubeconfig <path>', 'how to reach the API server and who to be; waited for if it is not there yet')
  .option('--bootstrap-kubeconfig <path>', 'who asks for a certificate of system:kube-proxy, kept beside --kubeconfig')
  .option('--master <urls>', 'API servers to use instead of that in the kubeconfig, with commas', commaList, [])
  .option('--hostname-override <name>', 'the name of this node', hostname())
  .addOption(
    new Option('--proxy-mode <mode>', 'how Services are made to work: by the kernel, by this process, or not at all')
      .choices(proxyModes)
      .default('iptables'),
  )
  .option('--cluster-cidr <cidr>', 'addresses of all pods', '10.244.0.0/16')
  .addOption(
    new Option('--iptables-balance <how>', 'how a new connection gets its endpoint: in turn or at random')
      .choices(['nth', 'random'])
      .default('nth'),
  )
  .option('--iptables-sync-period <duration>', 'how often the rules are checked unasked', durationMs, 30_000)
  .option('--iptables-min-sync-period <duration>', 'changes within this time are put in force together', durationMs, 50)
  .option('--bind-address <ip>', 'where health and metrics are served', '0.0.0.0')
  .option('--healthz-port <port>', 'port of /healthz', portNumber, 10256)
  .option('--metrics-port <port>', 'port of /metrics', portNumber, 10249)
  .parse()
  .opts<Options>();

const logger = createLogger('kube-proxy', options.logLevel);

await runMain(async (signal) => {
  const { kubeconfig, hostnameOverride: nodeName, proxyMode: mode, iptablesBalance: balance, ...rest } = options;
  // The kubelet gets this node its certificate and writes the file.
  await written(options.bootstrapKubeconfig ?? kubeconfig, signal);
  if (signal.aborted) return;
  const identity = options.bootstrapKubeconfig ? identityFrom(options.bootstrapKubeconfig) : undefined;
  const present = await identity?.obtain(signal);
  if (identity && !present) return;
  const config = present?.config ?? loadKubeconfig(kubeconfig);
  if (options.master.length > 0) config.servers = options.master;

  // With a new certificate the supervisor starts this process anew: the rules stay meanwhile.
  const ended = new AbortController();
  const renewing = present
    ? identity?.renew(present, AbortSignal.any([signal, ended.signal])).finally(() => ended.abort())
    : undefined;
  await runProxy(
    {
      ...rest,
      client: new Client(config, { userAgent: 'kube-proxy' }),
      nodeName,
      mode,
      balance,
      minSyncPeriodMs: options.iptablesMinSyncPeriod,
      syncPeriodMs: options.iptablesSyncPeriod,
      logger,
    },
    AbortSignal.any([signal, ended.signal]),
  );
  ended.abort();
  await renewing;
});

async function written(path: string, signal: AbortSignal): Promise<void> {
  while (!existsSync(path) && !signal.aborted) await sleep(100, signal);
}

/** kube-proxy's own, for which its node asks: `system:node-proxier` is bound to it. */
function identityFrom(bootstrapKubeconfig: string): ClientIdentity {
  return new ClientIdentity({
    identity: kubeProxyIdentity,
    certificatePath: join(dirname(options.kubeconfig), 'pki', 'kube-proxy-client.pem'),
    kubeconfigPath: options.kubeconfig,
    bootstrapKubeconfig,
    servers: options.master,
    clock: systemClock,
    logger,
  });
}
