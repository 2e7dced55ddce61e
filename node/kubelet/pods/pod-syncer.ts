/**
 * Brings one pod to what the API says: admission, volumes, sandbox, containers, status, and the end.
 *
 * Every sync starts from the runtime's state and ends with a status computed from it, so it can stop anywhere and be repeated.
 * Nothing is stopped because the API is unreachable: only what the API said last counts.
 */
import type { Client } from '../../../master/api/client.ts';
import type { Clock } from '../../../master/api/clock.ts';
import { isConflict, isNotFound } from '../../../master/api/errors.ts';
import type { Logger } from '../../../master/api/logging.ts';
import type { Pod } from '../../../master/api/types.ts';
import type { ContainerState, Runtime, RuntimePod } from '../../runtime/runtime.ts';
import type { Prober } from '../probes/prober.ts';
import type { Claims } from '../volumes/claims.ts';
import type { PodTokens } from '../volumes/pod-tokens.ts';
import type { Volumes } from '../volumes/volumes.ts';
import {
  type ActionContext,
  type Actions,
  type BackOffAction,
  computeActions,
  type StartAction,
  surplusContainers,
  surplusSandboxes,
  usableSandbox,
} from './actions.ts';
import { rejectionOf } from './admission.ts';
import { BackOff, goDuration } from './back-off.ts';
import { hashOf, sandboxConfig } from './container-config.ts';
import { ContainerStarter, type NodeFacts } from './container-starter.ts';
import { type ClusterNames, kernelHostname, type Resolver, resolvConfOf, resolverOf } from './dns.ts';
import { type ImagePuller, StartError, type Tell } from './image-puller.ts';
import type { ObjectCache } from './object-cache.ts';
import { gracePeriodOf, hasFinished, identityOf, isTerminating, nameOf, namespaceOf, podTitle, uidOf } from './pod.ts';
import { PodKiller } from './pod-killer.ts';
import { PodMounts } from './pod-mounts.ts';
import type { PodWork, SyncOutcome } from './pod-workers.ts';
import { computeStatus, type StatusContext, type WaitingReason } from './status.ts';
import type { StatusWriter } from './status-writer.ts';
import { terminationMessage } from './termination-message.ts';

export type PodTell = (
  pod: Pod,
  container: string | undefined,
  type: 'Normal' | 'Warning',
  reason: string,
  message: string,
) => void;

export interface PodSyncerOptions {
  readonly client: Client;
  readonly runtime: Runtime;
  readonly runtimeName: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly volumes: Volumes;
  readonly objects: ObjectCache;
  readonly tokens: PodTokens;
  readonly claims: Claims;
  readonly prober: Prober;
  readonly statuses: StatusWriter;
  readonly puller: ImagePuller;
  readonly facts: NodeFacts;
  readonly tell: PodTell;
  readonly networkReady: () => boolean;
  /** The pods that count against the node's room. */
  readonly admitted: () => readonly Pod[];
  readonly names: () => { readonly node: Resolver | undefined; readonly cluster: ClusterNames };
  readonly restartBackOff?: BackOff;
}

/** How soon a container that could not be started for another reason than its own end is tried again. */
const retryStartMs = 10_000;
const retryMountMs = 5_000;
/** A pod's own status changes wake its worker too: they must not make it try in a circle. */
const leastBetweenStartsMs = 1_000;

export class PodSyncer {
  readonly #options: PodSyncerOptions;
  readonly #restarts: BackOff;
  readonly #killer: PodKiller;
  readonly #starter: ContainerStarter;
  readonly #mounts: PodMounts;

  constructor(options: PodSyncerOptions) {
    this.#options = options;
    this.#restarts = options.restartBackOff ?? new BackOff();
    this.#killer = new PodKiller(options);
    this.#starter = new ContainerStarter(options);
    this.#mounts = new PodMounts(options, this.#starter);
  }

  async sync(work: PodWork, signal: AbortSignal): Promise<SyncOutcome> {
    const { pod, memory } = work;
    const state = (await this.#options.runtime.podState(work.uid)) ?? emptyState(work);
    if (!pod || work.gone) return await this.#clearAway(work, state, signal);
    if (isTerminating(pod)) return await this.#terminate(work, pod, state, signal);
    if (!memory.admitted && !memory.rejected) this.#admit(work, pod, state);
    const view = this.#options.statuses.view(pod);
    if (!hasFinished(view)) this.#checkDeadline(work, view);
    if (memory.rejected || memory.overdue || hasFinished(view)) {
      await this.#finish(work, view, state, signal);
      return {};
    }
    return await this.#run(work, view, state, signal);
  }

  /** A pod that has run for longer than it may is ended, and has failed. */
  #checkDeadline({ memory }: PodWork, pod: Pod): void {
    const deadline = deadlineOf(pod);
    if (memory.overdue || deadline === undefined || this.#options.clock.now() < deadline) return;
    memory.overdue = {
      reason: 'DeadlineExceeded',
      message: 'Pod was active on the node longer than the specified deadline',
    };
    this.#options.tell(pod, undefined, 'Normal', memory.overdue.reason, memory.overdue.message);
  }

  #admit({ memory }: PodWork, pod: Pod, state: RuntimePod): void {
    const { facts, admitted, tell } = this.#options;
    const node = facts.node();
    const runsAlready = state.sandboxes.length > 0 || pod.status?.startTime !== undefined;
    const rejected = runsAlready || !node ? undefined : rejectionOf(pod, admitted(), node);
    if (rejected) {
      memory.rejected = rejected;
      tell(pod, undefined, 'Warning', rejected.reason, rejected.message ?? '');
    } else memory.admitted = true;
  }

  async #run(work: PodWork, pod: Pod, state: RuntimePod, signal: AbortSignal): Promise<SyncOutcome> {
    const { runtime, prober, objects } = this.#options;
    prober.track(pod, state);
    await this.#report(work, pod, state, false);
    await objects.use(pod, signal);
    if (signal.aborted) return {};
    const volumes = await this.#mounts.mount(pod, state);
    if (!volumes) return { requeueAfterMs: retryMountMs };
    const actions = computeActions(pod, state, this.#actionContext(pod));
    const waits = await this.#act(work, pod, state, actions, volumes, signal);
    await this.#sweep(pod, state);
    const after = (await runtime.podState(work.uid)) ?? emptyState(work);
    prober.track(pod, after);
    await this.#report(work, pod, after, actions.stopPod === 'finished');
    const now = this.#options.clock.now();
    const next = [...waits, ...actions.backOff.map(({ until }) => until)].map((until) => Math.max(until - now, 0));
    if (actions.stop.length > 0) next.push(0);
    const deadline = deadlineOf(this.#options.statuses.view(pod));
    if (deadline !== undefined) next.push(Math.max(deadline - now, 0));
    const renewAt = this.#options.tokens.nextDue(pod);
    if (renewAt !== undefined) next.push(Math.max(renewAt - now, 0));
    return next.length > 0 ? { requeueAfterMs: Math.min(...next) } : {};
  }

  /** Carries the actions out; gives the times at which something is to be tried again. */
  async #act(
    work: PodWork,
    pod: Pod,
    state: RuntimePod,
    actions: Actions,
    volumes: ReadonlyMap<string, string>,
    signal: AbortSignal,
  ): Promise<number[]> {
    const { tell, clock } = this.#options;
    const grace = gracePeriodOf(pod);
    if (actions.stopPod === 'sandbox-changed') {
      tell(pod, undefined, 'Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.');
    }
    if (actions.stopPod !== 'no') await this.#killer.stop(pod, state, () => grace, signal);
    for (const { container, message } of actions.stop) {
      const probeGrace = this.#probeGrace(pod, container, grace);
      await this.#killer.stopContainer(pod, state, container, probeGrace, signal, message);
    }
    for (const backOff of actions.backOff) this.#sayBackOff(work, pod, backOff);
    if (actions.newSandbox !== undefined) {
      const made = await this.#makeSandbox(pod, actions.newSandbox);
      if (!made) return [clock.now() + retryStartMs];
    }
    if (actions.start.length === 0 || signal.aborted) return [];
    const sandboxed = actions.newSandbox === undefined ? state : await this.#options.runtime.podState(work.uid);
    const sandbox = sandboxed && usableSandbox(pod, sandboxed);
    if (!sandbox) return [clock.now() + retryStartMs];
    // Told now, so that the address is known while images are pulled.
    if (sandboxed !== state) await this.#report(work, pod, sandboxed, false);
    const waits: number[] = [];
    for (const action of actions.start) {
      if (signal.aborted) break;
      const wait = await this.#start(work, pod, state, action, () =>
        this.#starter.start(pod, action, sandbox, volumes, this.#tellOf(pod, action.container.name)),
      );
      if (wait !== undefined) waits.push(wait);
    }
    return waits;
  }

  async #makeSandbox(pod: Pod, attempt: number): Promise<boolean> {
    const { runtime, tell, networkReady } = this.#options;
    if (!networkReady() && !pod.spec?.hostNetwork) {
      const why = 'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady';
      tell(pod, undefined, 'Warning', 'NetworkNotReady', `network is not ready: ${why} message:no podCIDR`);
      return false;
    }
    try {
      const { node, cluster } = this.#options.names();
      const { resolver, warnings } = resolverOf(pod, node, cluster);
      for (const warning of warnings) tell(pod, undefined, 'Warning', 'DNSConfigForming', warning);
      const hostname = kernelHostname(pod, cluster.domain);
      await runtime.runSandbox(sandboxConfig(pod, attempt, hostname, resolver && resolvConfOf(resolver)));
      return true;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      tell(pod, undefined, 'Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${why}`);
      return false;
    }
  }

  async #start(
    { memory, uid }: PodWork,
    pod: Pod,
    state: RuntimePod,
    { container }: StartAction,
    start: () => Promise<void>,
  ): Promise<number | undefined> {
    const { clock, logger } = this.#options;
    const held = memory.held.get(container.name) ?? 0;
    if (held > clock.now()) return held;
    const last = state.containers.find(({ name }) => name === container.name);
    if (last?.state === 'exited') this.#restarts.next(restartKey(uid, container.name, hashOf(container)), clock.now());
    try {
      await start();
      memory.waiting.delete(container.name);
      memory.held.delete(container.name);
      return undefined;
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      memory.waiting.set(container.name, { reason: error.reason, message: error.message });
      logger.info(
        { pod: podTitle(pod), container: container.name, reason: error.reason, why: error.message },
        'container not started',
      );
      const until = error.until ?? clock.now() + retryStartMs;
      // What was missing may come at any moment, so a change of the pod's objects is worth an early try; a back-off is not.
      const hold = error.reason === 'ImagePullBackOff' ? until : clock.now() + leastBetweenStartsMs;
      memory.held.set(container.name, error.reason === 'ErrImagePull' ? 0 : hold);
      return error.reason === 'ErrImagePull' ? clock.now() : Math.max(until, hold);
    }
  }

  #sayBackOff({ memory, uid }: PodWork, pod: Pod, { container }: BackOffAction): void {
    const { tell } = this.#options;
    const delay = goDuration(this.#restarts.delayMs(restartKey(uid, container.name, hashOf(container))));
    const waiting: WaitingReason = {
      reason: 'CrashLoopBackOff',
      message: `back-off ${delay} restarting failed container=${container.name} pod=${podTitle(pod)}`,
    };
    if (memory.waiting.get(container.name)?.message === waiting.message) return;
    memory.waiting.set(container.name, waiting);
    const message = `Back-off restarting failed container ${container.name} in pod ${podTitle(pod)}`;
    tell(pod, container.name, 'Warning', 'BackOff', message);
  }

  /** The pod has had its run, or may never have one: nothing of it goes on, its containers stay for their logs. */
  async #finish(work: PodWork, pod: Pod, state: RuntimePod, signal: AbortSignal): Promise<void> {
    this.#options.prober.untrack(work.uid);
    this.#mounts.release(work.uid);
    await this.#killer.stop(pod, state, () => gracePeriodOf(pod), signal);
    const after = await this.#options.runtime.podState(work.uid);
    // How a pod has ended is told by its containers; where there are none, what was told stays told.
    if (after || !hasFinished(pod)) await this.#report(work, pod, after ?? emptyState(work), true);
  }

  /** The API asked for the pod's end: stop, tell how it ended, remove, and let the API forget it. */
  async #terminate(work: PodWork, pod: Pod, state: RuntimePod, signal: AbortSignal): Promise<SyncOutcome> {
    const { client, statuses, prober, runtime, tell } = this.#options;
    const view = statuses.view(pod);
    if (!work.memory.removed) {
      prober.track(view, state);
      await this.#killer.stop(view, state, () => gracePeriodOf(pod), signal);
      prober.untrack(work.uid);
      const after = (await runtime.podState(work.uid)) ?? emptyState(work);
      await this.#report(work, view, after, true);
      await this.#remove(work, after);
    }
    await statuses.flushed(work.uid);
    try {
      const name = { namespace: namespaceOf(pod), name: nameOf(pod) };
      await client.delete('pods', name, { gracePeriodSeconds: 0, preconditions: { uid: uidOf(pod) } });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) {
        tell(pod, undefined, 'Warning', 'FailedKillPod', `error killing pod: ${String(error)}`);
        throw error;
      }
    }
    return {};
  }

  /** The API does not have the pod: nothing of it may stay. */
  async #clearAway(work: PodWork, state: RuntimePod, signal: AbortSignal): Promise<SyncOutcome> {
    const { pod } = work;
    this.#options.prober.untrack(work.uid);
    const grace = (container: ContainerState): number => (pod ? gracePeriodOf(pod) : container.gracePeriodSeconds);
    await this.#killer.stop(pod, state, grace, signal);
    await this.#remove(work, (await this.#options.runtime.podState(work.uid)) ?? emptyState(work));
    this.#options.statuses.forget(work.uid);
    return { done: true };
  }

  async #remove({ uid, memory }: PodWork, state: RuntimePod): Promise<void> {
    const { volumes, runtime } = this.#options;
    await this.#killer.remove(state);
    this.#mounts.release(uid);
    this.#restarts.forgetAll(`${uid}/`);
    if (runtime.real) await volumes.tearDown(uid);
    memory.removed = true;
  }

  /** Old containers beyond the last one, which is kept for its log, and sandboxes without containers. */
  async #sweep(pod: Pod, state: RuntimePod): Promise<void> {
    const { runtime } = this.#options;
    for (const { id } of surplusContainers(pod, state)) await runtime.removeContainer(id);
    for (const { id } of surplusSandboxes(state)) await runtime.removeSandbox(id);
  }

  async #report(work: PodWork, pod: Pod, state: RuntimePod, over: boolean): Promise<void> {
    const { statuses, prober, clock, facts, runtimeName } = this.#options;
    const messages = new Map<string, string>();
    for (const container of state.containers) {
      if (container.state === 'exited')
        messages.set(container.id, await terminationMessage(pod, container, this.#options.runtime));
    }
    const context: StatusContext = {
      now: clock.now(),
      hostIp: facts.hostIp(),
      runtimeName,
      waiting: work.memory.waiting,
      isReady: (container, id) => prober.isReady(container, id),
      hasStarted: (id) => prober.hasStarted(id),
      terminationMessage: ({ id }) => messages.get(id) || undefined,
      over,
      ...(work.memory.rejected ? { rejected: work.memory.rejected } : {}),
      ...(work.memory.overdue ? { failed: work.memory.overdue } : {}),
    };
    const view = statuses.view(pod);
    statuses.set(pod, computeStatus(view, state, context));
  }

  #actionContext(pod: Pod): ActionContext {
    const { prober, clock } = this.#options;
    const { initContainerStatuses = [], containerStatuses = [], ephemeralContainerStatuses = [] } = pod.status ?? {};
    const reported = [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses];
    return {
      hashOf,
      failedProbe: (id) => prober.failedProbe(id),
      hasStarted: (id) => prober.hasStarted(id),
      backOffUntil: (container, { finishedAt }) =>
        this.#restarts.waitUntil(restartKey(uidOf(pod), container.name, hashOf(container)), finishedAt, clock.now()),
      knownRestarts: (name) => {
        const known = reported.find((status) => status.name === name);
        return known?.containerID ? known.restartCount : undefined;
      },
    };
  }

  /** A probe may ask for less grace than the pod when it is what ends the container. */
  #probeGrace(pod: Pod, container: ContainerState, otherwise: number): number {
    const failed = this.#options.prober.failedProbe(container.id);
    const spec = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].find(
      ({ name }) => name === container.name,
    );
    return (failed && spec?.[`${failed}Probe`]?.terminationGracePeriodSeconds) ?? otherwise;
  }

  #tellOf(pod: Pod, container: string): Tell {
    return (type, reason, message) => this.#options.tell(pod, container, type, reason, message);
  }
}

/** Until when (milliseconds since the epoch) the pod may run; undefined where nothing limits it. */
function deadlineOf({ spec, status }: Pod): number | undefined {
  if (spec?.activeDeadlineSeconds === undefined || !status?.startTime) return undefined;
  return Date.parse(String(status.startTime)) + spec.activeDeadlineSeconds * 1000;
}

const restartKey = (uid: string, container: string, hash: string): string => `${uid}/${container}/${hash}`;

const emptyState = ({ uid, pod }: PodWork): RuntimePod => ({
  pod: pod ? identityOf(pod) : { uid, name: '', namespace: '' },
  sandboxes: [],
  containers: [],
});
