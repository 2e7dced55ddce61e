/** The four processes of a master, from its settings: commands, arguments, and the order in which they stop. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InvalidArgumentError } from 'commander';
import { createLogger } from './api/logging.ts';
import type { ProcessSpec } from './api/process-supervisor.ts';
import { type EtcdMemberConfig, etcdCommand, type InitialMember } from './etcd/member.ts';
import { prepareEtcd } from './etcd/start.ts';

/** The settings of a master, as `main.ts` reads them. */
export interface MasterConfig {
  readonly name: string;
  readonly pkiDir: string;
  readonly dataDir: string;
  readonly initialCluster: readonly InitialMember[];
  /** In the order of `initialCluster`, as `apiservers`. */
  readonly etcdServers: readonly string[];
  readonly apiservers: readonly string[];
  readonly bindAddress: string;
  readonly securePort: number;
  readonly etcdClientPort: number;
  readonly etcdPeerPort: number;
  readonly etcdMetricsPort: number;
  readonly schedulerPort: number;
  readonly schedulerSecurePort: number;
  readonly controllerManagerPort: number;
  readonly controllerManagerSecurePort: number;
  readonly etcdArg: readonly string[];
  readonly apiserverArg: readonly string[];
  readonly schedulerArg: readonly string[];
  readonly controllerManagerArg: readonly string[];
  readonly logLevel: string;
}

/** Reads `a=https://a:2380,b=https://b:2380`. */
export function parseInitialCluster(text: string): InitialMember[] {
  return text.split(',').map((member) => {
    const [, name, peerUrl] = /^([^=\s]+)=(https:\/\/\S+)$/.exec(member) ?? [];
    if (!name || !peerUrl) throw new InvalidArgumentError('It must be name=https://host:port, with commas between.');
    return { name, peerUrl };
  });
}

/** Throws an Error that says which setting does not fit the others. */
export function masterProcesses(config: MasterConfig): ProcessSpec[] {
  const { name, initialCluster, etcdServers, apiservers } = config;
  const place = initialCluster.findIndex((member) => member.name === name);
  if (place < 0) throw new Error(`--initial-cluster does not name ${name}`);
  for (const [flag, urls] of Object.entries({ '--etcd-servers': etcdServers, '--apiservers': apiservers })) {
    if (urls.length !== initialCluster.length) throw new Error(`${flag} needs as many URLs as --initial-cluster has`);
  }
  const servers = { etcd: ownFirst(etcdServers, place), api: ownFirst(apiservers, place) };
  return [
    { name: 'etcd', stopLevel: 0, graceMs: etcdGraceMs, ...etcd(config, place) },
    { name: 'apiserver', stopLevel: 1, ...component('apiserver', config, apiserverArgs(config, servers.etcd)) },
    {
      name: 'scheduler',
      stopLevel: 2,
      ...component('scheduler', config, schedulerArgs(config, servers.api)),
      afterCrash: releaseOf('kube-scheduler', 'scheduler.conf', config, servers.api),
    },
    {
      name: 'controller-manager',
      stopLevel: 2,
      ...component('controllers', config, controllerManagerArgs(config, servers.api)),
      afterCrash: releaseOf('kube-controller-manager', 'controller-manager.conf', config, servers.api),
    },
  ];
}

/** What held a lease and crashed does not make the standbys wait. The code for it is loaded when it is first needed. */
function releaseOf(
  lease: string,
  kubeconfig: string,
  { name, pkiDir }: MasterConfig,
  servers: readonly string[],
): ProcessSpec['afterCrash'] {
  return async (signal) => {
    const { releaseLease } = await import('./lease-release.ts');
    return releaseLease({ kubeconfig: join(pkiDir, kubeconfig), servers, lease, master: name }, signal);
  };
}

/**
 * A leader hands over before it ends, which takes a moment; with the other members gone it would wait for them for seconds
 * in vain. What it has acknowledged is on disk, so it may then be killed.
 */
const etcdGraceMs = 2_000;

/** This master's own server is asked first, the others in turn after it, so that not all fall on one. */
function ownFirst(urls: readonly string[], place: number): string[] {
  return [...urls.slice(place), ...urls.slice(0, place)];
}

/** Small young generations and one arena keep the memory of an idle process down; none of them runs a tight loop. */
const smallHeap = ['--max-semi-space-size=1'];
const roomyHeap = ['--max-semi-space-size=4'];
const nodeFlags = { apiserver: roomyHeap, scheduler: smallHeap, controllers: smallHeap };

function component(
  folder: keyof typeof nodeFlags,
  { dataDir, logLevel }: MasterConfig,
  args: readonly string[],
): Pick<ProcessSpec, 'command' | 'args' | 'env'> {
  const main = fileURLToPath(new URL(`./${folder}/main.ts`, import.meta.url));
  return {
    command: process.execPath,
    args: [...nodeFlags[folder], main, '--log-level', logLevel, ...args],
    env: {
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(dataDir, 'compile-cache'),
      MALLOC_ARENA_MAX: '1',
    },
  };
}

function etcd(config: MasterConfig, place: number): Pick<ProcessSpec, 'command' | 'args' | 'prepare'> {
  const member = memberConfig(config, place);
  const withMore = ({ command, args }: { command: string; args: readonly string[] }) => ({
    command,
    args: [...args, ...config.etcdArg],
  });
  return {
    ...withMore(etcdCommand(member, 'existing')),
    async prepare(signal) {
      const logger = createLogger('etcd-member', config.logLevel);
      return withMore(await prepareEtcd({ member, clientUrls: config.etcdServers, logger }, signal));
    },
  };
}

/** The etcd member of this master, which stands at `place` in the initial cluster. */
export function memberConfig(config: MasterConfig, place: number): EtcdMemberConfig {
  return {
    name: config.name,
    dataDir: join(config.dataDir, 'etcd'),
    pkiDir: config.pkiDir,
    initialCluster: config.initialCluster,
    clientUrl: config.etcdServers[place] ?? '',
    bindAddress: config.bindAddress,
    clientPort: config.etcdClientPort,
    peerPort: config.etcdPeerPort,
    metricsPort: config.etcdMetricsPort,
  };
}

function apiserverArgs(config: MasterConfig, etcdServers: readonly string[]): string[] {
  const { pkiDir, bindAddress, securePort, apiserverArg } = config;
  const pki = (file: string): string => join(pkiDir, file);
  return [
    ...['--bind-address', bindAddress, '--secure-port', String(securePort)],
    ...['--etcd-servers', etcdServers.join(','), '--etcd-cafile', pki('etcd/ca.crt')],
    ...['--etcd-certfile', pki('apiserver-etcd-client.crt'), '--etcd-keyfile', pki('apiserver-etcd-client.key')],
    ...['--client-ca-file', pki('ca.crt')],
    ...['--tls-cert-file', pki('apiserver.crt'), '--tls-private-key-file', pki('apiserver.key')],
    ...['--service-account-key-file', pki('sa.pub'), '--service-account-signing-key-file', pki('sa.key')],
    ...['--kubelet-certificate-authority', pki('ca.crt')],
    ...['--kubelet-client-certificate', pki('apiserver-kubelet-client.crt')],
    ...['--kubelet-client-key', pki('apiserver-kubelet-client.key')],
    ...apiserverArg,
  ];
}

function schedulerArgs(config: MasterConfig, apiservers: readonly string[]): string[] {
  const { pkiDir, schedulerPort, schedulerSecurePort, schedulerArg } = config;
  return [
    ...['--kubeconfig', join(pkiDir, 'scheduler.conf')],
    ...leaderArgs(config, apiservers, schedulerPort, schedulerSecurePort),
    ...schedulerArg,
  ];
}

function controllerManagerArgs(config: MasterConfig, apiservers: readonly string[]): string[] {
  const { pkiDir, controllerManagerPort, controllerManagerSecurePort, controllerManagerArg } = config;
  return [
    ...['--kubeconfig', join(pkiDir, 'controller-manager.conf')],
    ...leaderArgs(config, apiservers, controllerManagerPort, controllerManagerSecurePort),
    ...['--cluster-signing-cert-file', join(pkiDir, 'ca.crt'), '--cluster-signing-key-file', join(pkiDir, 'ca.key')],
    ...controllerManagerArg,
  ];
}

/** What the two that are elected have in common. Their TLS ports show the API server's certificate: the names are the same. */
function leaderArgs(config: MasterConfig, apiservers: readonly string[], port: number, securePort: number): string[] {
  const { name, pkiDir, bindAddress } = config;
  return [
    ...['--identity', name, '--master', apiservers.join(','), '--bind-address', bindAddress],
    ...['--port', String(port), '--secure-port', String(securePort)],
    ...['--tls-cert-file', join(pkiDir, 'apiserver.crt'), '--tls-private-key-file', join(pkiDir, 'apiserver.key')],
  ];
}
