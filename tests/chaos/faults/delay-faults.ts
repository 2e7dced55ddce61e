/**
 * Delay and jitter of what a master sends. Where the kernel has netem, netem does it. Elsewhere a proxy in the master's own
 * network holds the bytes back: what others connect to, and the master's own connections to the other masters, are led through
 * it by rules of the nat table. Connections that were there before are ended, at both ends, so that none goes past it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Fault, Unavailable, type Victim, type World } from './fault.ts';
import { places } from './machine-faults.ts';
import { nodeImage } from './machines.ts';

const [delayMs, jitterMs] = [100, 50];
const servedPorts = [6_443, 2_379, 2_380];
const masters = ['master-1', 'master-2', 'master-3'];
const chain = 'TRIMASTER-DELAY';
/** Who the proxy is, so that its own connections go straight. */
const uid = 65_534;

export const delayFaults: readonly Fault[] = [
  {
    name: 'delay-leader',
    title: `${delayMs} ms ± ${jitterMs} ms added to what the leading master sends`,
    choose: async (world) => ({ ...(await places.leader.choose(world)), leads: [] }),
    inject: async (world, victim) => (await viaNetem(world, victim)) ?? viaProxy(world, victim),
    check: async ({ machines }, { machine }) => {
      const { output } = await machines.inNetworkOf(machine, 'tc qdisc show dev eth0');
      if (output.includes('netem')) return undefined;
      const { running, output: told } = await machines.helper(machine);
      if (!running) return `the proxy has ended: ${told.slice(-300)}`;
      return /held back [1-9]/.test(told) ? undefined : `nothing was held back: ${told.slice(-300)}`;
    },
    heal: async ({ machines }, { machine }) => {
      await machines.endHelper(machine);
      if (!(await machines.state(machine)).Running) return;
      const { output } = await machines.inNetworkOf(
        machine,
        `tc qdisc del dev eth0 root netem 2>/dev/null; ${removal}; iptables-save`,
      );
      if (output.includes(chain)) throw new Error(`${machine}: rules are left:\n${output}`);
    },
    lastsMs: 10_000,
  },
];

/** When it began; undefined where the kernel has no netem. */
async function viaNetem({ machines }: World, { machine }: Victim): Promise<number | undefined> {
  const script = `tc qdisc add dev eth0 root netem delay ${delayMs}ms ${jitterMs}ms && date +%s%3N`;
  const { code, output } = await machines.inNetworkOf(machine, script);
  return code === 0 ? Number(output.trim()) : undefined;
}

async function viaProxy({ machines }: World, { machine }: Victim): Promise<number> {
  const others = masters.filter((name) => name !== machine);
  const addresses = await Promise.all(others.map((other) => machines.addressOf(other)));
  const incoming = servedPorts.map((port, i) => ({ listen: 21_000 + i, host: '127.0.0.1', port, held: 'answers' }));
  const outgoing = addresses
    .flatMap((host) => servedPorts.map((port) => ({ host, port })))
    .map(({ host, port }, i) => ({ listen: 22_000 + i, host, port, held: 'requests' }));
  const redirects = [
    ...incoming.map(
      ({ listen, port }) => `-A ${chain} ! -i lo -p tcp --dport ${port} -j REDIRECT --to-ports ${listen}`,
    ),
    ...outgoing.map(
      ({ listen, host, port }) =>
        `-A ${chain}-OUT -d ${host} -p tcp --dport ${port} -m owner ! --uid-owner ${uid} -j REDIRECT --to-ports ${listen}`,
    ),
  ];
  const table = [
    ...['*nat', `:${chain} - [0:0]`, `:${chain}-OUT - [0:0]`, `-I PREROUTING -j ${chain}`, `-I OUTPUT -j ${chain}-OUT`],
    ...[...redirects, 'COMMIT'],
  ];
  const rules = table.map((line) => `'${line}'`).join(' ');
  const script = `
    trap 'kill $!; ${removal}; exit' TERM
    node -e "$0" '${JSON.stringify([...incoming, ...outgoing])}' & sleep 1
    printf '%s\\n' ${rules} | iptables-restore --noflush || exit 1
    [ $(ss -K -tnH state established | wc -l) -gt 0 ] || { echo 'the kernel cannot end open connections'; exit 1; }
    echo begun; wait $!`;
  await machines.startHelper(machine, nodeImage, 'sh', '-c', script, proxy);
  for (let look = 0; look < 100; look += 1) {
    const { running, output } = await machines.helper(machine);
    if (output.includes('begun')) return Date.now();
    if (!running) throw new Unavailable(`neither netem nor a proxy: ${output.trim().split('\n').at(-1)}`);
    await sleep(100);
  }
  throw new Error('the proxy did not begin');
}

/** Takes all rules away, as far as they are there. */
const removal = [
  { hook: 'PREROUTING', name: chain },
  { hook: 'OUTPUT', name: `${chain}-OUT` },
]
  .flatMap(({ hook, name }) =>
    [`-D ${hook} -j ${name}`, `-F ${name}`, `-X ${name}`].map((step) => `iptables -t nat ${step} 2>/dev/null`),
  )
  .join('; ');

/** Passes everything on, and holds one direction back; the order of the bytes stays. */
const proxy = `
  const { connect, createServer } = require('node:net');
  let held = 0;
  setInterval(() => console.log('held back ' + held), 1000);
  const hold = (from, to) => {
    const waiting = [];
    let last = 0;
    const later = (send) => {
      last = Math.max(last, Date.now() + ${delayMs} + (Math.random() * 2 - 1) * ${jitterMs});
      waiting.push(send);
      held += 1;
      setTimeout(() => waiting.shift()(), last - Date.now());
    };
    from.on('data', (bytes) => later(() => to.write(bytes)));
    from.on('end', () => later(() => to.end()));
  };
  for (const { listen, host, port, held: which } of JSON.parse(process.argv[1])) {
    createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      const server = connect({ host, port, allowHalfOpen: true, noDelay: true });
      const requests = which === 'requests';
      hold(requests ? client : server, requests ? server : client);
      (requests ? server : client).pipe(requests ? client : server);
      for (const [one, other] of [[client, server], [server, client]]) one.on('error', () => other.resetAndDestroy());
    }).listen(listen);
  }
  process.setgid(${uid});
  process.setuid(${uid});
`;
