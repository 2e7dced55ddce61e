/**
 * Certificates of a master that have expired. They are put in the place of the good ones, signed by the same authority, and the process
 * that serves them is ended, so that it starts with them. It heals as for an operator: the expired ones are removed, the
 * set-up of trust makes those that are missing, and the process starts with these.
 */
import type { Fault, Victim, World } from './fault.ts';
import { type ProcessName, pidOf } from './process-faults.ts';

interface Expiry {
  readonly process: ProcessName;
  readonly title: string;
  readonly choose: (world: World) => Promise<string>;
  /** Under the set-up's directory, without the ending. */
  readonly authority: string;
  readonly port: number;
  readonly certificates: readonly string[];
}

const expiries: readonly Expiry[] = [
  {
    process: 'apiserver',
    title: 'the serving certificate of an API server expired',
    choose: (world) => world.leader('scheduler'),
    authority: 'ca/ca',
    port: 6_443,
    certificates: ['apiserver'],
  },
  {
    process: 'etcd',
    title: "the certificates of etcd's leader expired, for clients and for the other members",
    choose: (world) => world.etcdLeader(),
    authority: 'ca/etcd-ca',
    // Clients are not even answered: it does not come so far without the others.
    port: 2_380,
    certificates: ['etcd/server', 'etcd/peer'],
  },
];

export const certificateFaults: readonly Fault[] = expiries.map((expiry): Fault => {
  const { process, title, authority, port, certificates } = expiry;
  const end = ({ machines }: World, { machine }: Victim): Promise<unknown> =>
    machines.shell(machine, `kill -TERM ${pidOf(process)}`);
  return {
    name: `expired-${process}`,
    title,
    choose: async (world) => ({ machine: await expiry.choose(world), leads: [] }),
    inject: async (world, victim) => {
      const files = certificates.map((name) => `/pki/${victim.machine}/${name}`);
      const args = ['node', '--input-type=module', '-e', issueExpired, victim.machine, `/pki/${authority}`, ...files];
      const { code, output } = await world.machines.withPki(...args);
      if (code !== 0) throw new Error(`no expired certificate: ${output.trim().slice(-300)}`);
      await end(world, victim);
      return Date.now();
    },
    check: async ({ machines }, { machine }) => {
      const args = [
        '--input-type=module',
        '-e',
        shake,
        machine,
        String(port),
        authority === 'ca/ca' ? 'ca' : 'etcd/ca',
      ];
      const { output } = await machines.exec(machine, 'node', ...args);
      return output.trim() === 'CERT_HAS_EXPIRED' ? undefined : `a client hears: ${output.trim().slice(-300)}`;
    },
    ...(process === 'apiserver' ? { promise: balancersSayWhy } : {}),
    heal: async (world, victim) => {
      const files = certificates.flatMap((name) =>
        ['crt', 'key'].map((end) => `/pki/${victim.machine}/${name}.${end}`),
      );
      await world.machines.withPki('rm', '-f', ...files);
      await world.machines.again('pki');
      await end(world, victim);
    },
    lastsMs: 6_000,
  };
});

/** Both balancers turn away from it and say why. */
async function balancersSayWhy({ machines }: World, { machine }: Victim): Promise<string | undefined> {
  const states = await machines.balancerStates();
  const unclear = states.filter(({ backends }) => {
    const found = backends.find(({ name }) => name === machine);
    return found?.health !== 'down' || !/expired/.test(found.detail ?? '');
  });
  return unclear.length === 0 ? undefined : `a balancer does not say that it has expired: ${JSON.stringify(unclear)}`;
}

/** Writes certificates that ended a minute ago, with the names of the good ones. */
const issueExpired = `
  import { readFileSync, writeFileSync } from 'node:fs';
  import { issue } from '/opt/trimaster/compose/certificates.ts';
  const [machine, authority, ...files] = process.argv.slice(1);
  const read = (end) => readFileSync(authority + end, 'utf8');
  const minutesAgo = -1 / (365 * 24 * 60);
  for (const file of files) {
    const names = [machine, 'kubernetes', 'lb', 'localhost', '127.0.0.1'];
    const request = { commonName: machine, names, usages: ['server', 'client'] };
    const { cert, key } = await issue({ cert: read('.crt'), key: read('.key') }, request, minutesAgo);
    writeFileSync(file + '.key', key, { mode: 0o600 });
    writeFileSync(file + '.crt', cert);
  }
`;

/** Says how a client fares that trusts the authority. */
const shake = `
  import { readFileSync } from 'node:fs';
  import { connect } from 'node:tls';
  const [host, port, authority] = process.argv.slice(1);
  const socket = connect({ host, port: Number(port), servername: host, ca: readFileSync('/etc/trimaster/pki/' + authority + '.crt') });
  socket.on('secureConnect', () => { console.log('welcome'); socket.destroy(); });
  socket.on('error', (error) => console.log(error.code));
  socket.setTimeout(3000, () => socket.destroy(new Error('no answer')));
`;
