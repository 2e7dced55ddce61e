/**
 * A wrong clock in one process of a master. Linux lets no process have a time of day of its own, so it is JavaScript's clock that is set
 * wrong in the running process: through Node's own inspector, which SIGUSR1 opens and which listens on loopback inside
 * the master. `Date` is all that the masters' processes know of the time of day, except for what OpenSSL asks about certificates;
 * etcd's clock stays right.
 */
import type { Fault, Victim, World } from './fault.ts';
import type { Machines } from './machines.ts';
import { chooseProcess, type ProcessName, pidOf } from './process-faults.ts';

const skewMs = 300_000;
const offsets = new WeakMap<Victim, number>();

export const clockFaults: readonly Fault[] = (['apiserver', 'scheduler', 'controller-manager'] as const).map(
  (name): Fault => ({
    name: `skew-${name}`,
    title: `the clock of ${name === 'apiserver' ? 'an API server' : `the acting ${name}`} five minutes ahead or behind`,
    // Nobody has to take over: that is what has to be shown.
    choose: async (world) => ({ ...(await chooseProcess(world, name)), leads: [] }),
    inject: async ({ machines, random }, victim) => {
      offsets.set(victim, random.chance(0.5) ? skewMs : -skewMs);
      await setClock(machines, victim, name, offsets.get(victim));
      return Date.now();
    },
    check: async ({ machines }, victim) => {
      const wrongBy = await setClock(machines, victim, name, undefined);
      const wanted = offsets.get(victim) ?? 0;
      return Math.abs(wrongBy - wanted) < 2_000 ? undefined : `its clock is wrong by ${wrongBy} ms, not ${wanted} ms`;
    },
    promise: async (world: World, { machine }) => {
      if (name === 'apiserver') return undefined;
      const leader = await world.leader(name);
      return leader === machine ? undefined : `${leader} took over, though ${machine} had only a wrong clock`;
    },
    heal: async ({ machines }, victim) => {
      if (offsets.has(victim)) await setClock(machines, victim, name, 0);
    },
    lastsMs: 10_000,
  }),
);

/** Sets the clock of a process wrong by so many ms, if they are given; answers by how many it is wrong now. */
async function setClock(machines: Machines, victim: Victim, name: ProcessName, offsetMs?: number): Promise<number> {
  const offset = offsetMs === undefined ? '' : String(offsetMs);
  const command = `node --input-type=module -e "$0" "${pidOf(name)}" "$1"`;
  const { code, output } = await machines.exec(victim.machine, 'sh', '-c', command, script, offset);
  if (code !== 0) throw new Error(`the clock of ${name} in ${victim.machine}: ${output.trim().slice(-300)}`);
  return Number(output.trim());
}

/** Runs in the victim's container. */
const script = `
  const [pid, offset] = process.argv.slice(1);
  process.kill(Number(pid), 'SIGUSR1');
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  let targets;
  for (let i = 0; !targets && i < 100; i += 1) {
    targets = await fetch('http://127.0.0.1:9229/json/list').then((answer) => answer.json()).catch(() => sleep(50));
  }
  if (!targets) throw new Error('no inspector');
  const socket = new WebSocket(targets[0].webSocketDebuggerUrl);
  await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = () => reject(new Error('no connection')); });
  const evaluate = (expression) => new Promise((resolve) => {
    socket.onmessage = ({ data }) => resolve(JSON.parse(data).result.result.value);
    socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression } }));
  });
  const set = \`
    globalThis.trueDate ??= Date;
    globalThis.Date = class extends trueDate {
      constructor(...args) { if (args.length === 0) super(trueDate.now() + \${offset}); else super(...args); }
      static now() { return trueDate.now() + \${offset}; }
    };
  \`;
  if (offset === '0') await evaluate('if (globalThis.trueDate) globalThis.Date = trueDate; delete globalThis.trueDate;');
  else if (offset !== '') await evaluate(set);
  console.log(await evaluate('Date.now()') - Date.now());
  await evaluate("setTimeout(() => process.getBuiltinModule('node:inspector').close(), 50); 0");
  socket.close();
`;
