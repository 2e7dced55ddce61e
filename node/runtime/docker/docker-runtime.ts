/**
 * The runtime over a Docker engine on this machine.
 *
 * Identity, attempt and hash are labels, so nothing is kept beside the engine's own state. A sandbox is a container of
 * the pause image on the network `pods`; the pod's containers join its network and IPC namespaces.
 */
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { type Duplex, PassThrough, pipeline, type Readable } from 'node:stream';
import Docker, { type ContainerInspectInfo } from 'dockerode';
import type { Logger } from '../../../master/api/logging.ts';
import type {
  ContainerConfig,
  ContainerUsage,
  ExecResult,
  ImageInfo,
  LogOptions,
  PulledImage,
  RegistryAuth,
  RemoteProcess,
  Runtime,
  RuntimeEvent,
  RuntimePod,
  RuntimeVersion,
  SandboxConfig,
  StreamOptions,
} from '../runtime.ts';
import { containerOptions, type Place, sandboxOptions } from './create-options.ts';
import { engineSays, engineWords, unlessDone } from './engine-error.ts';
import { execIn } from './exec.ts';
import { FirstUsers } from './first-users.ts';
import { jsonLines } from './json-lines.ts';
import { labels, types } from './labels.ts';
import { withoutFrames } from './log-stream.ts';
import { ensureNetwork } from './network.ts';
import { attachTo, openExec } from './remote-process.ts';
import { addressOf, podsOf } from './state.ts';

export interface DockerRuntimeOptions {
  readonly node: string;
  readonly logger: Logger;
  readonly socketPath?: string;
  readonly sandboxImage?: string;
  readonly network?: string;
  readonly bridge?: string;
}

/** The pause image only has to end on SIGTERM; it holds nothing worth waiting for. */
const sandboxStopSeconds = 1;

export class DockerRuntime implements Runtime {
  readonly real = true;
  readonly #docker: Docker;
  readonly #logger: Logger;
  readonly #place: Place;
  readonly #bridge: string;
  readonly #users = new FirstUsers();
  /** Until the engine says that it has no way to limit processor or memory. */
  #limits = true;

  constructor(options: DockerRuntimeOptions) {
    this.#docker = new Docker({ socketPath: options.socketPath ?? '/var/run/docker.sock' });
    this.#logger = options.logger;
    this.#place = {
      node: options.node,
      sandboxImage: options.sandboxImage ?? 'trimaster/pause:1',
      network: options.network ?? 'pods',
    };
    this.#bridge = options.bridge ?? 'tm0';
  }

  async version(): Promise<RuntimeVersion> {
    const { Version } = await this.#docker.version();
    return { name: 'docker', version: Version };
  }

  async setPodCidr(cidr: string): Promise<void> {
    const names = { network: this.#place.network, bridge: this.#bridge };
    await ensureNetwork(this.#docker, names, cidr, { [labels.node]: this.#place.node });
  }

  async listPods(): Promise<RuntimePod[]> {
    return await this.#list([`${labels.node}=${this.#place.node}`]);
  }

  async podState(uid: string): Promise<RuntimePod | undefined> {
    const pods = await this.#list([`${labels.node}=${this.#place.node}`, `${labels.podUid}=${uid}`]);
    return pods[0];
  }

  async runSandbox(config: SandboxConfig): Promise<string> {
    const id = await this.#create(sandboxOptions(config, this.#place));
    const container = this.#docker.getContainer(id);
    await asEngineWords(container.start());
    if (config.resolvConf !== undefined) {
      const { ResolvConfPath } = await container.inspect();
      if (ResolvConfPath) await writeFile(ResolvConfPath, config.resolvConf);
    }
    return id;
  }

  async stopSandbox(id: string): Promise<void> {
    await unlessDone(this.#docker.getContainer(id).stop({ t: sandboxStopSeconds }));
  }

  async removeSandbox(id: string): Promise<void> {
    await this.removeContainer(id);
  }

  async createContainer(sandboxId: string, config: ContainerConfig): Promise<string> {
    const options = (limits: boolean) => containerOptions(sandboxId, config, this.#place, limits);
    return await this.#create(options(this.#limits), () => this.#create(options(false)));
  }

  async startContainer(id: string): Promise<void> {
    try {
      await this.#docker.getContainer(id).start();
    } catch (error) {
      // Some engines find out only now; the container that the kubelet makes next has no limits.
      if (this.#limits && /cgroup/i.test(engineWords(error))) this.#giveUpLimits(error);
      throw new Error(engineWords(error), { cause: error });
    }
  }

  async stopContainer(id: string, gracePeriodSeconds: number): Promise<void> {
    const container = this.#docker.getContainer(id);
    if (gracePeriodSeconds > 0) return await unlessDone(container.stop({ t: gracePeriodSeconds }));
    try {
      await container.kill();
    } catch (error) {
      // 409: it does not run (any more).
      if (!engineSays(error, 404, 409)) throw error;
    }
    await unlessDone(container.wait());
  }

  async removeContainer(id: string): Promise<void> {
    this.#users.forget(id);
    try {
      await unlessDone(this.#docker.getContainer(id).remove({ force: true, v: true }));
    } catch (error) {
      // 409: a removal is under way already.
      if (!engineSays(error, 409)) throw error;
    }
  }

  async exec(id: string, command: readonly string[], timeoutMs: number): Promise<ExecResult> {
    return await execIn(this.#docker.getContainer(id), command, timeoutMs);
  }

  async openExec(id: string, command: readonly string[], streams: StreamOptions): Promise<RemoteProcess> {
    return await asEngineWords(openExec(this.#docker.getContainer(id), command, streams));
  }

  async attach(id: string, streams: StreamOptions): Promise<RemoteProcess> {
    return await asEngineWords(attachTo(this.#docker.getContainer(id), streams));
  }

  async connect(sandboxId: string, port: number): Promise<Duplex> {
    const sandbox = await this.#inspect(sandboxId);
    if (!sandbox?.State.Running) throw new Error(`sandbox ${sandboxId} is not running`);
    const host = addressOf(sandbox, this.#place.network) ?? '127.0.0.1';
    // Each side may end what it sends before the other does.
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
    await once(socket, 'connect');
    return socket;
  }

  async logs(id: string, options: LogOptions): Promise<Readable> {
    const container = this.#docker.getContainer(id);
    const { Config } = await container.inspect();
    const query = {
      stdout: options.stdout,
      stderr: options.stderr,
      timestamps: options.timestamps,
      ...(options.tailLines === undefined ? {} : { tail: options.tailLines }),
      ...(options.since === undefined ? {} : { since: (options.since / 1000).toFixed(3) as unknown as number }),
    };
    // Only with `follow` does the library hand out a stream; a stopped container's log ends by itself.
    const source = options.follow
      ? await container.logs({ ...query, follow: true })
      : new PassThrough().end(await container.logs({ ...query, follow: false }));
    if (Config.Tty && options.follow) return source as Readable;
    const plain = Config.Tty ? new PassThrough() : withoutFrames();
    pipeline(source, plain, () => {});
    return plain;
  }

  async hasImage(reference: string): Promise<boolean> {
    try {
      await this.#docker.getImage(reference).inspect();
      return true;
    } catch (error) {
      if (engineSays(error, 404)) return false;
      throw error;
    }
  }

  async pullImage(reference: string, signal: AbortSignal, auth?: RegistryAuth): Promise<PulledImage> {
    const options = { abortSignal: signal, ...(auth && { authconfig: auth }) };
    const stream = await asEngineWords(this.#docker.pull(withTag(reference), options));
    for await (const line of jsonLines(stream)) {
      if (typeof line.error === 'string') throw new Error(line.error);
    }
    const { Id, Size } = await this.#docker.getImage(reference).inspect();
    return { id: Id, sizeBytes: Size };
  }

  async images(): Promise<ImageInfo[]> {
    const images = await this.#docker.listImages();
    return images
      .map(({ RepoTags, RepoDigests, Size }) => ({
        names: [...(RepoDigests ?? []), ...(RepoTags ?? [])].filter((name) => !name.includes('<none>')),
        sizeBytes: Size,
      }))
      .filter(({ names }) => names.length > 0);
  }

  async loadImages(path: string): Promise<string[]> {
    const stream = await asEngineWords(this.#docker.loadImage(createReadStream(path)));
    const names: string[] = [];
    for await (const line of jsonLines(stream)) {
      if (typeof line.error === 'string') throw new Error(line.error);
      const loaded =
        typeof line.stream === 'string' ? /^Loaded image(?: ID)?: (.+)$/m.exec(line.stream)?.[1] : undefined;
      if (loaded) names.push(loaded.trim());
    }
    return names;
  }

  async usage(ids: readonly string[]): Promise<ContainerUsage[]> {
    const usages = await Promise.all(
      ids.map(async (id) => {
        try {
          const stats = await this.#docker.getContainer(id).stats({ stream: false, 'one-shot': true });
          const inactive =
            stats.memory_stats.stats?.inactive_file ?? stats.memory_stats.stats?.total_inactive_file ?? 0;
          return {
            containerId: id,
            cpuNanoseconds: stats.cpu_stats.cpu_usage?.total_usage ?? 0,
            memoryBytes: Math.max(0, (stats.memory_stats.usage ?? 0) - inactive),
          };
        } catch (error) {
          if (engineSays(error, 404, 409)) return undefined;
          throw error;
        }
      }),
    );
    return usages.filter((usage) => usage !== undefined);
  }

  async *events(signal: AbortSignal): AsyncIterable<RuntimeEvent> {
    const stream = await this.#docker.getEvents({
      filters: {
        type: ['container'],
        label: [`${labels.node}=${this.#place.node}`],
        event: ['create', 'start', 'die', 'destroy', 'oom', 'pause', 'unpause'],
      },
    });
    const stop = (): void => {
      if ('destroy' in stream && typeof stream.destroy === 'function') stream.destroy();
    };
    signal.addEventListener('abort', stop, { once: true });
    try {
      for await (const line of jsonLines(stream)) {
        const attributes = line.Actor?.Attributes;
        const podUid = attributes?.[labels.podUid];
        if (podUid) yield { podUid };
      }
    } catch (error) {
      if (!signal.aborted) throw error;
      return;
    } finally {
      signal.removeEventListener('abort', stop);
      stop();
    }
    if (!signal.aborted) throw new Error("the engine's event stream ended");
  }

  async close(): Promise<void> {}

  async #list(wanted: string[]): Promise<RuntimePod[]> {
    const found = await this.#docker.listContainers({ all: true, filters: { label: wanted } });
    const inspected = await Promise.all(found.map(({ Id }) => this.#inspect(Id)));
    const present = inspected.filter((container) => container !== undefined);
    const isContainer = ({ Config }: ContainerInspectInfo): boolean => Config.Labels[labels.type] === types.container;
    const users = await this.#users.of(present.filter(isContainer));
    return podsOf(present, this.#place.network, users);
  }

  async #inspect(id: string): Promise<ContainerInspectInfo | undefined> {
    try {
      return await this.#docker.getContainer(id).inspect();
    } catch (error) {
      if (engineSays(error, 404)) return undefined;
      throw error;
    }
  }

  #giveUpLimits(why: unknown): void {
    this.#limits = false;
    this.#logger.warn({ reason: engineWords(why) }, 'the engine cannot limit resources: containers run without limits');
  }

  /** Creates; a leftover of the same name, from a start that was cut off, gives way. */
  async #create(options: Docker.ContainerCreateOptions, withoutLimits?: () => Promise<string>): Promise<string> {
    try {
      return (await this.#docker.createContainer(options)).id;
    } catch (error) {
      if (engineSays(error, 409) && options.name) {
        const leftover = this.#docker.getContainer(options.name);
        const { Config } = await leftover.inspect();
        if (Config.Labels[labels.node] !== this.#place.node) throw error;
        await unlessDone(leftover.remove({ force: true }));
        return (await this.#docker.createContainer(options)).id;
      }
      if (withoutLimits && this.#limits && /cgroup|kernel does not support/i.test(engineWords(error))) {
        this.#giveUpLimits(error);
        return await withoutLimits();
      }
      throw new Error(engineWords(error), { cause: error });
    }
  }
}

async function asEngineWords<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new Error(engineWords(error), { cause: error });
  }
}

/** Without a tag the engine would pull every tag there is. */
const withTag = (reference: string): string =>
  reference.includes('@') || /:[^/]+$/.test(reference) ? reference : `${reference}:latest`;
