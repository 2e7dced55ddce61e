/** The command line of the API server. Flags are Kubernetes' own where Kubernetes has them. */
import { type Command, InvalidArgumentError } from 'commander';
import { commaList, command, durationMs, portNumber, wholeNumber } from '../api/flags.ts';
import { pluginNames } from './admission/chain.ts';
import { parseTrustedPeers, type TrustedPeers } from './http/proxy-protocol.ts';

export interface Options {
  readonly securePort: number;
  readonly bindAddress: string;
  /** '' for an address of this machine. */
  readonly advertiseAddress: string;
  readonly etcdServers: readonly string[];
  readonly etcdSocket?: string;
  readonly mastersFile?: string;
  readonly etcdCafile?: string;
  readonly etcdCertfile?: string;
  readonly etcdKeyfile?: string;
  readonly clientCaFile: string;
  readonly tlsCertFile: string;
  readonly tlsPrivateKeyFile: string;
  readonly tokenAuthFile?: string;
  readonly serviceAccountKeyFile: readonly string[];
  readonly serviceAccountSigningKeyFile?: string;
  readonly serviceAccountIssuer: readonly string[];
  readonly serviceAccountJwksUri?: string;
  /** Empty: the issuers. */
  readonly apiAudiences: readonly string[];
  readonly kubeletCertificateAuthority?: string;
  readonly kubeletClientCertificate?: string;
  readonly kubeletClientKey?: string;
  readonly proxyClientCertFile?: string;
  readonly proxyClientKeyFile?: string;
  readonly requestheaderClientCaFile?: string;
  readonly requestheaderAllowedNames: readonly string[];
  readonly requestheaderUsernameHeaders: readonly string[];
  readonly requestheaderUidHeaders: readonly string[];
  readonly requestheaderGroupHeaders: readonly string[];
  readonly requestheaderExtraHeadersPrefix: readonly string[];
  readonly kubeletPreferredAddressTypes: readonly string[];
  readonly serviceClusterIpRange: string;
  readonly serviceNodePortRange: string;
  readonly enableAdmissionPlugins: readonly string[];
  readonly disableAdmissionPlugins: readonly string[];
  readonly defaultNotReadyTolerationSeconds: number;
  readonly defaultUnreachableTolerationSeconds: number;
  readonly requestTimeout: number;
  readonly maxRequestsInflight: number;
  readonly maxMutatingRequestsInflight: number;
  readonly shutdownDelayDuration: number;
  readonly auditPolicyFile?: string;
  readonly auditLogPath?: string;
  /** Days. */
  readonly auditLogMaxage: number;
  readonly auditLogMaxbackup: number;
  /** Megabytes. */
  readonly auditLogMaxsize: number;
  readonly encryptionProviderConfig?: string;
  readonly encryptionProviderConfigAutomaticReload: boolean;
  readonly proxyProtocol?: TrustedPeers | undefined;
  readonly logLevel: string;
}

/** The command, to be parsed with `.parse()` and read with `.opts<Options>()`. */
export function apiServerCommand(): Command {
  return command('apiserver', 'Serves the Kubernetes API over etcd.')
    .option('--secure-port <port>', 'where HTTPS is served; 0 for a free port', portNumber, 6_443)
    .option('--bind-address <address>', 'the address to listen on', '0.0.0.0')
    .option(
      '--advertise-address <address>',
      'where the members of the cluster reach this API server; by default an address of this machine',
      '',
    )
    .requiredOption('--etcd-servers <urls>', 'etcd members, with commas, the nearest first', commaList)
    .option('--etcd-socket <path>', 'the Unix socket of the first of them, which is used instead of its URL')
    .option('--masters-file <file>', 'says which masters there are, and so members of etcd; followed while this runs')
    .option('--etcd-cafile <file>', 'the authority of the etcd members')
    .option('--etcd-certfile <file>', 'client certificate for etcd')
    .option('--etcd-keyfile <file>', 'its key')
    .requiredOption('--client-ca-file <file>', 'the authority that signs client certificates')
    .requiredOption('--tls-cert-file <file>', 'the serving certificate')
    .requiredOption('--tls-private-key-file <file>', 'its key')
    .option('--token-auth-file <file>', 'bearer tokens, lines of token,user,uid,"group1,group2"')
    .option(
      '--service-account-key-file <file>',
      'a key (PEM, public or private) that service account tokens are verified with; may be repeated',
      repeated,
      [],
    )
    .option('--service-account-signing-key-file <file>', 'the private key that service account tokens are signed with')
    .option(
      '--service-account-issuer <url>',
      'the issuer of service account tokens; may be repeated: the first issues, all are accepted',
      repeated,
      [],
    )
    .option('--service-account-jwks-uri <url>', 'where the issuer says that its keys are; by default this API server')
    .option(
      '--api-audiences <audiences>',
      'for whom tokens must be to be taken here, with commas; by default the issuers',
      commaList,
      [],
    )
    .option('--kubelet-certificate-authority <file>', 'the authority of kubelets; without it they are not verified')
    .option('--kubelet-client-certificate <file>', 'client certificate for kubelets')
    .option('--kubelet-client-key <file>', 'its key')
    .option('--proxy-client-cert-file <file>', 'by which the servers of aggregated APIs know this server')
    .option('--proxy-client-key-file <file>', 'its key')
    .option(
      '--requestheader-client-ca-file <file>',
      'the authority of front proxies: who has its certificate says in headers who asks',
    )
    .option(
      '--requestheader-allowed-names <names>',
      'common names of front proxies, with commas; without them whoever has a certificate of that authority',
      commaList,
      [],
    )
    .option('--requestheader-username-headers <names>', 'headers that name the user', commaList, ['X-Remote-User'])
    .option('--requestheader-uid-headers <names>', 'headers that say its uid', commaList, ['X-Remote-Uid'])
    .option('--requestheader-group-headers <names>', 'headers that name its groups', commaList, ['X-Remote-Group'])
    .option(
      '--requestheader-extra-headers-prefix <prefixes>',
      'what headers begin with that say more of the user',
      commaList,
      ['X-Remote-Extra-'],
    )
    .option(
      '--kubelet-preferred-address-types <types>',
      'which address of a node to use, the most wanted first',
      commaList,
      ['Hostname', 'InternalIP'],
    )
    .option('--service-cluster-ip-range <cidr>', 'addresses of Services', '10.96.0.0/16')
    .option('--service-node-port-range <range>', 'ports of NodePort Services', '30000-32767')
    .option(
      '--enable-admission-plugins <names>',
      `admission plugins that run besides the default ones; all that there are do so by default: ${pluginNames.join(', ')}`,
      admissionPlugins,
      [],
    )
    .option(
      '--disable-admission-plugins <names>',
      'admission plugins that do not run although they do so by default',
      admissionPlugins,
      [],
    )
    .option(
      '--default-not-ready-toleration-seconds <seconds>',
      'how long pods stay on a node that is not ready, unless they say so themselves',
      wholeNumber,
      8,
    )
    .option(
      '--default-unreachable-toleration-seconds <seconds>',
      'the same for a node that cannot be reached',
      wholeNumber,
      8,
    )
    .option('--request-timeout <duration>', 'how long a request that is no stream may take', durationMs, 60_000)
    .option(
      '--max-requests-inflight <count>',
      'with the next one, how many requests the server works on at once; priority levels share them',
      wholeNumber,
      400,
    )
    .option('--max-mutating-requests-inflight <count>', 'is added to it', wholeNumber, 200)
    .option(
      '--shutdown-delay-duration <duration>',
      'how long to serve on, no longer ready, before shutting down',
      durationMs,
      0,
    )
    .option('--audit-policy-file <file>', 'which requests are recorded in the audit log; without it none is')
    .option('--audit-log-path <file>', 'where they are recorded, as lines of JSON; - for standard output')
    .option('--audit-log-maxage <days>', 'how long full files of the audit log are kept; 0 for ever', wholeNumber, 0)
    .option('--audit-log-maxbackup <count>', 'how many full files of it are kept; 0 for all', wholeNumber, 0)
    .option('--audit-log-maxsize <megabytes>', 'how large one of its files gets', wholeNumber, 100)
    .option('--encryption-provider-config <file>', 'which resources are encrypted in etcd, and with which keys')
    .option('--encryption-provider-config-automatic-reload', 'follow that file while the server runs', false)
    .option(
      '--proxy-protocol <peers>',
      'whose word on who their client is counts (PROXY protocol, v1 or v2): addresses and networks with commas, or on for all',
      trustedPeers,
    );
}

function admissionPlugins(text: string): string[] {
  const names = commaList(text);
  const unknown = names.find((name) => !pluginNames.includes(name));
  if (unknown) throw new InvalidArgumentError(`admission-control plugin "${unknown}" is unknown.`);
  return names;
}

function trustedPeers(text: string): TrustedPeers | undefined {
  try {
    return parseTrustedPeers(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

const repeated = (value: string, before: readonly string[]): string[] => [...before, value];
