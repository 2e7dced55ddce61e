/**
 * A compose cluster of the tests' own: project, ports, networks, volumes and kubeconfig beside any cluster that is up.
 * How it is broken is in `faults/`.
 */
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DockerComposeEnvironment, type StartedDockerComposeEnvironment, Wait } from 'testcontainers';
import { run } from '../../compose/system.ts';

export const masters = ['master-1', 'master-2', 'master-3'] as const;

const root = join(import.meta.dirname, '../..');

export class ComposeCluster {
  readonly project: string;
  readonly kubeconfig: string;
  readonly adminPort: number;
  readonly #directory: string;
  /** What tells compose which cluster is meant. */
  readonly #settings: Readonly<Record<string, string>>;
  readonly #environment: StartedDockerComposeEnvironment;

  constructor(
    project: string,
    directory: string,
    adminPort: number,
    settings: Readonly<Record<string, string>>,
    environment: StartedDockerComposeEnvironment,
  ) {
    this.project = project;
    this.#directory = directory;
    this.kubeconfig = join(directory, 'kubeconfig');
    this.adminPort = adminPort;
    this.#settings = settings;
    this.#environment = environment;
  }

  /** Brings the whole cluster up and resolves when every container is healthy. */
  static async start(): Promise<ComposeCluster> {
    const project = process.env.TRIMASTER_TEST_PROJECT ?? `trimaster-test-${process.pid}`;
    const directory = mkdtempSync(join(tmpdir(), `${project}-`));
    const port = await freePort();
    const adminPort = await freePort([port]);
    const settings = {
      COMPOSE_PROJECT_NAME: project,
      TRIMASTER_PORT: String(port),
      TRIMASTER_ADMIN_PORT: String(adminPort),
      TRIMASTER_KUBECONFIG_DIR: directory,
    };
    const environment = new DockerComposeEnvironment(join(root, 'compose'), 'compose.yaml')
      .withProjectName(project)
      .withEnvironment(settings)
      .withDefaultWaitStrategy(Wait.forHealthCheck())
      .withWaitStrategy('pki-1', Wait.forOneShotStartup())
      .withWaitStrategy('bootstrap-1', Wait.forOneShotStartup())
      .withStartupTimeout(120_000);
    return new ComposeCluster(project, directory, adminPort, settings, await environment.up());
  }

  /** What kubectl prints. */
  async kubectl(...args: string[]): Promise<string> {
    return run('kubectl', ['--kubeconfig', this.kubeconfig, ...args], { cwd: root, timeoutMs: 120_000 });
  }

  /** Runs one of the operator's commands (`compose/roll.ts`) on this cluster; rejects with what it said when it fails. */
  async operate(script: string, ...args: string[]): Promise<void> {
    const env = { ...process.env, ...this.#settings };
    await run(process.execPath, [join(root, script), ...args], { cwd: root, env, timeoutMs: 180_000 });
  }

  /** Removes containers, networks and volumes. */
  async remove(): Promise<void> {
    await this.#environment.down({ removeVolumes: true, timeout: 5_000 });
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/**
 * A port of this machine that nobody listens on, and none of those that are taken for something else already. It is below the
 * ports that the kernel and the engine give out by themselves, so that nobody gets it before it is used.
 */
export async function freePort(taken: readonly number[] = []): Promise<number> {
  for (;;) {
    const port = randomInt(lowestPort, lowestDynamicPort);
    if (!taken.includes(port) && (await isFree(port))) return port;
  }
}

const lowestPort = 20_000;
/** Linux' own `net.ipv4.ip_local_port_range`. */
const lowestDynamicPort = 32_768;

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
