/**
 * The containers of one compose project as machines that can be broken: through the engine's API, so that injecting and
 * healing need nothing of the cluster. No other container is ever touched.
 */

import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import Docker from 'dockerode';

/** Has iptables and tc; the masters' image does not. */
const toolImage = `trimaster/node:${process.env.TRIMASTER_IMAGE_TAG ?? 'latest'}`;

export interface Finished {
  readonly code: number;
  readonly output: string;
}

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

  /** Runs a command in a machine, whatever its exit code. */
  async exec(machine: string, ...command: string[]): Promise<Finished> {
    const exec = await this.#container(machine).exec({ Cmd: command, AttachStdout: true, AttachStderr: true });
    const output = await this.#read(await exec.start({}));
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
    return this.#tool(script, { NetworkMode: `container:${this.#name(machine)}`, CapAdd: ['NET_ADMIN', 'NET_RAW'] });
  }

  /** Runs a script with a machine's volumes, which may be stopped. */
  async withVolumesOf(machine: string, script: string): Promise<Finished> {
    return this.#tool(script, { NetworkMode: 'none', VolumesFrom: [this.#name(machine)] });
  }

  async #tool(script: string, host: Docker.HostConfig): Promise<Finished> {
    const container = await this.#docker.createContainer({
      Image: toolImage,
      Entrypoint: ['sh', '-c', script],
      Cmd: [],
      Healthcheck: { Test: ['NONE'] },
      Labels: { 'com.docker.compose.project': this.project },
      HostConfig: host,
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

  #name(machine: string): string {
    return `${this.project}-${machine}-1`;
  }
}
