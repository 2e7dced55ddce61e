/** Stops and removes what runs of a pod: hooks first, then the stop signal, then force; main containers before sidecars before the sandbox. */
import { aborted, type Clock } from '../../../master/api/clock.ts';
import type { Logger } from '../../../master/api/logging.ts';
import type { Container, Pod } from '../../../master/api/types.ts';
import type { ContainerState, Runtime, RuntimePod } from '../../runtime/runtime.ts';
import { runHook } from './hooks.ts';
import { allContainersOf, initContainersOf } from './pod.ts';

export interface PodKillerOptions {
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tell: (
    pod: Pod,
    container: string | undefined,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ) => void;
}

/** What a container gets at least after its preStop hook, however long that took. */
const leastGraceSeconds = 2;

export class PodKiller {
  readonly #options: PodKillerOptions;

  constructor(options: PodKillerOptions) {
    this.#options = options;
  }

  /** Resolves when nothing of the pod runs. Throws when it was interrupted before that. */
  async stop(
    pod: Pod | undefined,
    state: RuntimePod,
    graceSeconds: (container: ContainerState) => number,
    signal: AbortSignal,
  ): Promise<void> {
    const init = new Set(pod ? initContainersOf(pod).map(({ name }) => name) : []);
    const running = state.containers.filter((container) => container.state === 'running');
    const { runtime, clock } = this.#options;
    const startedAt = clock.elapsed();
    const [main, beside] = [
      running.filter(({ name }) => !init.has(name)),
      running.filter(({ name }) => init.has(name)),
    ];
    for (const group of [main, beside]) {
      // One grace for the whole pod: sidecars get what the main containers have left of it.
      const spentSeconds = Math.floor((clock.elapsed() - startedAt) / 1000);
      const stops = group.map((container) => {
        const grace = graceSeconds(container);
        const left = Math.min(grace, Math.max(grace - spentSeconds, leastGraceSeconds));
        return this.stopContainer(pod, state, container, left, signal);
      });
      await Promise.all(stops);
    }
    await Promise.all(state.sandboxes.filter(({ ready }) => ready).map(({ id }) => runtime.stopSandbox(id)));
  }

  /** Stops one container; `message` is what the event says. */
  async stopContainer(
    pod: Pod | undefined,
    state: RuntimePod,
    container: ContainerState,
    graceSeconds: number,
    signal: AbortSignal,
    message = `Stopping container ${container.name}`,
  ): Promise<void> {
    const { runtime, clock, tell } = this.#options;
    if (pod) tell(pod, container.name, 'Normal', 'Killing', message);
    const spec = pod && allContainersOf(pod).find(({ name }) => name === container.name);
    const startedAt = clock.elapsed();
    if (pod && spec?.lifecycle?.preStop && graceSeconds > 0) {
      const ip = state.sandboxes.find(({ ready }) => ready)?.ip ?? pod.status?.hostIP ?? '';
      await this.#preStop(pod, spec, container.id, ip, graceSeconds, signal);
      if (signal.aborted) throw interrupted();
    }
    const spentSeconds = Math.ceil((clock.elapsed() - startedAt) / 1000);
    const left = graceSeconds === 0 ? 0 : Math.max(graceSeconds - spentSeconds, leastGraceSeconds);
    const stopped = runtime.stopContainer(container.id, Math.min(left, Math.max(graceSeconds, leastGraceSeconds)));
    // The stop goes on after an interruption; the next sync asks again, with less grace.
    await Promise.race([stopped, aborted(signal)]);
    if (signal.aborted) {
      stopped.catch((error: unknown) => this.#options.logger.debug({ err: error }, 'an interrupted stop failed'));
      throw interrupted();
    }
  }

  /** Removes all containers and sandboxes of the pod. They must have been stopped. */
  async remove(state: RuntimePod): Promise<void> {
    const { runtime } = this.#options;
    await Promise.all(state.containers.map(({ id }) => runtime.removeContainer(id)));
    await Promise.all(state.sandboxes.map(({ id }) => runtime.removeSandbox(id)));
  }

  async #preStop(
    pod: Pod,
    container: Container,
    containerId: string,
    podIp: string,
    graceSeconds: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { runtime, tell } = this.#options;
    const hook = container.lifecycle?.preStop;
    if (!hook) return;
    try {
      const run = runHook(hook, { runtime, container, containerId, podIp }, graceSeconds * 1000, signal);
      await Promise.race([run, aborted(signal)]);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      tell(pod, container.name, 'Warning', 'FailedPreStopHook', `PreStopHook failed: ${why}`);
    }
  }
}

const interrupted = (): Error => new DOMException('interrupted', 'AbortError');
