/**
 * The probes of this node's pods: one loop for each probe of each running container, and what they last found.
 *
 * Guarantees: a container with a startup probe has its other probes wait for it; a result changes only after as many outcomes in a row
 * as the thresholds ask; whoever asks gets an answer at once. A new container starts from nothing.
 */
import { type Clock, sleep } from '../../../master/api/clock.ts';
import type { Container, Pod, Probe } from '../../../master/api/types.ts';
import type { Runtime, RuntimePod } from '../../runtime/runtime.ts';
import { newestOf } from '../pods/actions.ts';
import { allContainersOf, containersOf, isSidecar, uidOf } from '../pods/pod.ts';
import { type ProbeResult, runProbe } from './probe.ts';
import { type ProbeState, stepProbe } from './probe-state.ts';

const probeTypes = ['startup', 'liveness', 'readiness'] as const;
export type ProbeType = (typeof probeTypes)[number];

interface Probed {
  readonly podUid: string;
  readonly container: Container;
  readonly stop: AbortController;
  readonly results: Map<ProbeType, ProbeState>;
}

export interface ProberOptions {
  readonly runtime: Runtime;
  readonly clock: Clock;
  /** A result has changed. */
  readonly changed: (podUid: string) => void;
  /** A probe failed or could not be made, or its success is odd: the reason and message of an event. */
  readonly warn: (pod: Pod, container: Container, reason: 'Unhealthy' | 'ProbeWarning', message: string) => void;
  readonly hostIp: () => string;
}

export class Prober {
  readonly #options: ProberOptions;
  /** By container id. */
  readonly #probed = new Map<string, Probed>();

  constructor(options: ProberOptions) {
    this.#options = options;
  }

  /** Starts the probes of containers that run now, and ends those of containers that do not. */
  track(pod: Pod, state: RuntimePod): void {
    const uid = uidOf(pod);
    const running = new Set<string>();
    const ip = state.sandboxes.find(({ ready }) => ready)?.ip ?? this.#options.hostIp();
    for (const container of probedContainers(pod)) {
      const newest = newestOf(state, container.name);
      if (newest?.state !== 'running') continue;
      running.add(newest.id);
      if (!this.#probed.has(newest.id)) this.#start(pod, container, newest.id, newest.startedAt, ip);
    }
    for (const [id, probed] of this.#probed) {
      if (probed.podUid === uid && !running.has(id)) this.#end(id);
    }
  }

  /** Ends everything of the pod. */
  untrack(podUid: string): void {
    for (const [id, probed] of this.#probed) if (probed.podUid === podUid) this.#end(id);
  }

  /** Liveness and startup probes must not restart what is being stopped; readiness goes on. */
  failedProbe(containerId: string): 'liveness' | 'startup' | undefined {
    const results = this.#probed.get(containerId)?.results;
    if (results?.get('startup')?.result === 'failure') return 'startup';
    return results?.get('liveness')?.result === 'failure' ? 'liveness' : undefined;
  }

  hasStarted(containerId: string): boolean {
    const probed = this.#probed.get(containerId);
    if (!probed?.container.startupProbe) return true;
    return probed.results.get('startup')?.result === 'success';
  }

  isReady(container: Container, containerId: string): boolean {
    if (!container.readinessProbe) return true;
    return this.#probed.get(containerId)?.results.get('readiness')?.result === 'success';
  }

  close(): void {
    for (const id of [...this.#probed.keys()]) this.#end(id);
  }

  #start(pod: Pod, container: Container, id: string, startedAt: number, ip: string): void {
    const probed: Probed = { podUid: uidOf(pod), container, stop: new AbortController(), results: new Map() };
    this.#probed.set(id, probed);
    // After a restart of the kubelet a container is what it was, until a probe says otherwise.
    const told = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])].find(
      ({ containerID }) => containerID?.endsWith(`//${id}`),
    );
    if (told?.started) probed.results.set('startup', succeeded);
    if (told?.ready) probed.results.set('readiness', succeeded);
    for (const type of probeTypes) {
      const probe = container[`${type}Probe`];
      if (probe && !(type === 'startup' && told?.started))
        void this.#loop({ pod, container, id, startedAt, ip, type, probe, probed });
    }
  }

  #end(id: string): void {
    this.#probed.get(id)?.stop.abort();
    this.#probed.delete(id);
  }

  async #loop(job: Job): Promise<void> {
    const { probe, probed, type } = job;
    const { clock, changed } = this.#options;
    const { signal } = probed.stop;
    const periodMs = (probe.periodSeconds ?? 10) * 1000;
    const firstAt = job.startedAt + (probe.initialDelaySeconds ?? 0) * 1000;
    await sleep(Math.max(0, firstAt - clock.now()), signal, clock);
    while (!signal.aborted) {
      if (type === 'startup' || this.hasStarted(job.id)) {
        const outcome = await this.#once(job);
        if (signal.aborted) return;
        const previous = probed.results.get(type);
        const next = stepProbe(previous, outcome, probe);
        probed.results.set(type, next);
        if (next.result !== previous?.result) changed(probed.podUid);
        // A startup probe has done its work once it succeeded; the others go on and say at once when the container started.
        if (type === 'startup' && next.result === 'success') return;
        await sleep(periodMs, signal, clock);
      } else {
        await sleep(Math.min(periodMs, startPollMs), signal, clock);
      }
    }
  }

  async #once(job: Job): Promise<ProbeResult['outcome']> {
    const { pod, container, id, ip, type, probe, probed } = job;
    const { runtime, warn } = this.#options;
    const target = { runtime, container, containerId: id, podIp: ip };
    const { outcome, output, warning } = await runProbe(probe, target).catch((error: unknown): ProbeResult => {
      return { outcome: 'unknown', output: String(error) };
    });
    if (probed.stop.signal.aborted) return outcome;
    const title = `${type.charAt(0).toUpperCase()}${type.slice(1)}`;
    if (warning !== undefined) warn(pod, container, 'ProbeWarning', `${title} probe warning: ${warning}`);
    if (outcome !== 'success') {
      warn(pod, container, 'Unhealthy', `${title} probe ${outcome === 'failure' ? 'failed' : 'errored'}: ${output}`);
    }
    return outcome;
  }
}

const succeeded: ProbeState = { result: 'success', lastOutcome: 'success', count: 1 };

interface Job {
  readonly pod: Pod;
  readonly container: Container;
  readonly id: string;
  readonly startedAt: number;
  readonly ip: string;
  readonly type: ProbeType;
  readonly probe: Probe;
  readonly probed: Probed;
}

/** How soon after the startup probe's success the other probes begin. */
const startPollMs = 1_000;

const probedContainers = (pod: Pod): Container[] => {
  const main = new Set(containersOf(pod));
  return allContainersOf(pod).filter(
    (container) =>
      (main.has(container) || isSidecar(container)) &&
      (container.startupProbe ?? container.livenessProbe ?? container.readinessProbe) !== undefined,
  );
};
