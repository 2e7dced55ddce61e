/**
 * Faults of the disk under etcd, which is one directory of a disk that others use too: it is not the disk that is made slow or full, but
 * what the member's process hears from it. strace stops the process at each call that makes data durable (fdatasync, fsync)
 * and lets it last longer, or fail with ENOSPC, as where a disk has no space for what was written. Nothing on the disk is touched.
 * It takes the capability SYS_PTRACE in a container beside the master; where that is refused the faults are unavailable.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Fault, Unavailable, type Victim, type World } from './fault.ts';
import { ensureToolsImage, toolsImage } from './tools-image.ts';

const calls = 'fsync,fdatasync';
const pidFile = '/var/lib/trimaster/run/etcd.pid';

const disks = [
  {
    name: 'slow-disk',
    title: "the disk slow under etcd's leader: 200 ms more for each fsync",
    injection: `${calls}:delay_enter=200000`,
    mark: 'DELAYED',
  },
  {
    name: 'full-disk',
    title: "the disk full under etcd's leader: each fsync fails with ENOSPC",
    injection: `${calls}:error=ENOSPC`,
    mark: 'INJECTED',
  },
] as const;

export const diskFaults: readonly Fault[] = disks.map(
  ({ name, title, injection, mark }): Fault => ({
    name,
    title,
    choose: async (world) => {
      await ensureToolsImage();
      return { machine: await world.etcdLeader(), leads: [] };
    },
    inject: async (world, { machine }) => {
      const trace = `strace -f -qq -e trace=${calls} -e signal=none -e inject=${injection} -p`;
      // A member that dies of it is started again by its supervisor, and finds the disk no better.
      const script = `while :; do ${trace} $(cat ${pidFile}) & wait $!; sleep 0.05; done`;
      const ended = "trap 'kill $(jobs -p); wait; exit' TERM; ";
      await world.machines.startHelper(machine, toolsImage, 'sh', '-c', ended + script);
      return untilSeen(world, machine, mark);
    },
    check: async ({ machines }, { machine }) => {
      const { running, output } = await machines.helper(machine);
      if (!running) return `strace has ended: ${output.slice(-300)}`;
      return output.includes(mark) ? undefined : `no call was reached: ${output.slice(-300)}`;
    },
    heal: ({ machines }: World, { machine }: Victim) => machines.endHelper(machine),
    lastsMs: 10_000,
  }),
);

/** When the first call was reached. Clients write all the time, so a call comes within moments of the attach. */
async function untilSeen({ machines }: World, machine: string, mark: string): Promise<number> {
  for (let look = 0; look < 50; look += 1) {
    const { running, output } = await machines.helper(machine);
    if (output.includes(mark)) return Date.now();
    if (!running || /Operation not permitted|attach: ptrace/.test(output))
      throw new Unavailable(`no ptrace here (${output.trim().split('\n').at(-1)})`);
    await sleep(100);
  }
  return Date.now();
}
