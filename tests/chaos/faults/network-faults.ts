/**
 * Faults of the network: packets of one machine are dropped, in both directions or in one, by rules in a chain of their
 * own inside that machine's network. Rules name addresses, which are looked up when the fault begins.
 */
import { type Fault, Unavailable } from './fault.ts';
import { places } from './machine-faults.ts';

const chain = 'TRIMASTER-CHAOS';

interface Cut {
  readonly name: string;
  readonly title: string;
  readonly choose: Fault['choose'];
  /** The machines on the other side; all, if left out. */
  readonly from?: (victim: string) => readonly string[];
  readonly incoming: boolean;
  readonly outgoing: boolean;
  /** The part of the packets that is lost; all, if left out. */
  readonly probability?: number;
  /** Leaders inside keep their API server, so nobody has to take over. */
  readonly keepsLeads?: boolean;
  readonly lastsMs?: number;
}

const masters = ['master-1', 'master-2', 'master-3'];
const { leader, node } = places;
const otherMasters = (victim: string): readonly string[] => masters.filter((name) => name !== victim);
const clients = (): readonly string[] => ['lb', 'node-1', 'node-2'];

const cuts: readonly Cut[] = [
  {
    name: 'cut-off-leader',
    title: 'the leading master cut off from everybody',
    ...leader,
    incoming: true,
    outgoing: true,
  },
  {
    name: 'partition-masters',
    title: 'the leading master cut off from the other masters',
    ...leader,
    from: otherMasters,
    incoming: true,
    outgoing: true,
  },
  {
    name: 'partition-clients',
    title: 'the leading master cut off from balancer and nodes',
    ...leader,
    from: clients,
    incoming: true,
    outgoing: true,
    keepsLeads: true,
  },
  {
    name: 'deaf-leader',
    title: 'the leading master hears nothing from the other masters',
    ...leader,
    from: otherMasters,
    incoming: true,
    outgoing: false,
  },
  {
    name: 'mute-leader',
    title: 'nothing from the leading master reaches the other masters',
    ...leader,
    from: otherMasters,
    incoming: false,
    outgoing: true,
  },
  {
    name: 'loss-leader',
    title: '15 % of the leading master’s packets lost',
    ...leader,
    incoming: true,
    outgoing: true,
    probability: 0.15,
    keepsLeads: true,
    lastsMs: 10_000,
  },
  {
    name: 'cut-off-node',
    title: 'a node cut off from everybody',
    ...node,
    incoming: true,
    outgoing: true,
    lastsMs: 30_000,
  },
];

export const networkFaults: readonly Fault[] = cuts.map((cut): Fault => {
  const { name, title, incoming, outgoing, probability, keepsLeads } = cut;
  return {
    name,
    title,
    choose: async (world) => {
      const victim = await cut.choose(world);
      return keepsLeads ? { ...victim, leads: [] } : victim;
    },
    inject: async ({ machines }, { machine }) => {
      const others = cut.from ? await Promise.all(cut.from(machine).map((other) => machines.addressOf(other))) : [''];
      const chance = probability ? `-m statistic --mode random --probability ${probability}` : '';
      const rules = others.flatMap((address) => [
        ...(incoming ? [`-A ${chain}-IN ${address && `-s ${address}`} ${chance} -j DROP`] : []),
        ...(outgoing ? [`-A ${chain}-OUT ${address && `-d ${address}`} ${chance} -j DROP`] : []),
      ]);
      const table = [
        '*filter',
        `:${chain}-IN - [0:0]`,
        `:${chain}-OUT - [0:0]`,
        `-I INPUT ! -i lo -j ${chain}-IN`,
        `-I OUTPUT ! -o lo -j ${chain}-OUT`,
        ...rules,
        'COMMIT',
      ];
      const script = `printf '%s\\n' ${table.map((line) => `'${line}'`).join(' ')} | iptables-restore --noflush && date +%s%3N`;
      const { code, output } = await machines.inNetworkOf(machine, script);
      if (code !== 0) throw new Unavailable(`iptables: ${output.trim()}`);
      return Number(output.trim());
    },
    check: async ({ machines }, { machine }) => {
      const script = `iptables -L ${chain}-IN -nvx; iptables -L ${chain}-OUT -nvx`;
      const { output } = await machines.inNetworkOf(machine, script);
      const dropped = [...output.matchAll(/^\s*(\d+)\s+\d+\s+DROP/gm)].reduce(
        (sum, [, count]) => sum + Number(count),
        0,
      );
      return dropped > 0 ? undefined : 'no packet was dropped';
    },
    heal: async ({ machines }, { machine }) => {
      if (!(await machines.state(machine)).Running) return;
      const ends = ['INPUT ! -i lo', 'OUTPUT ! -o lo'].map(
        (hook) => `-D ${hook} -j ${chain}-${hook.startsWith('IN') ? 'IN' : 'OUT'}`,
      );
      const steps = [...ends, ...['IN', 'OUT'].flatMap((way) => [`-F ${chain}-${way}`, `-X ${chain}-${way}`])];
      const { output } = await machines.inNetworkOf(
        machine,
        `${steps.map((step) => `iptables ${step} 2>/dev/null`).join('; ')}; iptables -S`,
      );
      if (output.includes(chain)) throw new Error(`${machine}: rules are left:\n${output}`);
    },
    lastsMs: cut.lastsMs ?? 6_000,
  };
});
