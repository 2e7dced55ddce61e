/** Faults of the cluster as a whole: what operators do to it, and the loss of what should never be lost. */
import { etcdMembers } from './etcd-gateway.ts';
import type { Fault, Victim, World } from './fault.ts';
import { places } from './machine-faults.ts';

const masters = ['master-1', 'master-2', 'master-3'];
const everything = async (): Promise<Victim> => ({ machine: 'master-1', leads: [] });
const nothing = async (): Promise<undefined> => undefined;
const startAll = async ({ machines }: World): Promise<void> => {
  for (const machine of masters) await machines.start(machine);
};

const addresses = new WeakMap<Victim, readonly string[]>();
/** When each master had been started before it was restarted. */
const starts = new WeakMap<Victim, readonly string[]>();

export const clusterFaults: readonly Fault[] = [
  {
    name: 'nothing',
    title: 'nothing at all, to compare with',
    choose: everything,
    inject: nothing,
    check: nothing,
    heal: nothing,
    lastsMs: 8_000,
  },
  {
    name: 'move-etcd-leader',
    title: 'leadership of etcd moved to another member',
    choose: async (world) => ({ machine: await world.etcdLeader(), leads: [] }),
    inject: async ({ machines, random }, { machine }) => {
      const others = masters.filter((name) => name !== machine);
      return (await etcdMembers(machines, machine, others[random.chance(0.5) ? 0 : 1])).askedMs;
    },
    check: async (world, { machine }) => ((await world.etcdLeader()) === machine ? 'it leads still' : undefined),
    heal: nothing,
    lastsMs: 3_000,
  },
  {
    name: 'toss-etcd-leader',
    title: 'leadership of etcd moved back and forth, eight times',
    choose: async (world) => ({ machine: await world.etcdLeader(), leads: [] }),
    inject: async ({ machines }, { machine }) => {
      const [other = ''] = masters.filter((name) => name !== machine);
      const { askedMs } = await etcdMembers(machines, machine, other);
      for (let move = 1; move < 8; move += 1) {
        const [from, to] = move % 2 === 0 ? [machine, other] : [other, machine];
        await etcdMembers(machines, from, to);
      }
      return askedMs;
    },
    check: async (world, { machine }) =>
      (await world.etcdLeader()) === machine ? undefined : 'it does not lead after an even number of moves',
    heal: nothing,
    lastsMs: 3_000,
  },
  {
    name: 'roll-masters',
    title: 'every master restarted in turn, with npm run roll',
    choose: async (world) => {
      const states = await Promise.all(masters.map((machine) => world.machines.state(machine)));
      const victim = { machine: 'master-1', leads: [] };
      starts.set(
        victim,
        states.map(({ StartedAt }) => StartedAt),
      );
      return victim;
    },
    inject: async (world) => {
      const atMs = Date.now();
      await world.operate('compose/roll.ts');
      return atMs;
    },
    check: async ({ machines }, victim) => {
      const states = await Promise.all(masters.map((machine) => machines.state(machine)));
      const before = starts.get(victim);
      const same = masters.filter((_, index) => states[index]?.StartedAt === before?.[index]);
      return same.length === 0 ? undefined : `not restarted: ${same.join(', ')}`;
    },
    heal: startAll,
    lastsMs: 1_000,
  },
  {
    name: 'kill-all-masters',
    title: 'all masters killed at once',
    choose: everything,
    inject: async ({ machines }) => {
      await Promise.all(masters.map((machine) => machines.kill(machine)));
      return undefined;
    },
    check: async ({ machines }) => {
      const states = await Promise.all(masters.map((machine) => machines.state(machine)));
      return states.some(({ Running }) => Running) ? 'one still runs' : undefined;
    },
    heal: startAll,
    lastsMs: 3_000,
  },
  {
    name: 'new-addresses',
    title: 'all masters stopped, and started again with other addresses',
    choose: everything,
    inject: async ({ machines }, victim) => {
      const before = await Promise.all(masters.map((machine) => machines.addressOf(machine)));
      addresses.set(victim, before);
      const atMs = Date.now();
      await Promise.all(masters.map((machine) => machines.stop(machine)));
      // The engine gives out addresses in order: whoever had the last begins, so that at most one can get its own again.
      const lastFirst = masters
        .map((machine, index) => ({ machine, address: before[index] ?? '' }))
        .toSorted(byAddress);
      for (const { machine } of lastFirst.toReversed()) await machines.start(machine);
      return atMs;
    },
    check: async ({ machines }, victim) => {
      const now = await Promise.all(masters.map((machine) => machines.addressOf(machine)));
      const kept = now.filter((address, index) => address === addresses.get(victim)?.[index]);
      return kept.length > 1 ? `addresses stayed: ${now.join(', ')}` : undefined;
    },
    heal: startAll,
    lastsMs: 3_000,
  },
  {
    name: 'lost-volume',
    title: 'the leading master killed and its data lost',
    choose: places.leader.choose,
    inject: async ({ machines }, { machine }) => {
      await machines.kill(machine);
      const atMs = Date.now();
      await machines.withVolumesOf(machine, 'rm -rf /var/lib/trimaster/*');
      return atMs;
    },
    check: async ({ machines }, { machine }) => {
      const { output } = await machines.withVolumesOf(machine, 'ls /var/lib/trimaster');
      return output.trim() === '' ? undefined : `data is left: ${output.trim()}`;
    },
    heal: async ({ machines }, { machine }) => machines.start(machine),
    lastsMs: 4_000,
  },
];

function byAddress(a: { readonly address: string }, b: { readonly address: string }): number {
  const number = ({ address }: { readonly address: string }): number =>
    address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  return number(a) - number(b);
}
