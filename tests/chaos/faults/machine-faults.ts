/** Faults of whole machines: masters, nodes and the balancer are killed, stopped and paused. */
import { roles } from '../witness/messages.ts';
import type { Fault, Victim, World } from './fault.ts';

/** Kinds of ending, each with how it is undone and how it shows. */
const endings = {
  kill: {
    says: 'SIGKILL of',
    lastsMs: 3_000,
    do: ({ machines }: World, { machine }: Victim) => machines.kill(machine),
    check: async ({ machines }: World, { machine }: Victim) =>
      (await machines.state(machine)).Running ? 'it still runs' : undefined,
    undo: ({ machines }: World, { machine }: Victim) => machines.start(machine),
  },
  stop: {
    says: 'clean stop of',
    lastsMs: 3_000,
    do: ({ machines }: World, { machine }: Victim) => machines.stop(machine),
    check: async ({ machines }: World, { machine }: Victim) =>
      (await machines.state(machine)).Running ? 'it still runs' : undefined,
    undo: ({ machines }: World, { machine }: Victim) => machines.start(machine),
  },
  pause: {
    says: 'pause of',
    lastsMs: 6_000,
    do: ({ machines }: World, { machine }: Victim) => machines.pause(machine),
    check: async ({ machines }: World, { machine }: Victim) =>
      (await machines.state(machine)).Paused ? undefined : 'it is not paused',
    undo: ({ machines }: World, { machine }: Victim) => machines.unpause(machine),
  },
} as const;

export const places = {
  leader: {
    says: 'the master that holds every lead and the etcd leader',
    choose: async (world: World): Promise<Victim> => ({ machine: await world.gatherLeads(), leads: roles }),
  },
  follower: {
    says: 'a master that leads nothing',
    choose: async (world: World): Promise<Victim> => {
      const leader = await world.gatherLeads();
      const others = ['master-1', 'master-2', 'master-3'].filter((name) => name !== leader);
      return { machine: world.random.chance(0.5) ? others[0]! : others[1]!, leads: [] };
    },
  },
  balancer: {
    says: 'the balancer with the most clients',
    choose: async ({ machines }: World): Promise<Victim> => {
      const states = await machines.balancerStates();
      const [busiest] = states.toSorted((a, b) => b.connections - a.connections);
      if (!busiest) throw new Error('there is no balancer');
      return { machine: busiest.balancer, leads: [] };
    },
  },
  node: {
    says: 'a node',
    choose: async ({ random }: World): Promise<Victim> => ({
      machine: random.chance(0.5) ? 'node-1' : 'node-2',
      leads: [],
    }),
  },
} as const;

/** Long enough that the pods of a node move. */
const nodeLastsMs = 30_000;

export const machineFaults: readonly Fault[] = Object.entries(endings).flatMap(([ending, how]) =>
  Object.entries(places).map(
    ([place, { says, choose }]): Fault => ({
      name: `${ending}-${place}`,
      title: `${how.says} ${says}`,
      choose,
      inject: async (world, victim) => {
        await how.do(world, victim);
        return undefined;
      },
      check: how.check,
      heal: how.undo,
      lastsMs: place === 'node' ? nodeLastsMs : how.lastsMs,
      leaderSleeps: ending === 'pause' && place === 'leader',
    }),
  ),
);
