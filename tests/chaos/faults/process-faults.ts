/** Faults of single processes of a master, whose supervisor starts again what ends. */
import type { Role } from '../witness/messages.ts';
import type { Fault, Victim, World } from './fault.ts';

const processes = ['etcd', 'apiserver', 'scheduler', 'controller-manager'] as const;
export type ProcessName = (typeof processes)[number];

const signals = {
  kill: { says: 'SIGKILL of', signal: 'KILL', lastsMs: 4_000 },
  stop: { says: 'SIGTERM of', signal: 'TERM', lastsMs: 4_000 },
  pause: { says: 'SIGSTOP of', signal: 'STOP', lastsMs: 6_000 },
} as const;

/** The pid of a process of a master, as its supervisor wrote it down. */
export const pidOf = (name: ProcessName): string => `$(cat /var/lib/trimaster/run/${name}.pid)`;

export const processFaults: readonly Fault[] = Object.entries(signals).flatMap(([verb, { says, signal, lastsMs }]) =>
  processes.map((name): Fault => {
    const pids = new WeakMap<Victim, string>();
    return {
      name: `${verb}-${name}`,
      title: `${says} ${name === 'etcd' ? "etcd's leader" : name === 'apiserver' ? 'an API server' : `the acting ${name}`} alone`,
      choose: (world) => chooseProcess(world, name),
      inject: async ({ machines }, victim) => {
        const script = `pid=${pidOf(name)}; date +%s%3N; echo $pid; kill -${signal} $pid`;
        const [atMs, pid = ''] = (await machines.shell(victim.machine, script)).trim().split(/\s+/);
        pids.set(victim, pid);
        return Number(atMs);
      },
      check: async ({ machines }, victim) => {
        const { output } = await machines.exec(
          victim.machine,
          'sh',
          '-c',
          `cut -d' ' -f3 /proc/${pids.get(victim)}/stat`,
        );
        if (verb === 'pause') return output.trim() === 'T' ? undefined : `its state is ${output.trim()}`;
        return /^[RSD]$/.test(output.trim()) ? 'it still runs' : undefined;
      },
      heal: async ({ machines }, victim) => {
        const pid = pids.get(victim);
        if (verb === 'pause' && pid) await machines.exec(victim.machine, 'sh', '-c', `kill -CONT ${pid}`);
      },
      lastsMs,
      leaderSleeps: verb === 'pause' && (name === 'scheduler' || name === 'controller-manager'),
    };
  }),
);

/** The process of that name whose end is felt most: the one that leads, where one does. */
export async function chooseProcess(world: World, name: ProcessName): Promise<Victim> {
  if (name === 'etcd') return { machine: await world.etcdLeader(), leads: [] };
  if (name === 'apiserver') return { machine: await world.leader('scheduler'), leads: [] };
  const role: Role = name;
  return { machine: await world.leader(role), leads: [role] };
}
