/** The four processes of a master, from its settings: commands, arguments, and the order in which they stop. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InvalidArgumentError } from 'commander';
import { createLogger } from './api/logging.ts';
import { beginningWith, type MasterAddress, mastersFile, mastersReader } from './api/masters-file.ts';
import type { ProcessSpec } from './api/process-supervisor.ts';
import { EtcdClient, etcdCredentials } from './etcd/client.ts';
import { handOver } from './etcd/hand-over.ts';
import { type EtcdMemberConfig, type EtcdNow, etcdCommand, type InitialMember } from './etcd/member.ts';
import { prepareSocket, socketPath } from './etcd/socket.ts';
import { prepareEtcd } from './etcd/start.ts';
import type { LeaseRelease } from './lease-release.ts';

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

/** The masters of the cluster as they are now. Throws an Error that says what does not fit. */
export type Masters = () => readonly MasterAddress[];

/** Those of the file beside the keys if there is one, which may change at any time; otherwise those of the flags. */
export function mastersOf(config: MasterConfig): Masters {
  const { name, pkiDir } = config;
  const path = join(pkiDir, mastersFile);
  const inFile = mastersReader(path);
  return () => {
    const known = inFile();
    const masters = known ?? mastersOfFlags(config);
    if (masters.some((each) => each.name === name)) return masters;
    throw new Error(
      known ? `${path} does not name ${name}: it was removed` : `--initial-cluster does not name ${name}`,
    );
  };
}

function mastersOfFlags({ initialCluster, etcdServers, apiservers }: MasterConfig): MasterAddress[] {
  for (const [flag, urls] of Object.entries({ '--etcd-servers': etcdServers, '--apiservers': apiservers })) {
    if (urls.length !== initialCluster.length) throw new Error(`${flag} needs as many URLs as --initial-cluster has`);
  }
  return initialCluster.map((member, place) => ({
    ...member,
    clientUrl: etcdServers[place] ?? '',
    apiserver: apiservers[place] ?? '',
  }));
}

/**
 * Throws an Error that says which setting does not fit the others. Each start takes the masters that there are then, and what is started
 * follows the file by itself.
 */
export function masterProcesses(
  config: MasterConfig,
  masters: Masters,
  releases = new LeaseReleases(config, masters),
): ProcessSpec[] {
  masters();
  const etcdServers = (): string[] => ownFirst(config, masters).map(({ clientUrl }) => clientUrl);
  const apiservers = (): string[] => ownFirst(config, masters).map(({ apiserver }) => apiserver);
  return [
    { name: 'etcd', stopLevel: 0, graceMs: etcdGraceMs, niceness: etcdNiceness, ...etcd(config, masters) },
    {
      name: 'apiserver',
      stopLevel: 1,
      ...component('apiserver', config, () => apiserverArgs(config, etcdServers())),
    },
    {
      name: 'scheduler',
      stopLevel: 2,
      niceness: loopNiceness,
      ...component('scheduler', config, () => schedulerArgs(config, apiservers())),
      afterCrash: releases.afterCrashOf(leaders.scheduler),
    },
    {
      name: 'controller-manager',
      stopLevel: 2,
      niceness: loopNiceness,
      ...component('controllers', config, () => controllerManagerArgs(config, apiservers())),
      afterCrash: releases.afterCrashOf(leaders.controllers),
    },
  ];
}

interface Leader {
  readonly lease: string;
  readonly kubeconfig: string;
}

const leaders = {
  scheduler: { lease: 'kube-scheduler', kubeconfig: 'scheduler.conf' },
  controllers: { lease: 'kube-controller-manager', kubeconfig: 'controller-manager.conf' },
} as const satisfies Record<string, Leader>;

/** What held a lease and crashed does not make the standbys wait. */
export class LeaseReleases {
  readonly #config: MasterConfig;
  readonly #servers: () => readonly string[];
  readonly #releases = new Map<string, LeaseRelease>();

  constructor(config: MasterConfig, masters: Masters) {
    this.#config = config;
    this.#servers = () => ownFirst(config, masters).map(({ apiserver }) => apiserver);
  }

  afterCrashOf(leader: Leader): ProcessSpec['afterCrash'] {
    return async (signal) => (await this.#of(leader)).release(signal);
  }

  /** To be called when the start is over, since it takes memory and time: what a release needs is loaded and connected. */
  async keepReady(signal: AbortSignal): Promise<void> {
    await Promise.all(Object.values(leaders).map(async (leader) => (await this.#of(leader)).keepReady(signal)));
  }

  async #of({ lease, kubeconfig }: Leader): Promise<LeaseRelease> {
    const { LeaseRelease } = await import('./lease-release.ts');
    const { name, pkiDir } = this.#config;
    const options = { kubeconfig: join(pkiDir, kubeconfig), servers: this.#servers, lease, master: name };
    const release = this.#releases.get(lease) ?? new LeaseRelease(options);
    this.#releases.set(lease, release);
    return release;
  }
}

/**
 * A leader hands over before it ends, which takes a moment; with the other members gone it would wait for them for seconds
 * in vain. What it has acknowledged is on disk, so it may then be killed.
 */
const etcdGraceMs = 2_000;

/** Each of the questions and orders of a hand-over takes a round trip; a member that is slower than this is missed like a dead one. */
const passLeadMs = 400;

/** A heartbeat that waits for a processor is an election: little work, but at once. */
const etcdNiceness = -10;

/** A takeover that waits for a processor is a time in which nobody acts; between takeovers they have little to do. */
const loopNiceness = -5;

/** An API server that ends serves on until every balancer has seen that it is not ready: they look each second. */
const drainMs = 1_500;

/** This master's own server is asked first, the others in turn after it. */
function ownFirst({ name }: MasterConfig, masters: Masters): MasterAddress[] {
  return beginningWith(masters(), (each) => each.name === name);
}

/**
 * Small young generations and one arena keep the memory of an idle process down. The API server's may grow: under load a small one
 * costs a tenth of its time, because answers under way survive into the old generation.
 */
const smallHeap = ['--max-semi-space-size=1'];
const roomyHeap = ['--max-semi-space-size=16'];
const nodeFlags = { apiserver: roomyHeap, scheduler: smallHeap, controllers: smallHeap };

function component(
  folder: keyof typeof nodeFlags,
  { dataDir, logLevel }: MasterConfig,
  args: () => readonly string[],
): Pick<ProcessSpec, 'command' | 'args' | 'env' | 'prepare'> {
  const main = fileURLToPath(new URL(`./${folder}/main.ts`, import.meta.url));
  const now = () => ({
    command: process.execPath,
    args: [...nodeFlags[folder], main, '--log-level', logLevel, ...args()],
  });
  return {
    ...now(),
    prepare: async () => now(),
    env: {
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(dataDir, 'compile-cache'),
      MALLOC_ARENA_MAX: '1',
    },
  };
}

/**
 * Half the processors are enough for etcd's little work. Given more, Go spends a sixth of a write's time, and a quarter of a read's, on
 * waking threads that look for work and find none.
 */
const etcdProcessors = String(Math.max(1, Math.floor(availableParallelism() / 2)));

function etcd(
  config: MasterConfig,
  masters: Masters,
): Pick<ProcessSpec, 'command' | 'args' | 'prepare' | 'env' | 'beforeStop'> {
  const withMore = ({ command, args }: { command: string; args: readonly string[] }) => ({
    command,
    args: [...args, ...config.etcdArg],
  });
  const logger = createLogger('etcd-member', config.logLevel);
  const now = etcdNow(config, masters);
  return {
    ...withMore(etcdCommand(now().member, 'existing')),
    prepare: async (signal) => {
      const { socket } = now().member;
      if (socket !== undefined) prepareSocket(socket);
      return withMore(await prepareEtcd({ now, logger }, signal));
    },
    env: { GOMAXPROCS: process.env.GOMAXPROCS ?? etcdProcessors },
    beforeStop: () => passLead(now().member),
  };
}

/** Has another member lead before this one ends, which etcd would do by itself, but to any that it had heard from. */
async function passLead({ clientUrl, pkiDir }: EtcdMemberConfig): Promise<object | undefined> {
  const to = await handOver(new EtcdClient(clientUrl, etcdCredentials(pkiDir)), passLeadMs);
  return to === undefined ? undefined : { etcdLeader: to };
}

/** The etcd member of this master, and where all are, as it is when it is asked. */
export function etcdNow(config: MasterConfig, masters: Masters): () => EtcdNow {
  const { name, pkiDir, bindAddress, etcdClientPort, etcdPeerPort, etcdMetricsPort } = config;
  const fixed = {
    ...{ name, pkiDir, bindAddress, dataDir: join(config.dataDir, 'etcd') },
    ...{ clientPort: etcdClientPort, peerPort: etcdPeerPort, metricsPort: etcdMetricsPort },
    socket: socketPath(config.dataDir),
  };
  return () => {
    const all = masters();
    const clientUrl = all.find((each) => each.name === name)?.clientUrl ?? '';
    const initialCluster = all.map((each) => ({ name: each.name, peerUrl: each.peerUrl }));
    return { member: { ...fixed, clientUrl, initialCluster }, clientUrls: all.map((each) => each.clientUrl) };
  };
}

function apiserverArgs(config: MasterConfig, etcdServers: readonly string[]): string[] {
  const { pkiDir, bindAddress, securePort, apiserverArg } = config;
  const pki = (file: string): string => join(pkiDir, file);
  const socket = socketPath(config.dataDir);
  return [
    ...['--bind-address', bindAddress, '--secure-port', String(securePort)],
    ...(socket === undefined ? [] : ['--etcd-socket', socket]),
    ...['--etcd-servers', etcdServers.join(','), '--masters-file', pki(mastersFile)],
    ...['--etcd-cafile', pki('etcd/ca.crt')],
    ...['--etcd-certfile', pki('apiserver-etcd-client.crt'), '--etcd-keyfile', pki('apiserver-etcd-client.key')],
    ...['--client-ca-file', pki('ca.crt')],
    ...['--tls-cert-file', pki('apiserver.crt'), '--tls-private-key-file', pki('apiserver.key')],
    ...['--service-account-key-file', pki('sa.pub'), '--service-account-signing-key-file', pki('sa.key')],
    ...['--kubelet-certificate-authority', pki('ca.crt')],
    ...['--kubelet-client-certificate', pki('apiserver-kubelet-client.crt')],
    ...['--kubelet-client-key', pki('apiserver-kubelet-client.key')],
    ...frontProxyArgs(pki),
    ...['--shutdown-delay-duration', `${drainMs}ms`],
    ...apiserverArg,
  ];
}

/** As kubeadm sets it up; keys that an earlier set-up handed over are without it until the next one. */
function frontProxyArgs(pki: (file: string) => string): string[] {
  if (!existsSync(pki('front-proxy-client.crt'))) return [];
  return [
    ...['--proxy-client-cert-file', pki('front-proxy-client.crt')],
    ...['--proxy-client-key-file', pki('front-proxy-client.key')],
    ...['--requestheader-client-ca-file', pki('front-proxy-ca.crt')],
    ...['--requestheader-allowed-names', 'front-proxy-client'],
    ...['--requestheader-username-headers', 'X-Remote-User', '--requestheader-uid-headers', 'X-Remote-Uid'],
    ...['--requestheader-group-headers', 'X-Remote-Group', '--requestheader-extra-headers-prefix', 'X-Remote-Extra-'],
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
    ...['--identity', name, '--master', apiservers.join(','), '--masters-file', join(pkiDir, mastersFile)],
    ...['--bind-address', bindAddress],
    ...['--port', String(port), '--secure-port', String(securePort)],
    ...['--tls-cert-file', join(pkiDir, 'apiserver.crt'), '--tls-private-key-file', join(pkiDir, 'apiserver.key')],
  ];
}
