/** The process's flags, checked and turned into options. */
import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { BalancerOptions, ListenAddress } from './balancer.ts';
import { isPolicyName, type PolicyName, policyNames } from './core/choice.ts';
import type { BackendAddress } from './core/pool-state.ts';
import { backendsReader } from './masters-file.ts';
import type { ProxyProtocol } from './proxy-protocol.ts';

export interface ProcessOptions {
  readonly balancer: BalancerOptions;
  /** undefined: no admin port. */
  readonly admin: ListenAddress | undefined;
  readonly exitWithoutNetwork: boolean;
  readonly logLevel: string;
}

interface Flags {
  readonly listen: ListenAddress;
  readonly backend: readonly BackendAddress[];
  readonly mastersFile?: string;
  readonly policy: string;
  readonly healthPath: string;
  readonly checkInterval: number;
  readonly checkTimeout: number;
  readonly suspectTimeout: number;
  readonly connectTimeout: number;
  readonly hedgeDelay: number;
  readonly answerDelay: number;
  readonly establishTimeout: number;
  readonly caFile?: string;
  readonly serverName: string;
  readonly maxConnectionsPerClient: number;
  readonly slowStart: number;
  readonly rebalance: number;
  readonly follow: boolean;
  readonly reusePort: boolean;
  readonly peer?: ListenAddress;
  readonly exitWithoutNetwork: boolean;
  readonly proxyProtocol: ProxyProtocol | 'off';
  readonly admin: ListenAddress | 'off';
  readonly drain: number;
  readonly logLevel: string;
}

/**
 * Reads the flags. `--help` and errors end the process as commander does (an error with one line and code 1), unless
 * `configure` changes the command first.
 */
export function parseOptions(
  argv: readonly string[],
  configure: (command: Command) => void = () => {},
): ProcessOptions {
  const command = createCommand();
  configure(command);
  command.parse([...argv], { from: 'user' });
  const flags = command.opts<Flags>();
  try {
    return toOptions(flags);
  } catch (error) {
    return command.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function createCommand(): Command {
  return new Command('trimaster-lb')
    .description(
      'TCP pass-through balancer for the API servers: connects each client to a master that is up, and never waits for a silent one.',
    )
    .addOption(
      new Option('--listen <host:port>', 'where clients connect')
        .argParser(parseAddress)
        .default({ host: '0.0.0.0', port: 6443 }, '0.0.0.0:6443'),
    )
    .requiredOption(
      '--backend <name=host:port>',
      'a master; give it once for each, or a comma-separated list. The host is looked up anew for each connection',
      parseBackends,
    )
    .option(
      '--masters-file <file>',
      'lists the masters; while it is there it takes the place of --backend, and is followed',
    )
    .addOption(new Option('--policy <policy>', 'how to spread connections').choices(policyNames).default('round-robin'))
    .option('--health-path <path>', 'what a check asks for over TLS; it must answer 200', parsePath, '/readyz')
    .addOption(duration('--check-interval', 'time between two checks of a master', '1s'))
    .addOption(duration('--check-timeout', 'a check without an answer for this long has failed', '750ms'))
    .addOption(duration('--suspect-timeout', 'the same while clients wait for a master that says nothing', '500ms'))
    .addOption(duration('--connect-timeout', 'a connect that takes this long has failed', '500ms'))
    .addOption(
      duration('--hedge-delay', 'without a connection for this long, the next master is tried beside', '150ms'),
    )
    .addOption(
      duration(
        '--answer-delay',
        'without an answer to a TLS hello for this long, the next master gets it too',
        '250ms',
      ),
    )
    .addOption(duration('--establish-timeout', 'how long a client waits while no master can be reached', '5s'))
    .option(
      '--ca-file <file>',
      "PEM file of the CA that must have signed the masters' certificates; not verified without it",
    )
    .option('--server-name <name>', "the name that the masters' certificates must be valid for", 'kubernetes')
    .addOption(
      new Option('--admin <host:port>', 'where /healthz, /readyz, /state and /metrics are; "off" for none')
        .argParser(parseAdmin)
        .default({ host: '0.0.0.0', port: 8404 }, '0.0.0.0:8404'),
    )
    .option(
      '--max-connections-per-client <count>',
      'connections that one client address may have at a time; 0 for no limit',
      parseCount,
      0,
    )
    .addOption(duration('--slow-start', 'a master that has come back takes this long to its full share', '10s'))
    .addOption(
      duration(
        '--rebalance',
        'how often a quiet connection is moved from a master that has far more of them than another; 0s for never',
        '5s',
      ),
    )
    .option('--follow', 'balance over the masters that the cluster itself lists, too; needs --ca-file', false)
    .option('--reuse-port', 'listen beside another balancer at the same address; the kernel spreads the clients', false)
    .option('--peer <host:port>', "that balancer's admin port: if it turns silent, take its clients", parseAddress)
    .option(
      '--exit-without-network',
      'exit when only loopback is left, to be restarted in the network of the container that this one shares',
      false,
    )
    .addOption(
      new Option('--proxy-protocol <version>', 'tell the masters who the client is; they must expect that')
        .choices(['off', 'v1', 'v2'])
        .default('off'),
    )
    .addOption(duration('--drain', 'how long connections may go on after SIGTERM', '10s'))
    .addOption(
      new Option('--log-level <level>', 'least level that is logged')
        .choices(['trace', 'debug', 'info', 'warn', 'error', 'fatal'])
        .default('info'),
    )
    .allowExcessArguments(false)
    .showHelpAfterError('(--help shows all flags)');
}

function duration(flag: string, description: string, value: string): Option {
  return new Option(`${flag} <duration>`, description).argParser(parseDuration).default(parseDuration(value), value);
}

function toOptions(flags: Flags): ProcessOptions {
  if (flags.peer !== undefined && !flags.reusePort) throw new Error('--peer needs --reuse-port');
  if (flags.follow && flags.caFile === undefined) throw new Error('--follow needs --ca-file');
  return {
    balancer: {
      listen: flags.listen,
      backends: flags.backend,
      ...(flags.mastersFile === undefined ? {} : { listed: backendsReader(flags.mastersFile) }),
      policy: toPolicy(flags.policy),
      healthPath: flags.healthPath,
      checkIntervalMs: flags.checkInterval,
      checkTimeoutMs: flags.checkTimeout,
      suspectTimeoutMs: flags.suspectTimeout,
      maxConnectionsPerClient: flags.maxConnectionsPerClient,
      slowStartMs: flags.slowStart,
      rebalanceMs: flags.rebalance,
      follow: flags.follow,
      reusePort: flags.reusePort,
      ...(flags.peer === undefined ? {} : { peer: flags.peer }),
      ...(flags.proxyProtocol === 'off' ? {} : { proxyProtocol: flags.proxyProtocol }),
      connectTimeoutMs: flags.connectTimeout,
      hedgeDelayMs: flags.hedgeDelay,
      answerDelayMs: flags.answerDelay,
      establishTimeoutMs: flags.establishTimeout,
      serverName: flags.serverName,
      drainMs: flags.drain,
      ...(flags.caFile === undefined ? {} : { ca: readCa(flags.caFile) }),
    },
    admin: flags.admin === 'off' ? undefined : flags.admin,
    exitWithoutNetwork: flags.exitWithoutNetwork,
    logLevel: flags.logLevel,
  };
}

function toPolicy(text: string): PolicyName {
  if (!isPolicyName(text)) throw new Error(`--policy must be one of ${policyNames.join(', ')}`);
  return text;
}

function readCa(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new Error(`cannot read --ca-file: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

function parseBackends(text: string, previous: readonly BackendAddress[] = []): readonly BackendAddress[] {
  const all = [...previous];
  for (const part of text.split(',')) {
    const [name, address, ...more] = part.trim().split('=');
    if (name === undefined || name === '' || address === undefined || more.length > 0) {
      throw new InvalidArgumentError(`${JSON.stringify(part)} is not name=host:port.`);
    }
    if (all.some((backend) => backend.name === name)) {
      throw new InvalidArgumentError(`the name ${JSON.stringify(name)} is given twice.`);
    }
    all.push({ name, ...parseAddress(address) });
  }
  return all;
}

/** `host:port`, an IPv6 address in brackets. */
function parseAddress(text: string): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]/]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !(port <= 65_535)) {
    throw new InvalidArgumentError(`${JSON.stringify(text)} is not host:port.`);
  }
  return { host, port };
}

function parseAdmin(text: string): ListenAddress | 'off' {
  return text === 'off' ? text : parseAddress(text);
}

function parsePath(text: string): string {
  if (!/^\/\S*$/.test(text)) throw new InvalidArgumentError('A path begins with a slash.');
  return text;
}

function parseCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError(`${JSON.stringify(text)} is not a count.`);
  return Number(text);
}

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Go's notation of durations, as Kubernetes' flags have it: 500ms, 1.5s, 1m30s. In milliseconds. */
function parseDuration(text: string): number {
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) {
    throw new InvalidArgumentError(`${JSON.stringify(text)} is not a duration such as 500ms, 2s or 1m30s.`);
  }
  let ms = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    ms += Number(amount) * (unitsMs[unit ?? ''] ?? 0);
  }
  return ms;
}
