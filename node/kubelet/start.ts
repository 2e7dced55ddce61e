/** Makes kubelets from the command line: one over the machine's engine, or any number over simulated ones. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sleep, systemClock } from '../../master/api/clock.ts';
import { startHealthServer } from '../../master/api/health-server.ts';
import { createLogger, type Logger } from '../../master/api/logging.ts';
import { ClientIdentity, kubeletIdentity } from '../certificates/client-identity.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { loadImageArchives } from './images.ts';
import { Kubelet } from './kubelet.ts';
import { createMetrics, type KubeletMetrics } from './metrics.ts';
import { defaultAddress, type Machine, readMachine } from './node/machine.ts';
import type { NodeIdentity } from './node/node-object.ts';
import type { KubeletFlags } from './options.ts';
import { parseResolvConf, type Resolver } from './pods/dns.ts';

/** Runs until the signal is aborted. Rejects for flags and files that cannot work. */
export async function runKubelets(flags: KubeletFlags, signal: AbortSignal): Promise<void> {
  const logger = createLogger('kubelet', flags.logLevel);
  const metrics = createMetrics();
  const machine = readMachine();
  const names = nodeNames(flags);
  const runtimes: Runtime[] = [];
  const kubelets = await Promise.all(
    names.map(async (name) => {
      const directory = names.length === 1 ? flags.rootDir : join(flags.rootDir, 'nodes', name);
      mkdirSync(directory, { recursive: true });
      const log = names.length === 1 ? logger : logger.child({ node: name });
      const runtime = await makeRuntime(flags, name, directory, log);
      runtimes.push(runtime);
      return makeKubelet(flags, { name, directory, runtime, machine, metrics, logger: log });
    }),
  );
  if (flags.healthzPort !== 0) {
    const healthz = (): void => {
      for (const kubelet of kubelets) kubelet.check();
    };
    const options = { host: flags.healthzBindAddress, port: flags.healthzPort, healthz, metrics: metrics.registry };
    await startHealthServer({ ...options, configz: () => ({ kubeletconfig: flags }) }, signal);
  }
  // The engine comes up, and the masters answer the request for a certificate, at the same time.
  const prepared = prepareEngine(flags, runtimes, logger, signal);
  await Promise.all([prepared, ...kubelets.map((kubelet) => kubelet.run(signal, prepared))]);
  await Promise.all(runtimes.map((runtime) => runtime.close()));
}

/** `<name>`, or `<name>-0001` and on. */
export function nodeNames({ hostnameOverride, simulatedNodes }: KubeletFlags): string[] {
  if (simulatedNodes === 0) return [hostnameOverride];
  return Array.from({ length: simulatedNodes }, (_, i) => `${hostnameOverride}-${String(i + 1).padStart(4, '0')}`);
}

interface Parts {
  readonly name: string;
  readonly directory: string;
  readonly runtime: Runtime;
  readonly machine: Machine;
  readonly metrics: KubeletMetrics;
  readonly logger: Logger;
}

async function makeRuntime(flags: KubeletFlags, node: string, directory: string, logger: Logger): Promise<Runtime> {
  if (flags.containerRuntime === 'docker') {
    if (flags.simulatedNodes > 0) throw new Error('--simulated-nodes needs --container-runtime simulated');
    const { DockerRuntime } = await import('../runtime/docker/docker-runtime.ts');
    const { containerRuntimeEndpoint, podInfraContainerImage: sandboxImage, podNetwork, podBridge } = flags;
    const socketPath = containerRuntimeEndpoint.replace(/^unix:\/\//, '');
    return new DockerRuntime({ node, logger, socketPath, sandboxImage, network: podNetwork, bridge: podBridge });
  }
  const { SimulatedRuntime } = await import('../runtime/simulated/simulated-runtime.ts');
  const stateFile = join(directory, 'simulated-runtime.json');
  const runtime = new SimulatedRuntime({ stateFile, startDelayMs: flags.simulatedStartDelay });
  await runtime.recover();
  return runtime;
}

function makeKubelet(flags: KubeletFlags, { name, directory, runtime, machine, metrics, logger }: Parts): Kubelet {
  const clientCa = readFileSync(flags.clientCaFile, 'utf8');
  const identity = identityOf(flags, name, machine);
  // Simulated nodes of one machine each serve on their own loopback address.
  const host = runtime.real || flags.address !== '0.0.0.0' ? flags.address : identity.ip;
  return new Kubelet({
    identity,
    runtime,
    metrics,
    logger,
    rootDirectory: directory,
    clientIdentity: new ClientIdentity({
      identity: kubeletIdentity(name),
      certificatePath: join(directory, 'pki', 'kubelet-client.pem'),
      kubeconfigPath:
        flags.simulatedNodes === 0 && flags.kubeconfig ? flags.kubeconfig : join(directory, 'kubelet.conf'),
      bootstrapKubeconfig: flags.bootstrapKubeconfig,
      servers: flags.master,
      clock: systemClock,
      logger,
    }),
    servingCertificatePath: join(directory, 'pki', 'kubelet-server.pem'),
    server: flags.port === 0 ? undefined : { host, port: flags.port, clientCa },
    names: { node: nodeResolver(flags.resolvConf), servers: flags.clusterDns, domain: flags.clusterDomain },
    // Simulated engines lose no events.
    relistMs: runtime.real ? 10_000 : 60_000,
    statusUpdateMs: flags.nodeStatusUpdateFrequency,
    statusReportMs: flags.nodeStatusReportFrequency,
    leaseRenewMs: flags.nodeLeaseRenewInterval,
    leaseDurationSeconds: flags.nodeLeaseDurationSeconds,
    restartBackOff: { initialMs: flags.containerRestartBackOff, maxMs: flags.containerRestartBackOffMax },
    configz: () => flags,
  });
}

function identityOf(flags: KubeletFlags, name: string, machine: Machine): NodeIdentity {
  const simulated = flags.containerRuntime === 'simulated';
  const own = flags.simulatedNodes === 0 ? flags.nodeIp : undefined;
  const ip = own ?? (simulated ? loopbackAddress(name) : (defaultAddress() ?? '127.0.0.1'));
  return {
    name,
    ip,
    // Nobody resolves the names of nodes that exist in this process only.
    hostnameAddress: simulated ? ip : name,
    kubeletPort: flags.port,
    labels: flags.nodeLabels,
    taints: flags.registerWithTaints,
    maxPods: flags.maxPods,
    capacity: flags.capacity,
    machine,
  };
}

/** An address of its own for every simulated node: all of 127/8 is this machine, and the first few are taken by others. */
export function loopbackAddress(name: string): string {
  const numbered = /-(\d+)$/.exec(name);
  const hash = createHash('sha256').update(name.replace(/-\d+$/, '')).digest();
  const low = numbered ? Number(numbered[1]) % 65_000 : hash.readUInt16BE(2) % 65_000;
  const high = 16 + ((hash[0] ?? 0) % 224);
  return `127.${high}.${Math.floor((low + 2) / 254)}.${1 + ((low + 2) % 254)}`;
}

/** What a pod cannot use (resolvers on the node's loopback) is left to the engine. */
function nodeResolver(path: string): Resolver | undefined {
  if (path === '') return undefined;
  try {
    const text = readFileSync(path, 'utf8');
    const resolver = parseResolvConf(text);
    return resolver.nameservers.some((server) => server.startsWith('127.')) ? undefined : resolver;
  } catch {
    return undefined;
  }
}

/** The engine may come up after the kubelet; its images are there before the first pod starts. */
async function prepareEngine(
  flags: KubeletFlags,
  runtimes: readonly Runtime[],
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  const [runtime] = runtimes;
  if (!runtime?.real) return;
  while (!signal.aborted) {
    try {
      await runtime.version();
      await loadImageArchives(flags.imagesDir, flags.rootDir, runtime, logger);
      return;
    } catch (error) {
      logger.info({ why: error instanceof Error ? error.message : String(error) }, 'waiting for the container engine');
      await sleep(250, signal);
    }
  }
}
