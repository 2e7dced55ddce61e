/**
 * The container runtime as the kubelet sees it: sandboxes, containers in them, images, logs.
 *
 * A pod is a sandbox, which holds the network namespace, and containers that join it. The runtime remembers everything the
 * kubelet needs to find its pods again after a restart (identity, attempt, hash), so the kubelet keeps no state of its own about them.
 *
 * Guarantees, held to by one conformance suite over every implementation:
 * - what is listed is only what this node's kubelet made; nothing else in the engine is ever touched;
 * - a container keeps its exit code, times and log until it is removed, and also when the runtime or the kubelet starts again;
 * - stopping and removing what is already stopped or gone succeeds;
 * - `events` may lose events but never invents a pod: whoever listens lists from time to time.
 *
 * It does not: restart anything, know about probes, volumes' contents or the API server.
 */
import type { Duplex, Readable, Writable } from 'node:stream';

/** Who a sandbox or a container belongs to. */
export interface PodIdentity {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
}

export interface SandboxConfig {
  readonly pod: PodIdentity;
  /** 0 for the first sandbox of the pod, one more for every new one. */
  readonly attempt: number;
  readonly hostname: string;
  readonly hostNetwork: boolean;
  readonly hostPid: boolean;
  readonly hostIpc: boolean;
  readonly sysctls: Readonly<Record<string, string>>;
  readonly portMappings: readonly PortMapping[];
  /** The text for /etc/resolv.conf; the engine's own when left out. */
  readonly resolvConf?: string;
  /** The pod's own, for runtimes that are told by annotations what to do. */
  readonly annotations: Readonly<Record<string, string>>;
}

export interface PortMapping {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly containerPort: number;
  readonly hostPort: number;
  readonly hostIp?: string;
}

export interface ContainerConfig {
  readonly pod: PodIdentity;
  readonly name: string;
  /** How often this container of the pod was started before. */
  readonly attempt: number;
  /** Of the parts of the container's definition that need a new container when they change. */
  readonly hash: string;
  readonly image: string;
  /** Takes the place of the image's entrypoint; its default arguments are then not used. */
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly workingDir?: string;
  readonly env: readonly { name: string; value: string }[];
  readonly mounts: readonly Mount[];
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  readonly stopSignal?: string;
  readonly resources: Resources;
  readonly security: SecurityConfig;
  /** Sees the processes of the pod's other containers. */
  readonly shareProcesses: boolean;
  /** The id of a running container whose processes it sees, and only those. */
  readonly processesOf?: string;
  /** The pod's grace, kept so that leftovers whose Pod is gone can be stopped as it asked. */
  readonly gracePeriodSeconds: number;
  /** Where on this machine the file lies that is mounted at the container's terminationMessagePath. */
  readonly terminationMessageFile?: string;
}

export interface Mount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly propagation?: 'private' | 'rslave' | 'rshared';
}

export interface Resources {
  /** Weight against others. */
  readonly cpuShares?: number;
  /** Limit in thousandths of a core. */
  readonly cpuLimitMilli?: number;
  readonly memoryLimitBytes?: number;
}

export interface SecurityConfig {
  /** `uid` or `uid:gid`. */
  readonly user?: string;
  readonly groups: readonly string[];
  readonly privileged: boolean;
  readonly readOnlyRootFilesystem: boolean;
  readonly noNewPrivileges: boolean;
  readonly addCapabilities: readonly string[];
  readonly dropCapabilities: readonly string[];
}

export interface SandboxState {
  readonly id: string;
  readonly attempt: number;
  readonly ready: boolean;
  readonly createdAt: number;
  readonly hostNetwork: boolean;
  /** Of the pod network; not there with the host's network. */
  readonly ip?: string;
}

/** The numbers of a user, its group and all its groups. */
export interface ProcessUser {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

interface ContainerBase {
  readonly id: string;
  readonly sandboxId: string;
  readonly name: string;
  readonly attempt: number;
  readonly hash: string;
  readonly image: string;
  readonly imageId: string;
  readonly createdAt: number;
  readonly gracePeriodSeconds: number;
  readonly terminationMessageFile?: string;
  /** Of the container's first process, where it is known. */
  readonly user?: ProcessUser;
}

export type ContainerState = ContainerBase &
  (
    | { readonly state: 'created' }
    | { readonly state: 'running'; readonly startedAt: number }
    | {
        readonly state: 'exited';
        readonly startedAt: number;
        readonly finishedAt: number;
        readonly exitCode: number;
        readonly signal?: number;
        readonly oomKilled: boolean;
        /** The engine's own words, where it could not start the container. */
        readonly error?: string;
      }
  );

/** Everything the runtime has of one pod. Sandboxes and containers, each newest first. */
export interface RuntimePod {
  readonly pod: PodIdentity;
  readonly sandboxes: readonly SandboxState[];
  readonly containers: readonly ContainerState[];
}

export interface RuntimeVersion {
  /** As in `docker://28.2.2`. */
  readonly name: string;
  readonly version: string;
}

/** As whom an image is pulled. */
export interface RegistryAuth {
  /** The registry, or a part of its repositories: `registry.example:5000/team`. */
  readonly serveraddress: string;
  readonly username: string;
  readonly password: string;
}

export interface ImageInfo {
  readonly names: readonly string[];
  readonly sizeBytes: number;
}

export interface PulledImage {
  readonly id: string;
  readonly sizeBytes: number;
}

/** What `containerLogs` gives; times as in the API's PodLogOptions. */
export interface LogOptions {
  readonly follow: boolean;
  readonly timestamps: boolean;
  /** Lines from the end; all when left out. */
  readonly tailLines?: number;
  /** Milliseconds since the epoch. */
  readonly since?: number;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

export interface ExecResult {
  readonly exitCode: number;
  /** Standard output and error together, cut off at a few kilobytes. */
  readonly output: string;
}

/** Which of a process' streams are wanted. With a terminal there is one output for all. */
export interface StreamOptions {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** A process in a container whose streams are in our hands; those that were not asked for are not there. */
export interface RemoteProcess {
  /** Its end is the end of the process' input. */
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  /** Of the terminal, in characters. Without effect where there is none. */
  resize(width: number, height: number): Promise<void>;
  /** Resolves, once the outputs have ended, with the exit code; undefined where only the streams have ended. */
  ended(): Promise<number | undefined>;
  /** Lets go of the streams. */
  close(): void;
}

/** Something about this pod's containers changed. */
export interface RuntimeEvent {
  readonly podUid: string;
}

export interface ContainerUsage {
  readonly containerId: string;
  readonly cpuNanoseconds: number;
  readonly memoryBytes: number;
}

export interface Runtime {
  /** Whether a pod's address and its containers' files really are on this machine; not so where everything is simulated. */
  readonly real: boolean;
  /** Rejects when the engine does not answer. */
  version(): Promise<RuntimeVersion>;
  /** Makes the pod network for this range of addresses (CIDR). Safe to call again, also with another range. */
  setPodCidr(cidr: string): Promise<void>;
  listPods(): Promise<RuntimePod[]>;
  /** The pod's state now; undefined when there is nothing of it. */
  podState(uid: string): Promise<RuntimePod | undefined>;
  /** Makes and starts a sandbox, and gives its id. */
  runSandbox(config: SandboxConfig): Promise<string>;
  stopSandbox(id: string): Promise<void>;
  removeSandbox(id: string): Promise<void>;
  createContainer(sandboxId: string, config: ContainerConfig): Promise<string>;
  startContainer(id: string): Promise<void>;
  /** Sends the stop signal, and SIGKILL after the grace; resolves when the container has ended. A later call with a shorter grace shortens it. */
  stopContainer(id: string, gracePeriodSeconds: number): Promise<void>;
  removeContainer(id: string): Promise<void>;
  /** Runs a command in a running container. Rejects with an Error named TimeoutError when it takes too long. */
  exec(id: string, command: readonly string[], timeoutMs: number): Promise<ExecResult>;
  /** Starts a command in a running container, with its streams. */
  openExec(id: string, command: readonly string[], streams: StreamOptions): Promise<RemoteProcess>;
  /** The streams of a running container's own process. */
  attach(id: string, streams: StreamOptions): Promise<RemoteProcess>;
  /** A connection to a TCP port of the pod. Rejects as a connect does. */
  connect(sandboxId: string, port: number): Promise<Duplex>;
  /** The container's log as bytes. The reader destroys the stream when it has enough. */
  logs(id: string, options: LogOptions): Promise<Readable>;
  hasImage(reference: string): Promise<boolean>;
  /** As anybody when there are no credentials. Rejects with the engine's reason. */
  pullImage(reference: string, signal: AbortSignal, auth?: RegistryAuth): Promise<PulledImage>;
  images(): Promise<ImageInfo[]>;
  /** Takes in the images of an archive as `docker save` writes it; gives their names. */
  loadImages(path: string): Promise<string[]>;
  usage(ids: readonly string[]): Promise<ContainerUsage[]>;
  /** Ends when the signal is aborted; throws when the stream breaks, and may then be called again. */
  events(signal: AbortSignal): AsyncIterable<RuntimeEvent>;
  /** Lets go of files and connections. Containers go on. */
  close(): Promise<void>;
}

/** A container's newest state first: by attempt, then by the time it was made. */
export const newestFirst = (
  a: { readonly attempt: number; readonly createdAt: number },
  b: { readonly attempt: number; readonly createdAt: number },
): number => b.createdAt - a.createdAt || b.attempt - a.attempt;
