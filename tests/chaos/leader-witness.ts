/**
 * Asks every scheduler and controller manager all the time whether it leads, from a process of its own inside the cluster's
 * network. What it saw tells whether two ever led at once, and when a new one began.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export type Role = 'scheduler' | 'controller-manager';

interface Sample {
  /** Of `performance.now()`. */
  readonly atMs: number;
  readonly role: Role;
  /** The masters whose process said that it leads. */
  readonly leaders: readonly string[];
}

/** Runs in the container of the balancer, which has Node and no part in what is asked. */
const script = `
  const ports = { scheduler: 10251, 'controller-manager': 10252 };
  const ask = async (url) => {
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(300) });
      return (await answer.json()).isSelf === true;
    } catch { return false; }
  };
  process.stdin.resume().on('end', () => process.exit());
  for (;;) {
    for (const [role, port] of Object.entries(ports)) {
      const said = await Promise.all(['master-1', 'master-2', 'master-3'].map(async (master) =>
        (await ask('http://' + master + ':' + port + '/leader')) ? [master] : []));
      console.log(JSON.stringify({ role, leaders: said.flat() }));
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
`;

export class LeaderWitness {
  readonly #child: ChildProcess;
  readonly #samples: Sample[] = [];

  constructor(container: string) {
    this.#child = spawn('docker', ['exec', '-i', container, 'node', '--input-type=module', '-e', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    if (!this.#child.stdout) throw new Error('no output of docker exec');
    createInterface(this.#child.stdout).on('line', (line) => {
      this.#samples.push({ atMs: performance.now(), ...JSON.parse(line) });
    });
  }

  stop(): void {
    this.#child.stdin?.end();
  }

  get count(): number {
    return this.#samples.length;
  }

  /** Samples in which more than one process said that it leads. */
  doubles(): Sample[] {
    return this.#samples.filter(({ leaders }) => leaders.length > 1);
  }

  /** Who leads by the newest sample. */
  leader(role: Role): string | undefined {
    return this.#samples.findLast((sample) => sample.role === role)?.leaders[0];
  }

  /** How long after `fromMs` another than `previous` led; undefined if none has yet. */
  takeoverMs(role: Role, previous: string, fromMs: number): number | undefined {
    const next = this.#samples.find(
      (sample) => sample.role === role && sample.atMs > fromMs && sample.leaders.some((leader) => leader !== previous),
    );
    return next && next.atMs - fromMs;
  }
}
