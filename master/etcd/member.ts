/**
 * The etcd member of a master: which arguments it is started with, decided from what its data directory holds. The
 * supervisor starts the process; nothing here runs or speaks to it.
 *
 * Members are named by the cluster's configuration and find one another by host names, so that every address may change between
 * two starts. A member with data rejoins as who it was; `start.ts` finds out what one without data is to do.
 */
import { join } from 'node:path';
import { inUrl } from '../api/addresses.ts';
import { logFiles, neverHadLeader } from './log.ts';
import { socketUrl } from './socket.ts';

export interface InitialMember {
  readonly name: string;
  readonly peerUrl: string;
}

export interface EtcdMemberConfig {
  readonly name: string;
  readonly dataDir: string;
  readonly pkiDir: string;
  readonly initialCluster: readonly InitialMember[];
  /** The URL under which the API servers reach this member. */
  readonly clientUrl: string;
  /** An address, not a name: etcd binds to it. */
  readonly bindAddress: string;
  readonly clientPort: number;
  readonly peerPort: number;
  /** Health and metrics without TLS: on loopback when the member listens everywhere. */
  readonly metricsPort: number;
  /** The path of the Unix socket for the API server of the same master. */
  readonly socket?: string | undefined;
}

/** A member and its cluster at one moment: masters come and go. */
export interface EtcdNow {
  readonly member: EtcdMemberConfig;
  /** Of all members, in the order of the initial cluster. */
  readonly clientUrls: readonly string[];
}

export interface EtcdCommand {
  readonly command: string;
  readonly args: string[];
}

/** How a member starts: `new` makes the cluster together with the others, `existing` goes on from its data. */
export type StartMode = 'new' | 'existing';

/** The command of a member, after a look into its data directory. Throws when the configuration does not name it. */
export function etcdMember(config: EtcdMemberConfig): EtcdCommand {
  return etcdCommand(config, startMode(logFiles(config.dataDir)));
}

/** Whether there is a member's data: what one has that never came into a cluster is none. */
export function hasData(dataDir: string): boolean {
  return startMode(logFiles(dataDir)) === 'existing' && !neverHadLeader(dataDir);
}

/** From the names of the files in the write-ahead log's directory: etcd itself takes any log for a member's data. */
export function startMode(files: readonly string[]): StartMode {
  return files.some((file) => file.endsWith('.wal')) ? 'existing' : 'new';
}

/** The pure part: the same configuration and mode give the same command. */
export function etcdCommand(config: EtcdMemberConfig, mode: StartMode): EtcdCommand {
  const { name, dataDir, initialCluster, clientUrl, bindAddress, clientPort, peerPort } = config;
  const own = initialCluster.find((member) => member.name === name);
  if (!own) throw new Error(`the initial cluster does not name ${name}`);
  const host = inUrl(bindAddress);
  const clients = [`https://${host}:${clientPort}`, ...(config.socket === undefined ? [] : [socketUrl(config.socket)])];
  const args = [
    ...['--name', name, '--data-dir', dataDir],
    ...['--listen-client-urls', clients.join(','), '--advertise-client-urls', clientUrl],
    ...['--listen-peer-urls', `https://${host}:${peerPort}`, '--initial-advertise-peer-urls', own.peerUrl],
    ...['--initial-cluster', initialCluster.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',')],
    ...['--initial-cluster-token', 'trimaster', '--initial-cluster-state', mode],
    ...['--listen-metrics-urls', metricsUrl(config)],
    ...trustArgs(config.pkiDir),
    ...steadyArgs,
  ];
  return { command: 'etcd', args };
}

/** Where the member serves its health and metrics, for its own machine. */
export function metricsUrl({ bindAddress, metricsPort }: EtcdMemberConfig): string {
  const everywhere = bindAddress === '0.0.0.0' || bindAddress === '::';
  return `http://${everywhere ? '127.0.0.1' : inUrl(bindAddress)}:${metricsPort}`;
}

/** The same; the member does not serve if its data differs from that of the others, which it asks before it answers anybody. */
export function comparedWithOthers({ command, args }: EtcdCommand): EtcdCommand {
  return { command, args: [...args, '--experimental-initial-corrupt-check'] };
}

function trustArgs(pkiDir: string): string[] {
  const pki = (file: string): string => join(pkiDir, 'etcd', file);
  return [
    ...['--client-cert-auth', '--trusted-ca-file', pki('ca.crt')],
    ...['--cert-file', pki('server.crt'), '--key-file', pki('server.key')],
    ...['--peer-client-cert-auth', '--peer-trusted-ca-file', pki('ca.crt')],
    ...['--peer-cert-file', pki('peer.crt'), '--peer-key-file', pki('peer.key')],
    // Otherwise a member that comes back under a new address is refused until its name resolves to that address everywhere. The
    // authority signs for etcd alone, so a certificate of it is proof enough.
    '--experimental-peer-skip-client-san-verification',
  ];
}

const steadyArgs = [
  // A dead leader is replaced after 0.5 to 1 second; ten heartbeats to a time-out make it rare that two members stand at once, which
  // costs a second round. Shorter turns a slow disk or a busy CPU into elections, and longer leaves leases no time: their renew
  // deadline (`defaultTimings` in master/api/election.ts) must outlast an election.
  ...['--heartbeat-interval', '50', '--election-timeout', '500'],
  // The log since the last snapshot is kept in memory.
  ...['--snapshot-count', '10000'],
  ...['--quota-backend-bytes', String(4 * 1024 ** 3)],
  // The API servers' connections notice a dead peer by pings; etcd would cut them off for pinging more often than this.
  ...['--grpc-keepalive-min-time', '1s'],
  ...['--log-level', 'warn'],
];
