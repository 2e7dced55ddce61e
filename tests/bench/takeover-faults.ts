/** What `bench:takeover` breaks on the local cluster: a table of faults, and the ways to their victims. */
import type { LocalCluster, LocalMaster } from '../../compose/local-cluster.ts';
import type { ApiClient } from '../support/api-client.ts';
import { within } from '../support/within.ts';
import { holderOf, type Role, roles } from './takeover-witness.ts';

export interface Ground {
  readonly cluster: LocalCluster;
  readonly api: ApiClient;
}

export interface BenchFault {
  readonly title: string;
  /** The master that suffers, prepared for it. */
  readonly choose: (ground: Ground) => Promise<LocalMaster>;
  /** Breaks it; returns when the signals are sent. */
  readonly inject: (master: LocalMaster) => void;
  /** Ends it, as far as the supervisor does not. */
  readonly restore: (master: LocalMaster) => Promise<void>;
  /** Leads that somebody else has to take over. */
  readonly hits: readonly Role[];
  /** Whether it is told how long clients wait: `cut`, some of them must have lost their connection. */
  readonly gaps: 'cut' | 'any' | 'none';
}

const nothing = async (): Promise<void> => {};
const startAgain = async (master: LocalMaster): Promise<void> => {
  await master.exited;
  master.start();
};

export const faults = {
  master: {
    title: "SIGKILL of the master that holds every lead and etcd's leader",
    choose: (ground) => gather(ground, true),
    inject: (master) => master.kill('SIGKILL'),
    restore: startAgain,
    hits: roles,
    gaps: 'cut',
  },
  follower: {
    title: "SIGKILL of a master that is not etcd's leader",
    choose: notEtcdLeader,
    inject: (master) => master.kill('SIGKILL'),
    restore: startAgain,
    hits: [],
    gaps: 'cut',
  },
  pause: {
    title: "SIGSTOP of all processes of the master that holds every lead and etcd's leader",
    choose: (ground) => gather(ground, true),
    inject: (master) => master.pause(),
    restore: async (master) => master.resume(),
    hits: roles,
    gaps: 'cut',
  },
  stop: {
    title: 'clean stop of the master that holds both leads',
    choose: (ground) => gather(ground, false),
    inject: (master) => void master.stop(),
    restore: startAgain,
    hits: roles,
    gaps: 'cut',
  },
  scheduler: {
    title: 'SIGKILL of the acting scheduler alone',
    choose: ({ cluster, api }) => leaderOf(cluster, api, 'scheduler'),
    inject: (master) => master.scheduler.kill('SIGKILL'),
    restore: nothing,
    hits: ['scheduler'],
    gaps: 'none',
  },
  'controller-manager': {
    title: 'SIGKILL of the acting controller manager alone',
    choose: ({ cluster, api }) => leaderOf(cluster, api, 'controllerManager'),
    inject: (master) => master.controllerManager.kill('SIGKILL'),
    restore: nothing,
    hits: ['controllerManager'],
    gaps: 'none',
  },
  nothing: {
    title: 'nothing at all, to compare with',
    choose: notEtcdLeader,
    inject: () => {},
    restore: nothing,
    hits: [],
    gaps: 'any',
  },
} as const satisfies Record<string, BenchFault>;
export type FaultName = keyof typeof faults;

/** Brings both leads to one master, the one with etcd's leader if that matters, and answers which one that is. */
async function gather({ cluster, api }: Ground, atEtcdLeader: boolean): Promise<LocalMaster> {
  const target = atEtcdLeader ? await etcdLeader(cluster) : await leaderOf(cluster, api, 'scheduler');
  for (const role of roles) {
    const leader = await leaderOf(cluster, api, role);
    if (leader === target) continue;
    // Whoever may not win is held up while the present leader steps down.
    const other = cluster.masters.find((master) => master !== leader && master !== target);
    other?.[role].pause();
    try {
      leader[role].kill('SIGTERM');
      await within(
        10,
        () => leaderOf(cluster, api, role),
        (next) => next === target,
      );
    } finally {
      other?.[role].resume();
    }
  }
  await cluster.ready();
  return target;
}

async function leaderOf(cluster: LocalCluster, api: ApiClient, role: Role): Promise<LocalMaster> {
  const { holder } = await holderOf(api, role);
  const leader = cluster.masters.find(({ name }) => holder.startsWith(`${name}_`));
  if (!leader) throw new Error(`no master is ${JSON.stringify(holder)}`);
  return leader;
}

let last: LocalMaster | undefined;

/** Each of the two in turn: one that has come back a moment ago has few clients yet. */
async function notEtcdLeader({ cluster }: Ground): Promise<LocalMaster> {
  const leader = await etcdLeader(cluster);
  const others = cluster.masters.filter((master) => master !== leader);
  last = others.find((master) => master !== last);
  if (!last) throw new Error('there is one master only');
  return last;
}

async function etcdLeader(cluster: LocalCluster): Promise<LocalMaster> {
  const isLeader = async (master: LocalMaster): Promise<boolean> =>
    (await etcdMetric(master, 'etcd_server_is_leader')) === 1;
  return within(
    10,
    async () => {
      for (const master of cluster.masters) if (await isLeader(master)) return master;
      throw new Error('no etcd member leads');
    },
    () => true,
  );
}

/** A figure of a master's etcd member; 0 if it has none. */
export async function etcdMetric({ ports }: LocalMaster, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${ports.etcdMetrics}/metrics`)).text();
  const line = text.split('\n').find((found) => found.startsWith(`${name} `));
  return Number(line?.slice(name.length) ?? 0);
}
