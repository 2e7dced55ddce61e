/** Starts one container of a pod: image, environment, mounts, create, start, hook; each step with its event and its reason when it fails. */
import type { Clock } from '../../../master/api/clock.ts';
import type { ConfigMap, Container, Node, Pod, Secret, Service } from '../../../master/api/types.ts';
import type { Mount, Runtime, SandboxState } from '../../runtime/runtime.ts';
import { fileKey, readEnvFiles } from '../volumes/env-files.ts';
import type { Volumes } from '../volumes/volumes.ts';
import { newestOf, type StartAction } from './actions.ts';
import { containerConfig } from './container-config.ts';
import { ConfigError, type EnvironmentContext, environmentOf } from './environment.ts';
import { runHook } from './hooks.ts';
import { type ImagePuller, StartError, type Tell } from './image-puller.ts';
import { gracePeriodOf, namespaceOf, uidOf } from './pod.ts';
import { pullCredentials } from './registry-credentials.ts';

/** Where the objects come from that pods refer to. */
export interface Objects {
  configMap(namespace: string, name: string): ConfigMap | undefined;
  secret(namespace: string, name: string): Secret | undefined;
}

export interface NodeFacts {
  readonly node: () => Node | undefined;
  readonly hostIp: () => string;
  readonly services: () => readonly Service[];
}

export interface ContainerStarterOptions {
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly volumes: Volumes;
  readonly objects: Objects;
  readonly facts: NodeFacts;
  readonly puller: ImagePuller;
}

/** A hook that does not end must not hold up the pod for ever. */
const postStartTimeoutMs = 120_000;

export class ContainerStarter {
  readonly #options: ContainerStarterOptions;

  constructor(options: ContainerStarterOptions) {
    this.#options = options;
  }

  /** Throws StartError with the reason and message of the waiting state. */
  async start(
    pod: Pod,
    action: StartAction,
    sandbox: SandboxState,
    volumePaths: ReadonlyMap<string, string>,
    tell: Tell,
  ): Promise<void> {
    const { runtime, puller, objects } = this.#options;
    const { container } = action;
    try {
      const secretOf = (namespace: string, name: string) => objects.secret(namespace, name);
      await puller.ensure(container, pullCredentials(pod, container.image ?? '', secretOf), tell);
    } catch (error) {
      if (error instanceof StartError) tell('Warning', 'Failed', `Error: ${error.reason}`);
      throw error;
    }
    const config = await this.#configure(pod, action, sandbox, volumePaths).catch((error: unknown) => {
      throw failed(tell, error instanceof ConfigError ? 'CreateContainerConfigError' : 'CreateContainerError', error);
    });
    const id = await runtime.createContainer(sandbox.id, config).catch((error: unknown) => {
      throw failed(tell, 'CreateContainerError', error);
    });
    tell('Normal', 'Created', 'Container created');
    await runtime.startContainer(id).catch((error: unknown) => {
      const title = new Error(`failed to start container "${container.name}": ${wordsOf(error)}`);
      throw failed(tell, 'RunContainerError', title);
    });
    tell('Normal', 'Started', 'Container started');
    await this.#postStart(pod, container, id, sandbox, tell);
  }

  /** The lookups by which the pod's environment and volumes are filled. */
  context(pod: Pod, podIp: string): EnvironmentContext {
    const { objects, facts } = this.#options;
    const namespace = namespaceOf(pod);
    return {
      podIp,
      hostIp: facts.hostIp(),
      allocatable: facts.node()?.status?.allocatable ?? {},
      configMap: (name) => objects.configMap(namespace, name),
      secret: (name) => objects.secret(namespace, name),
      services: facts.services(),
    };
  }

  async #configure(
    pod: Pod,
    { container, attempt }: StartAction,
    sandbox: SandboxState,
    paths: ReadonlyMap<string, string>,
  ): Promise<ReturnType<typeof containerConfig>> {
    const { volumes, facts, runtime } = this.#options;
    const podIp = sandbox.hostNetwork ? facts.hostIp() : (sandbox.ip ?? '');
    const context = this.context(pod, podIp);
    const envFiles = runtime.real ? await readEnvFiles(container, paths) : undefined;
    const file = envFiles && ((volume: string, path: string) => envFiles.get(fileKey(volume, path)));
    const variables = environmentOf(pod, container, file ? { ...context, file } : context);
    const files: { mounts: Mount[]; terminationMessageFile?: string } = runtime.real
      ? await volumes.mountsOf(pod, container, { paths, variables, attempt, podIp })
      : { mounts: [] };
    return containerConfig(pod, container, { attempt, variables, ...files, ...(await this.#target(pod, container)) });
  }

  /** The running container that an ephemeral one is to look into. */
  async #target(pod: Pod, { name }: Container): Promise<{ processesOf?: string }> {
    const target = pod.spec?.ephemeralContainers?.find((added) => added.name === name)?.targetContainerName;
    if (!target) return {};
    const state = await this.#options.runtime.podState(uidOf(pod));
    const found = state && newestOf(state, target);
    if (found?.state !== 'running') throw new Error(`unable to find target container "${target}"`);
    return { processesOf: found.id };
  }

  async #postStart(pod: Pod, container: Container, id: string, sandbox: SandboxState, tell: Tell): Promise<void> {
    const hook = container.lifecycle?.postStart;
    if (!hook) return;
    const { runtime, facts } = this.#options;
    const podIp = sandbox.ip ?? facts.hostIp();
    try {
      await runHook(hook, { runtime, container, containerId: id, podIp }, postStartTimeoutMs);
    } catch (error) {
      tell('Warning', 'FailedPostStartHook', `PostStartHook failed: ${wordsOf(error)}`);
      tell('Normal', 'Killing', 'FailedPostStartHook');
      await runtime.stopContainer(id, gracePeriodOf(pod));
      throw new StartError('PostStartHookError', wordsOf(error), { cause: error });
    }
  }
}

function failed(tell: Tell, reason: string, error: unknown): StartError {
  const message = wordsOf(error);
  tell('Warning', 'Failed', `Error: ${message}`);
  return new StartError(reason, message, { cause: error });
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
