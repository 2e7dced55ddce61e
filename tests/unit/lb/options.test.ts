import test from 'ava';
import type { Command } from 'commander';
import { parseOptions } from '../../../lb/options.ts';

/** Makes errors exceptions, and gathers what would be printed. */
function parse(...argv: string[]): { options: ReturnType<typeof parseOptions> | undefined; printed: string } {
  let printed = '';
  const configure = (command: Command) => {
    const write = (text: string) => {
      printed += text;
    };
    command.exitOverride().configureOutput({ writeOut: write, writeErr: write });
  };
  try {
    return { options: parseOptions(argv, configure), printed };
  } catch {
    return { options: undefined, printed };
  }
}

test('backends can be given one by one and as lists', (t) => {
  const { options } = parse('--backend', 'a=master-1:6443,b=10.0.0.1:1', '--backend', 'c=[::1]:6443');
  t.deepEqual(options?.balancer.backends, [
    { name: 'a', host: 'master-1', port: 6443 },
    { name: 'b', host: '10.0.0.1', port: 1 },
    { name: 'c', host: '::1', port: 6443 },
  ]);
});

test('what is not given has safe defaults', (t) => {
  const { options } = parse('--backend', 'a=master-1:6443');
  t.like(options?.balancer, {
    listen: { host: '0.0.0.0', port: 6443 },
    policy: 'round-robin',
    healthPath: '/readyz',
    checkIntervalMs: 1_000,
    checkTimeoutMs: 750,
    suspectTimeoutMs: 500,
    maxConnectionsPerClient: 0,
    slowStartMs: 10_000,
    rebalanceMs: 5_000,
    connectTimeoutMs: 500,
    hedgeDelayMs: 150,
    answerDelayMs: 250,
    drainMs: 10_000,
    serverName: 'kubernetes',
  });
  t.deepEqual(options?.admin, { host: '0.0.0.0', port: 8404 });
  t.is(options?.balancer.proxyProtocol, undefined);
});

test('durations are written as Go writes them, and the admin port can be off', (t) => {
  const { options } = parse('--backend', 'a=b:1', '--drain', '1m30s', '--check-interval', '1.5s', '--admin', 'off');
  t.is(options?.balancer.drainMs, 90_000);
  t.is(options?.balancer.checkIntervalMs, 1_500);
  t.is(options?.admin, undefined);
});

for (const [argv, message] of [
  [[], "required option '--backend <name=host:port>' not specified"],
  [['--backend', 'a'], '"a" is not name=host:port.'],
  [['--backend', 'a=b:99999'], '"b:99999" is not host:port.'],
  [['--backend', 'a=b:1,a=c:1'], 'the name "a" is given twice.'],
  [['--backend', 'a=b:1', '--policy', 'random'], 'Allowed choices are round-robin, least-connections.'],
  [['--backend', 'a=b:1', '--drain', '5'], '"5" is not a duration such as 500ms, 2s or 1m30s.'],
  [['--backend', 'a=b:1', '--max-connections-per-client', '-1'], '"-1" is not a count.'],
  [['--backend', 'a=b:1', '--proxy-protocol', 'v3'], 'Allowed choices are off, v1, v2.'],
  [['--backend', 'a=b:1', '--peer', 'c:1'], '--peer needs --reuse-port'],
  [['--backend', 'a=b:1', '--follow'], '--follow needs --ca-file'],
  [['--backend', 'a=b:1', '--ca-file', '/no/such/file'], 'cannot read --ca-file: ENOENT'],
  [['--backend', 'a=b:1', '--bogus'], "unknown option '--bogus'"],
] as const) {
  test(`a bad command line says what is wrong: ${argv.join(' ') || 'no flags'}`, (t) => {
    const { options, printed } = parse(...argv);
    t.is(options, undefined);
    t.true(printed.includes(message), printed);
  });
}

test('--help names every flag', (t) => {
  const { printed } = parse('--help');
  for (const flag of ['listen', 'backend', 'policy', 'ca-file', 'admin', 'drain', 'log-level']) {
    t.true(printed.includes(`--${flag}`), flag);
  }
});
