/**
 * What to do next for one pod: a pure function of what the Pod wants and what the runtime has.
 *
 * The rules are those of "Pod Lifecycle" and "Init Containers" in Kubernetes' documentation: one ready sandbox; init
 * containers one after the other, each until it succeeds; sidecars as soon as it is their turn and for ever; then the main containers;
 * restarts as the restart policies and rules say, with back-off.
 */
import type { Container, Pod } from '../../../master/api/types.ts';
import type { ContainerState, RuntimePod, SandboxState } from '../../runtime/runtime.ts';
import { allContainersOf, containersOf, ephemeralContainersOf, initContainersOf, isSidecar, specOf } from './pod.ts';
import { mayRestart, shouldRestart } from './restarts.ts';

export interface StartAction {
  readonly container: Container;
  readonly attempt: number;
}

export interface StopAction {
  readonly container: ContainerState;
  readonly message: string;
}

export interface BackOffAction {
  readonly container: Container;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

export interface Actions {
  /** Stop all that runs and every sandbox: the sandbox is lost, or the pod has nothing more to do. */
  readonly stopPod: 'no' | 'sandbox-changed' | 'finished';
  /** The attempt of the sandbox to make, after `stopPod`. */
  readonly newSandbox?: number;
  readonly stop: readonly StopAction[];
  /** In this order. */
  readonly start: readonly StartAction[];
  readonly backOff: readonly BackOffAction[];
}

export interface ActionContext {
  readonly hashOf: (container: Container) => string;
  /** Why a running container must be replaced: the probe that failed. */
  readonly failedProbe: (containerId: string) => 'liveness' | 'startup' | undefined;
  /** Whether a running container's startup probe has succeeded (or it has none). */
  readonly hasStarted: (containerId: string) => boolean;
  /** Until when an ended container must wait for its next start. */
  readonly backOffUntil: (container: Container, ended: ContainerState & { state: 'exited' }) => number | undefined;
  /** The restart count that the API last saw, for containers that the runtime has lost. */
  readonly knownRestarts: (container: string) => number | undefined;
}

const nothing: Actions = { stopPod: 'no', stop: [], start: [], backOff: [] };

export function computeActions(pod: Pod, state: RuntimePod, context: ActionContext): Actions {
  const sandbox = usableSandbox(pod, state);
  if (!sandbox) return withNewSandbox(pod, state, context);
  const actions = inSandbox(pod, state, sandbox, context);
  if (actions.stopPod !== 'no') return actions;
  const added = ephemeralContainersOf(pod).filter(
    ({ name }) => newestOf(state, name) === undefined && context.knownRestarts(name) === undefined,
  );
  if (added.length === 0) return actions;
  return { ...actions, start: [...added.map((container) => ({ container, attempt: 0 })), ...actions.start] };
}

function inSandbox(pod: Pod, state: RuntimePod, sandbox: SandboxState, context: ActionContext): Actions {
  const init = initStep(pod, state, sandbox, context);
  if (init.outcome === 'failed') return { ...nothing, stopPod: 'finished' };
  if (init.outcome === 'waiting') return { ...nothing, ...init.actions };
  const main = mainStep(pod, state, context);
  if (main.outcome === 'finished') return { ...nothing, stopPod: 'finished' };
  return {
    stopPod: 'no',
    stop: [...init.actions.stop, ...main.actions.stop],
    start: [...init.actions.start, ...main.actions.start],
    backOff: [...init.actions.backOff, ...main.actions.backOff],
  };
}

/** The newest container of this name, in any sandbox. */
export const newestOf = (state: RuntimePod, name: string): ContainerState | undefined =>
  state.containers.find((container) => container.name === name);

/** The one ready sandbox; two ready ones, or one on the wrong network, are as good as none. */
export function usableSandbox(pod: Pod, state: RuntimePod): SandboxState | undefined {
  const ready = state.sandboxes.filter((sandbox) => sandbox.ready);
  const [sandbox] = ready;
  if (!sandbox || ready.length > 1) return undefined;
  const hostNetwork = specOf(pod).hostNetwork ?? false;
  if (sandbox.hostNetwork !== hostNetwork) return undefined;
  return hostNetwork || sandbox.ip ? sandbox : undefined;
}

function withNewSandbox(pod: Pod, state: RuntimePod, context: ActionContext): Actions {
  const attempt = (state.sandboxes[0]?.attempt ?? -1) + 1;
  const first = state.sandboxes.length === 0 && state.containers.length === 0;
  const stopPod = first ? 'no' : 'sandbox-changed';
  // What must not be restarted has had its one run, unless the pod never came so far as to start a container.
  const ranBefore = state.containers.length > 0;
  const wanted = containersOf(pod).filter((container) => {
    if (ranBefore && !mayRestart(pod, container)) return false;
    const last = newestOf(state, container.name);
    return last?.state !== 'exited' || shouldRestart(pod, container, last.exitCode);
  });
  if (wanted.length === 0) return { ...nothing, stopPod: 'finished' };
  const [init] = initContainersOf(pod);
  const start = init ? [init] : wanted;
  return {
    stopPod,
    newSandbox: attempt,
    stop: [],
    start: start.map((container) => startAction(state, container, context)),
    backOff: [],
  };
}

interface Step {
  readonly stop: StopAction[];
  readonly start: StartAction[];
  readonly backOff: BackOffAction[];
}

const emptyStep = (): Step => ({ stop: [], start: [], backOff: [] });

type InitOutcome = { outcome: 'failed' } | { outcome: 'waiting' | 'done'; actions: Step };

function initStep(pod: Pod, state: RuntimePod, sandbox: SandboxState, context: ActionContext): InitOutcome {
  const actions = emptyStep();
  const here = state.containers.filter((container) => container.sandboxId === sandbox.id);
  const inSandbox: RuntimePod = { ...state, containers: here };
  // Once a main container was made in this sandbox, the init containers have had their turn; sidecars must go on.
  const initialized = containersOf(pod).some(({ name }) => newestOf(inSandbox, name) !== undefined);
  for (const container of initContainersOf(pod)) {
    const sidecar = isSidecar(container);
    if (initialized && !sidecar) continue;
    const last = newestOf(inSandbox, container.name);
    if (last?.state === 'running') {
      const failed = context.failedProbe(last.id);
      if (sidecar && failed) actions.stop.push({ container: last, message: probeMessage(container, failed) });
      if (initialized || (sidecar && !failed && context.hasStarted(last.id))) continue;
      return { outcome: 'waiting', actions };
    }
    if (last?.state === 'exited' && !sidecar && last.exitCode === 0) continue;
    if (last?.state === 'exited' && !shouldRestart(pod, container, last.exitCode)) return { outcome: 'failed' };
    startOrWait(container, state, last, context, actions);
    if (!initialized) return { outcome: 'waiting', actions };
  }
  return { outcome: 'done', actions };
}

type MainOutcome = { outcome: 'finished' } | { outcome: 'going'; actions: Step };

function mainStep(pod: Pod, state: RuntimePod, context: ActionContext): MainOutcome {
  const actions = emptyStep();
  let kept = 0;
  for (const container of containersOf(pod)) {
    const last = newestOf(state, container.name);
    if (last?.state === 'exited' && !shouldRestart(pod, container, last.exitCode)) continue;
    kept += 1;
    if (last?.state !== 'running') {
      startOrWait(container, state, last, context, actions);
      continue;
    }
    const message = replacementMessage(container, last, context);
    if (message) actions.stop.push({ container: last, message });
  }
  return kept === 0 ? { outcome: 'finished' } : { outcome: 'going', actions };
}

function startOrWait(
  container: Container,
  state: RuntimePod,
  last: ContainerState | undefined,
  context: ActionContext,
  actions: Step,
): void {
  const until = last?.state === 'exited' ? context.backOffUntil(container, last) : undefined;
  if (until === undefined) actions.start.push(startAction(state, container, context));
  else actions.backOff.push({ container, until });
}

function replacementMessage(container: Container, running: ContainerState, context: ActionContext): string | undefined {
  if (running.hash !== context.hashOf(container)) {
    return `Container ${container.name} definition changed, will be restarted`;
  }
  const failed = context.failedProbe(running.id);
  return failed && probeMessage(container, failed);
}

const probeMessage = (container: Container, probe: 'liveness' | 'startup'): string =>
  `Container ${container.name} failed ${probe} probe, will be restarted`;

function startAction(state: RuntimePod, container: Container, context: ActionContext): StartAction {
  const last = newestOf(state, container.name);
  if (last) return { container, attempt: last.attempt + 1 };
  const known = context.knownRestarts(container.name);
  return { container, attempt: known === undefined ? 0 : known + 1 };
}

/** Containers that are only kept for their logs and can go: all but the newest two of each name, and those of no name in the spec. */
export function surplusContainers(pod: Pod, state: RuntimePod): ContainerState[] {
  const names = new Set(allContainersOf(pod).map(({ name }) => name));
  const seen = new Map<string, number>();
  return state.containers.filter((container) => {
    const count = (seen.get(container.name) ?? 0) + 1;
    seen.set(container.name, count);
    return container.state !== 'running' && (!names.has(container.name) || count > 2);
  });
}

/** Sandboxes that hold nothing any more. The newest one stays: it tells the attempt. */
export function surplusSandboxes(state: RuntimePod): SandboxState[] {
  const used = new Set(state.containers.map((container) => container.sandboxId));
  return state.sandboxes.slice(1).filter((sandbox) => !sandbox.ready && !used.has(sandbox.id));
}
