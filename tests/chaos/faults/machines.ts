/**
 * The containers of one compose project as machines that can be broken: through the engine's API, so that injecting and
 * healing need nothing of the cluster. No other container is ever touched.
 */

import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import Docker from 'dockerode';

const tag = process.env.TRIMASTER_IMAGE_TAG ?? 'latest';
/** Has iptables and tc; the masters' image does not. */
export const nodeImage = `trimaster/node:${tag}`;
/** Has what signs certificates. */
const masterImage = `trimaster/master:${tag}`;

export interface Finished {
  readonly code: number;
  readonly output: string;
}

/** What `/state` of a balancer says, as far as it is used here. */
export interface BalancerState {
  readonly connections: number;
  readonly backends: readonly { readonly name: string; readonly health: string; readonly detail?: string }[];
}

/** No command that is run in a machine takes longer, unless the machine is held up; healing must not wait for it for ever. */
const execWithinMs = 30_000;

/** Of the first balancer; each of the others has the next one. */
const adminPort = 8_404;

export class Machines {
  readonly project: string;
  readonly #docker = new Docker();

  constructor(project: string) {
    this.project = project;
  }

  /** The balancers in front of the masters, by what the project runs. */
  async balancers(): Promise<string[]> {
    const filters = { label: [`com.docker.compose.project=${this.project}`] };
    const services = (await this.#docker.listContainers({ all: true, filters })).map(
      ({ Labels }) => Labels['com.docker.compose.service'] ?? '',
    );
    // `lb` alone is the balancer; beside others it only keeps their network.
    const several = services.filter((service) => /^lb-\d+$/.test(service)).toSorted();
    return several.length > 0 ? several : ['lb'];
  }

  /** What each balancer that runs says of itself and of the masters. */
  async balancerStates(): Promise<({ balancer: string } & BalancerState)[]> {
    const balancers = await this.balancers();
    const asked = balancers.map(async (balancer, index) => {
      const script = `fetch('http://127.0.0.1:${adminPort + index}/state').then((a) => a.text()).then(console.log)`;
      const { output } = await this.exec(balancer, 'node', '-e', script);
      return { balancer, ...(JSON.parse(output) as BalancerState) };
    });
    return Promise.all(asked);
  }

  /** SIGKILL for every process, as a machine that loses its power. */
  async kill(machine: string): Promise<void> {
    await this.#container(machine).kill();
  }

  /** As `docker stop`: time to hand over, then SIGKILL. */
  async stop(machine: string): Promise<void> {
    await this.#container(machine).stop({ t: 20 });
  }

  async pause(machine: string): Promise<void> {
    await this.#container(machine).pause();
  }

  /** Does nothing where it is not paused, or is gone. */
  async unpause(machine: string): Promise<void> {
    if ((await this.state(machine)).Paused) await this.#container(machine).unpause();
  }

  /** Does nothing where it runs. */
  async start(machine: string): Promise<void> {
    if (!(await this.state(machine)).Running) await this.#container(machine).start();
  }

  async state(machine: string): Promise<{ Running: boolean; Paused: boolean; StartedAt: string }> {
    return (await this.#container(machine).inspect()).State;
  }

  async addressOf(machine: string): Promise<string> {
    const { Networks } = (await this.#container(machine).inspect()).NetworkSettings;
    const address = Networks[`${this.project}_cluster`]?.IPAddress;
    if (!address) throw new Error(`${machine} has no address`);
    return address;
  }

  /** The last lines that a machine printed. */
  async log(machine: string, lines: number): Promise<string> {
    return this.#logOf(this.#container(machine), { tail: lines });
  }

  /** Runs a command in a machine, whatever its exit code; after half a minute it is given up, with -1. */
  async exec(machine: string, ...command: string[]): Promise<Finished> {
    const exec = await this.#container(machine).exec({ Cmd: command, AttachStdout: true, AttachStderr: true });
    const stream = await exec.start({});
    const timer = setTimeout(() => stream.destroy(), execWithinMs);
    const output = await this.#read(stream);
    clearTimeout(timer);
    return { code: (await exec.inspect()).ExitCode ?? -1, output };
  }

  /** Runs a shell script that must succeed, and gives what it printed. */
  async shell(machine: string, script: string): Promise<string> {
    const { code, output } = await this.exec(machine, 'sh', '-c', script);
    if (code !== 0) throw new Error(`${machine}: ${script}: exit code ${code}\n${output}`);
    return output;
  }

  /**
   * Runs a script with tools in a machine's network, from a container that is gone afterwards: nothing is needed in the
   * machine itself, nor on the host. Rules end with the machine's network, at the latest when its container stops.
   */
  async inNetworkOf(machine: string, script: string): Promise<Finished> {
    return this.#script(script, { NetworkMode: `container:${this.#name(machine)}`, CapAdd: ['NET_ADMIN', 'NET_RAW'] });
  }

  /** Runs a script with a machine's volumes, which may be stopped. */
  async withVolumesOf(machine: string, script: string): Promise<Finished> {
    return this.#script(script, { NetworkMode: 'none', VolumesFrom: [this.#name(machine)] });
  }

  async #script(script: string, host: Docker.HostConfig): Promise<Finished> {
    return this.#tool({ Image: nodeImage, Entrypoint: ['sh', '-c', script], Cmd: [], HostConfig: host });
  }

  /** Runs a script of the masters' image with the keys and certificates of all, under /pki. */
  async withPki(...command: string[]): Promise<Finished> {
    const [program = '', ...args] = command;
    return this.#tool({
      Image: masterImage,
      Entrypoint: [program],
      Cmd: args,
      HostConfig: { NetworkMode: 'none', VolumesFrom: [this.#name('pki')] },
    });
  }

  /** Lets a one-shot service run once more. Rejects when it fails. */
  async again(service: string): Promise<void> {
    const container = this.#container(service);
    await container.start();
    const { StatusCode } = await container.wait();
    if (StatusCode !== 0) throw new Error(`${service} ended with exit code ${StatusCode}`);
  }

  /**
   * Starts a program beside a machine: in its network, its process table and with its volumes. It runs until `endHelper`, at the
   * latest until the machine stops.
   */
  async startHelper(machine: string, image: string, ...command: string[]): Promise<void> {
    const [program = '', ...args] = command;
    const beside = `container:${this.#name(machine)}`;
    const container = await this.#docker.createContainer({
      name: this.#helper(machine),
      Image: image,
      Entrypoint: [program],
      Cmd: args,
      Healthcheck: { Test: ['NONE'] },
      Labels: { 'com.docker.compose.project': this.project },
      HostConfig: {
        NetworkMode: beside,
        PidMode: beside,
        VolumesFrom: [this.#name(machine)],
        CapAdd: ['NET_ADMIN', 'NET_RAW', 'SYS_PTRACE'],
      },
    });
    await container.start();
  }

  /** What the helper has printed so far, and whether it runs still. */
  async helper(machine: string): Promise<{ running: boolean; output: string }> {
    const container = this.#docker.getContainer(this.#helper(machine));
    const { State } = await container.inspect();
    return { running: State.Running, output: await this.#logOf(container, {}) };
  }

  /** Ends it in order, so that it can let go of what it holds; does nothing where there is none. */
  async endHelper(machine: string): Promise<void> {
    const container = this.#docker.getContainer(this.#helper(machine));
    if (!(await container.inspect().catch(() => undefined))) return;
    await container.stop({ t: 3 }).catch(() => {});
    await container.remove({ force: true });
  }

  async #tool(options: Docker.ContainerCreateOptions): Promise<Finished> {
    const container = await this.#docker.createContainer({
      ...options,
      Healthcheck: { Test: ['NONE'] },
      Labels: { 'com.docker.compose.project': this.project },
    });
    try {
      const stream = await container.attach({ stream: true, stdout: true, stderr: true });
      const output = this.#read(stream);
      await container.start();
      const { StatusCode } = await container.wait();
      return { code: StatusCode, output: await output };
    } finally {
      await container.remove({ force: true });
    }
  }

  /** Followed to this moment, because only then it comes as a stream. */
  async #logOf(container: Docker.Container, options: { tail?: number }): Promise<string> {
    const until = Math.ceil(Date.now() / 1_000);
    return this.#read(await container.logs({ stdout: true, stderr: true, follow: true, until, ...options }));
  }

  async #read(stream: NodeJS.ReadableStream): Promise<string> {
    const both = new PassThrough();
    stream.on('end', () => both.end());
    stream.on('close', () => both.end());
    this.#docker.modem.demuxStream(stream, both, both);
    return text(both);
  }

  #container(machine: string): Docker.Container {
    return this.#docker.getContainer(this.#name(machine));
  }

  #helper(machine: string): string {
    return `${this.project}-beside-${machine}`;
  }

  #name(machine: string): string {
    return `${this.project}-${machine}-1`;
  }
}
