/**
 * The runtime that starts nothing: pods run in memory only, with addresses out of the node's range.
 *
 * For scale tests and for machines without a container engine. Costs are a few hundred bytes a container and a timer
 * only where something is to happen. Its state is kept in one file, so that it outlives a kubelet as an engine does.
 * An image is there once it was "pulled", and every image can be, except from a registry under the domain `.invalid`,
 * which nobody can have (RFC 2606).
 */
import { createHash, randomUUID } from 'node:crypto';
import { EventEmitter, on } from 'node:events';
import { type Duplex, PassThrough, Readable } from 'node:stream';
import { type Clock, sleep, systemClock } from '../../../master/api/clock.ts';
import type {
  ContainerConfig,
  ContainerState,
  ContainerUsage,
  ExecResult,
  ImageInfo,
  LogOptions,
  PodIdentity,
  PulledImage,
  RemoteProcess,
  Runtime,
  RuntimeEvent,
  RuntimePod,
  RuntimeVersion,
  SandboxConfig,
  SandboxState,
  StreamOptions,
} from '../runtime.ts';
import { newestFirst } from '../runtime.ts';
import { AddressPool } from './address-pool.ts';
import { type Script, scriptOf } from './script.ts';
import { simulatedLogs } from './simulated-logs.ts';
import { StateFile } from './state-file.ts';

export interface SimulatedRuntimeOptions {
  /** Where the state is kept; nowhere when left out. */
  readonly stateFile?: string;
  /** How long a container takes to start. */
  readonly startDelayMs?: number;
  readonly clock?: Clock;
}

interface Sandbox extends SandboxState {
  readonly pod: PodIdentity;
  readonly script: Script;
}

type Container = ContainerState & { readonly podUid: string };

interface SavedState {
  readonly cidr?: string;
  readonly images: string[];
  readonly sandboxes: Sandbox[];
  readonly containers: Container[];
}

const terminated = 15;
const killed = 9;

export class SimulatedRuntime implements Runtime {
  readonly real = false;
  readonly #clock: Clock;
  readonly #startDelayMs: number;
  readonly #file: StateFile<SavedState> | undefined;
  readonly #sandboxes = new Map<string, Sandbox>();
  readonly #containers = new Map<string, Container>();
  /** Ids by pod, so that looking at one pod does not cost a walk over all. */
  readonly #byPod = new Map<string, Set<string>>();
  readonly #images = new Set<string>();
  readonly #changes = new EventEmitter().setMaxListeners(0);
  readonly #closing = new AbortController();
  #addresses: AddressPool | undefined;
  #cidr: string | undefined;

  constructor(options: SimulatedRuntimeOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#startDelayMs = options.startDelayMs ?? 0;
    if (options.stateFile) {
      this.#file = new StateFile({
        path: options.stateFile,
        clock: this.#clock,
        state: () => this.#saved(),
        failed: (error) => this.#changes.emit('broken', error),
      });
    }
  }

  /** Takes up what an earlier process left in the state file. Called once, before anything else. */
  async recover(): Promise<void> {
    const saved = await this.#file?.read();
    if (!saved) return;
    for (const image of saved.images) this.#images.add(image);
    for (const sandbox of saved.sandboxes) this.#putSandbox(sandbox);
    if (saved.cidr) await this.setPodCidr(saved.cidr);
    for (const container of saved.containers) {
      this.#putContainer(container);
      this.#scheduleExit(container);
    }
  }

  async version(): Promise<RuntimeVersion> {
    return { name: 'simulated', version: '1.0.0' };
  }

  async setPodCidr(cidr: string): Promise<void> {
    if (this.#cidr === cidr) return;
    this.#cidr = cidr;
    this.#addresses = new AddressPool(cidr);
    for (const { ip } of this.#sandboxes.values()) if (ip) this.#addresses.keep(ip);
    this.#file?.changed();
  }

  async listPods(): Promise<RuntimePod[]> {
    return [...this.#byPod.keys()].map((uid) => this.#pod(uid)).filter((pod) => pod !== undefined);
  }

  async podState(uid: string): Promise<RuntimePod | undefined> {
    return this.#pod(uid);
  }

  async runSandbox(config: SandboxConfig): Promise<string> {
    if (!config.hostNetwork && !this.#addresses) throw new Error('the pod network has no range of addresses yet');
    const ip = config.hostNetwork ? undefined : this.#addresses?.take();
    const sandbox: Sandbox = {
      id: newId(),
      pod: config.pod,
      attempt: config.attempt,
      ready: true,
      createdAt: this.#clock.now(),
      hostNetwork: config.hostNetwork,
      script: scriptOf(config.annotations),
      ...(ip ? { ip } : {}),
    };
    this.#putSandbox(sandbox);
    this.#changed(config.pod.uid);
    return sandbox.id;
  }

  async stopSandbox(id: string): Promise<void> {
    const sandbox = this.#sandboxes.get(id);
    if (!sandbox?.ready) return;
    if (sandbox.ip) this.#addresses?.give(sandbox.ip);
    const { ip: _, ...rest } = sandbox;
    this.#sandboxes.set(id, { ...rest, ready: false });
    for (const container of this.#containers.values())
      if (container.sandboxId === id) this.#end(container.id, 137, killed);
    this.#changed(sandbox.pod.uid);
  }

  async removeSandbox(id: string): Promise<void> {
    await this.stopSandbox(id);
    const sandbox = this.#sandboxes.get(id);
    if (!sandbox) return;
    this.#sandboxes.delete(id);
    this.#forget(sandbox.pod.uid, id);
  }

  async createContainer(sandboxId: string, config: ContainerConfig): Promise<string> {
    if (!this.#sandboxes.get(sandboxId)?.ready) throw new Error(`No such container: ${sandboxId}`);
    if (!this.#images.has(config.image)) throw new Error(`No such image: ${config.image}`);
    const container: Container = {
      id: newId(),
      sandboxId,
      podUid: config.pod.uid,
      name: config.name,
      attempt: config.attempt,
      hash: config.hash,
      image: config.image,
      imageId: imageId(config.image),
      createdAt: this.#clock.now(),
      gracePeriodSeconds: config.gracePeriodSeconds,
      state: 'created',
      ...(config.terminationMessageFile ? { terminationMessageFile: config.terminationMessageFile } : {}),
    };
    this.#putContainer(container);
    this.#changed(config.pod.uid);
    return container.id;
  }

  async startContainer(id: string): Promise<void> {
    if (this.#startDelayMs > 0) await sleep(this.#startDelayMs, this.#closing.signal, this.#clock);
    const container = this.#containers.get(id);
    if (!container) throw new Error(`No such container: ${id}`);
    if (container.state !== 'created') return;
    const running: Container = { ...container, state: 'running', startedAt: this.#clock.now() };
    this.#containers.set(id, running);
    this.#changed(container.podUid);
    this.#scheduleExit(running);
    // As with a real engine: what has been said to run is there after a kill, and is not run twice.
    await this.#file?.written();
  }

  async stopContainer(id: string, gracePeriodSeconds: number): Promise<void> {
    const container = this.#containers.get(id);
    if (container?.state !== 'running') return;
    const { stopMs } = this.#scriptOf(container);
    const graceMs = gracePeriodSeconds * 1000;
    const wait = Math.min(stopMs, graceMs);
    if (wait > 0) await sleep(wait, this.#closing.signal, this.#clock);
    const late = gracePeriodSeconds === 0 || stopMs > graceMs;
    this.#end(id, 128 + (late ? killed : terminated), late ? killed : terminated);
  }

  async removeContainer(id: string): Promise<void> {
    const container = this.#containers.get(id);
    if (!container) return;
    this.#containers.delete(id);
    this.#forget(container.podUid, id);
  }

  async exec(id: string, command: readonly string[], _timeoutMs: number): Promise<ExecResult> {
    const container = this.#containers.get(id);
    if (container?.state !== 'running') throw new Error(`Container ${id} is not running`);
    return { exitCode: this.#scriptOf(container).execExitCode, output: `${command.join(' ')}\n` };
  }

  /** Says what would have been run, and ends with the code that the pod's annotations give. */
  async openExec(id: string, command: readonly string[], streams: StreamOptions): Promise<RemoteProcess> {
    const { exitCode } = await this.exec(id, command, 0);
    const end = streams.tty ? '\r\n' : '\n';
    const text = `simulated: nothing runs here; the command was ${JSON.stringify(command)}${end}`;
    return {
      stdin: streams.stdin ? new PassThrough().resume() : undefined,
      stdout: streams.stdout ? Readable.from([Buffer.from(text)]) : undefined,
      stderr: streams.stderr ? Readable.from([]) : undefined,
      resize: () => Promise.resolve(),
      ended: () => Promise.resolve(exitCode),
      close: () => {},
    };
  }

  async attach(_id: string, _streams: StreamOptions): Promise<RemoteProcess> {
    throw new Error('the container is simulated: no process runs in it');
  }

  async connect(_sandboxId: string, port: number): Promise<Duplex> {
    throw new Error(`the pod is simulated: nothing listens on port ${port}`);
  }

  async logs(id: string, options: LogOptions): Promise<Readable> {
    if (!this.#containers.has(id)) throw new Error(`No such container: ${id}`);
    const times = () => {
      const container = this.#containers.get(id);
      if (!container || container.state === 'created') return undefined;
      const pod = this.#sandboxes.get(container.sandboxId)?.pod;
      return {
        title: `simulated container ${container.name} of pod ${pod?.namespace}/${pod?.name}`,
        startedAt: container.startedAt,
        ...(container.state === 'exited' ? { finishedAt: container.finishedAt } : {}),
      };
    };
    return simulatedLogs(times, options, this.#clock);
  }

  async hasImage(reference: string): Promise<boolean> {
    return this.#images.has(reference);
  }

  async pullImage(reference: string, _signal: AbortSignal): Promise<PulledImage> {
    const registry = reference.split('/')[0]?.split(':')[0] ?? '';
    if (registry.endsWith('.invalid')) {
      throw new Error(`failed to resolve reference "${reference}": lookup ${registry}: no such host`);
    }
    this.#images.add(reference);
    this.#file?.changed();
    return { id: imageId(reference), sizeBytes: 0 };
  }

  async images(): Promise<ImageInfo[]> {
    return [...this.#images].map((name) => ({ names: [name], sizeBytes: 0 }));
  }

  async loadImages(_path: string): Promise<string[]> {
    return [];
  }

  async usage(ids: readonly string[]): Promise<ContainerUsage[]> {
    return ids
      .filter((id) => this.#containers.get(id)?.state === 'running')
      .map((containerId) => ({ containerId, cpuNanoseconds: 0, memoryBytes: 0 }));
  }

  async *events(signal: AbortSignal): AsyncIterable<RuntimeEvent> {
    try {
      for await (const [podUid] of on(this.#changes, 'changed', { signal })) yield { podUid: String(podUid) };
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#file?.written();
  }

  #scheduleExit(container: Container): void {
    const { exit } = this.#scriptOf(container);
    if (container.state !== 'running' || !exit) return;
    if (exit.container !== undefined && exit.container !== container.name) return;
    const delayMs = container.startedAt + exit.afterMs - this.#clock.now();
    void sleep(Math.max(0, delayMs), this.#closing.signal, this.#clock).then(() => {
      if (!this.#closing.signal.aborted) this.#end(container.id, exit.code);
    });
  }

  #end(id: string, exitCode: number, signal?: number): void {
    const container = this.#containers.get(id);
    if (container?.state !== 'running') return;
    this.#containers.set(id, {
      ...container,
      state: 'exited',
      finishedAt: this.#clock.now(),
      exitCode,
      oomKilled: false,
      ...(signal === undefined ? {} : { signal }),
    });
    this.#changed(container.podUid);
  }

  #scriptOf(container: Container): Script {
    return this.#sandboxes.get(container.sandboxId)?.script ?? scriptOf({});
  }

  #pod(uid: string): RuntimePod | undefined {
    const ids = this.#byPod.get(uid);
    if (!ids) return undefined;
    const sandboxes: Sandbox[] = [];
    const containers: Container[] = [];
    for (const id of ids) {
      const sandbox = this.#sandboxes.get(id);
      if (sandbox) sandboxes.push(sandbox);
      const container = this.#containers.get(id);
      if (container) containers.push(container);
    }
    const pod = sandboxes[0]?.pod ?? { uid, name: '', namespace: '' };
    return { pod, sandboxes: sandboxes.sort(newestFirst), containers: containers.sort(newestFirst) };
  }

  #putSandbox(sandbox: Sandbox): void {
    this.#sandboxes.set(sandbox.id, sandbox);
    this.#remember(sandbox.pod.uid, sandbox.id);
  }

  #putContainer(container: Container): void {
    this.#containers.set(container.id, container);
    this.#remember(container.podUid, container.id);
  }

  #remember(uid: string, id: string): void {
    const ids = this.#byPod.get(uid) ?? new Set();
    this.#byPod.set(uid, ids.add(id));
  }

  #forget(uid: string, id: string): void {
    const ids = this.#byPod.get(uid);
    ids?.delete(id);
    if (ids?.size === 0) this.#byPod.delete(uid);
    this.#changed(uid);
  }

  #changed(podUid: string): void {
    this.#file?.changed();
    this.#changes.emit('changed', podUid);
  }

  #saved(): SavedState {
    return {
      ...(this.#cidr ? { cidr: this.#cidr } : {}),
      images: [...this.#images],
      sandboxes: [...this.#sandboxes.values()],
      containers: [...this.#containers.values()],
    };
  }
}

const newId = (): string => createHash('sha256').update(randomUUID()).digest('hex');
const imageId = (reference: string): string => `sha256:${createHash('sha256').update(reference).digest('hex')}`;
