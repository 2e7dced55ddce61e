/** The flags of the controller manager, under kube-controller-manager's names. */

import { hostname } from 'node:os';
import { InvalidArgumentError } from 'commander';
import { defaultTimings } from '../api/election.ts';
import { commaList, command, durationMs, ownIdentity, portNumber, wholeNumber } from '../api/flags.ts';

export interface Options {
  readonly kubeconfig: string;
  /** Base URLs of API servers, the preferred first; they override the kubeconfig's. */
  readonly master: readonly string[];
  /** Says which masters there are, and so API servers; followed while this runs. */
  readonly mastersFile?: string;
  /** Unique over restarts, so that a new process never takes its dead predecessor's lease for its own. */
  readonly identity: string;
  readonly controllers: readonly string[];
  readonly leaseDurationMs: number;
  readonly renewDeadlineMs: number;
  readonly retryPeriodMs: number;
  readonly bindAddress: string;
  readonly port: number;
  readonly securePort: number;
  readonly tlsCertFile: string | undefined;
  readonly tlsPrivateKeyFile: string | undefined;
  readonly clusterSigningCertFile: string | undefined;
  readonly clusterSigningKeyFile: string | undefined;
  readonly clusterSigningDurationMs: number;
  readonly rootCaFile: string | undefined;
  readonly clusterCidr: string;
  readonly nodeCidrMaskSize: number;
  readonly nodeMonitorPeriodMs: number;
  readonly nodeMonitorGracePeriodMs: number;
  readonly nodeStartupGracePeriodMs: number;
  readonly nodeEvictionRate: number;
  readonly secondaryNodeEvictionRate: number;
  readonly largeClusterSizeThreshold: number;
  readonly unhealthyZoneThreshold: number;
  readonly terminatedPodGcThreshold: number;
  readonly logLevel: string;
  /** Host names under which API servers are reached: no node may get a certificate for one. */
  readonly apiserverHosts: readonly string[];
}

const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = defaultTimings;

/** Parses the command line; a bad flag ends the process with one clear line. */
export function parseOptions(argv: readonly string[], controllerNames: readonly string[]): Options {
  const program = command(
    'kube-controller-manager',
    'Runs the control loops that bring the cluster to its wanted state.',
  )
    .requiredOption('--kubeconfig <file>', 'how to reach and be known to the API server')
    .option('--master <urls>', 'API servers, the preferred first; overrides the kubeconfig', commaList, [])
    .option('--masters-file <file>', 'says which masters there are, and so API servers; followed while this runs')
    .option(
      '--identity <name>',
      'who holds the lease; a part of chance is added, so that a restarted process is another one',
      ownIdentity,
      ownIdentity(hostname()),
    )
    .option(
      '--controllers <names>',
      `which controllers run: '*' all, 'foo' that one, '-foo' not that one. There are: ${controllerNames.join(', ')}`,
      commaList,
      ['*'],
    )
    .option(
      '--leader-elect-lease-duration <time>',
      'how long standbys wait after the last renewal',
      durationMs,
      leaseDurationMs,
    )
    .option(
      '--leader-elect-renew-deadline <time>',
      'how long a leader goes on without renewal',
      durationMs,
      renewDeadlineMs,
    )
    .option('--leader-elect-retry-period <time>', 'time between two tries', durationMs, retryPeriodMs)
    .option('--bind-address <address>', 'address to listen on', '0.0.0.0')
    .option('--port <port>', 'health and metrics over HTTP; 0 for none', portNumber, 10_252)
    .option('--secure-port <port>', 'health and metrics over HTTPS; 0 for none', portNumber, 10_257)
    .option('--tls-cert-file <file>', 'certificate for the secure port')
    .option('--tls-private-key-file <file>', 'key for the secure port')
    .option('--cluster-signing-cert-file <file>', 'the authority that signs certificate requests')
    .option('--cluster-signing-key-file <file>', "the authority's key")
    .option(
      '--cluster-signing-duration <time>',
      'the longest life of a signed certificate',
      durationMs,
      8_760 * 3_600_000,
    )
    .option('--root-ca-file <file>', "the authority published in every namespace; the kubeconfig's by default")
    .option('--cluster-cidr <network>', 'IPv4 network of all pods', '10.244.0.0/16')
    .option('--node-cidr-mask-size <bits>', "mask size of one node's range", wholeNumber, 24)
    .option('--node-monitor-period <time>', 'time between two looks at all nodes', durationMs, 2_000)
    .option('--node-monitor-grace-period <time>', 'silence after which a node is not ready', durationMs, 12_000)
    .option('--node-startup-grace-period <time>', 'the same for a node that never reported', durationMs, 60_000)
    .option('--node-eviction-rate <rate>', 'nodes a second from which pods are evicted', rate, 0.1)
    .option('--secondary-node-eviction-rate <rate>', 'the same in a disrupted large zone', rate, 0.01)
    .option('--large-cluster-size-threshold <nodes>', 'a zone with more nodes is large', wholeNumber, 50)
    .option('--unhealthy-zone-threshold <part>', 'part of not ready nodes that disrupts a zone', rate, 0.55)
    .option('--terminated-pod-gc-threshold <pods>', 'finished pods that are kept; 0 keeps all', wholeNumber, 12_500);
  program.parse([...argv], { from: 'user' });
  const flags = program.opts<Flags>();
  return {
    ...flags,
    leaseDurationMs: flags.leaderElectLeaseDuration,
    renewDeadlineMs: flags.leaderElectRenewDeadline,
    retryPeriodMs: flags.leaderElectRetryPeriod,
    clusterSigningDurationMs: flags.clusterSigningDuration,
    nodeMonitorPeriodMs: flags.nodeMonitorPeriod,
    nodeMonitorGracePeriodMs: flags.nodeMonitorGracePeriod,
    nodeStartupGracePeriodMs: flags.nodeStartupGracePeriod,
    apiserverHosts: [],
  };
}

/** The flags as commander names them, where they are not called as in Options. */
interface Flags
  extends Omit<
    Options,
    | 'leaseDurationMs'
    | 'renewDeadlineMs'
    | 'retryPeriodMs'
    | 'clusterSigningDurationMs'
    | 'nodeMonitorPeriodMs'
    | 'nodeMonitorGracePeriodMs'
    | 'nodeStartupGracePeriodMs'
    | 'apiserverHosts'
  > {
  leaderElectLeaseDuration: number;
  leaderElectRenewDeadline: number;
  leaderElectRetryPeriod: number;
  clusterSigningDuration: number;
  nodeMonitorPeriod: number;
  nodeMonitorGracePeriod: number;
  nodeStartupGracePeriod: number;
}

function rate(text: string): number {
  const value = Number(text);
  if (!/^\d*\.?\d+$/.test(text)) throw new InvalidArgumentError('It must be a number that is not negative.');
  return value;
}
