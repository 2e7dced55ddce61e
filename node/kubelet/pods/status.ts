/**
 * The status of a pod, computed from its spec and the runtime's state: always anew, never from events. Pure.
 * The rules are those of Kubernetes' "Pod Lifecycle": container states, pod phase, pod conditions.
 */
import { getCondition, nowSeconds } from '../../../master/api/meta.ts';
import type { Container, ContainerStatus, Pod, PodCondition, PodStatus } from '../../../master/api/types.ts';
import type { ContainerState, RuntimePod } from '../../runtime/runtime.ts';
import { usableSandbox } from './actions.ts';
import { phaseOf } from './phase.ts';
import { containersOf, ephemeralContainersOf, hasFinished, initContainersOf, isSidecar } from './pod.ts';
import { qosClassOf } from './qos.ts';
import { shouldRestart } from './restarts.ts';

export interface WaitingReason {
  readonly reason: string;
  readonly message?: string;
}

export interface StatusContext {
  readonly now: number;
  readonly hostIp: string;
  /** `docker` in `docker://<id>`. */
  readonly runtimeName: string;
  /** Why a container that should run does not, as the kubelet last found out. */
  readonly waiting: ReadonlyMap<string, WaitingReason>;
  readonly isReady: (container: Container, containerId: string) => boolean;
  readonly hasStarted: (containerId: string) => boolean;
  readonly terminationMessage: (container: ContainerState & { state: 'exited' }) => string | undefined;
  /** No container will be started again: the pod is being deleted, was rejected or has finished. */
  readonly over: boolean;
  /** The status was decided elsewhere (rejected at admission): only phase, reason and message are told. */
  readonly rejected?: WaitingReason;
  /** The pod has failed for this reason, however its containers ended. */
  readonly failed?: WaitingReason;
}

type State = NonNullable<ContainerStatus['state']>;
type Terminated = NonNullable<State['terminated']>;

export function computeStatus(pod: Pod, state: RuntimePod, context: StatusContext): PodStatus {
  const { rejected, failed } = context;
  const base = {
    ...(pod.metadata?.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    startTime: pod.status?.startTime ?? nowSeconds(context.now),
    qosClass: pod.status?.qosClass ?? qosClassOf(pod),
  };
  if (rejected) {
    const told = {
      ...base,
      phase: 'Failed',
      reason: rejected.reason,
      ...(rejected.message ? { message: rejected.message } : {}),
    };
    return { ...told, conditions: pod.status?.conditions ?? [] };
  }
  const initStatuses = initContainersOf(pod).map((container) => statusOf(pod, container, state, context));
  const statuses = containersOf(pod).map((container) => statusOf(pod, container, state, context));
  const ephemeral = ephemeralContainersOf(pod).map((container) => statusOf(pod, container, state, context));
  const computed = failed ? 'Failed' : phaseOf(pod, initStatuses, statuses, context.over);
  // Invariant: a pod that has finished never runs again, whatever is found later.
  const phase = hasFinished(pod) ? (pod.status?.phase ?? computed) : computed;
  const sandbox = usableSandbox(pod, state);
  const podIp = sandbox?.hostNetwork ? context.hostIp : (sandbox?.ip ?? pod.status?.podIP);
  return {
    ...base,
    phase,
    conditions: conditionsOf(pod, { phase, initStatuses, statuses, hasSandbox: sandbox !== undefined }, context),
    hostIP: context.hostIp,
    hostIPs: [{ ip: context.hostIp }],
    ...(podIp ? { podIP: podIp, podIPs: [{ ip: podIp }] } : {}),
    ...(initStatuses.length > 0 ? { initContainerStatuses: initStatuses } : {}),
    containerStatuses: statuses,
    ...(ephemeral.length > 0 ? { ephemeralContainerStatuses: ephemeral } : {}),
    ...(pod.status?.reason ? { reason: pod.status.reason } : {}),
    ...(pod.status?.message ? { message: pod.status.message } : {}),
    ...failed,
  };
}

function statusOf(pod: Pod, container: Container, state: RuntimePod, context: StatusContext): ContainerStatus {
  const [newest, previous] = state.containers.filter(({ name }) => name === container.name);
  const { containerStatuses = [], initContainerStatuses = [], ephemeralContainerStatuses = [] } = pod.status ?? {};
  const reported = [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses].find(
    ({ name }) => name === container.name,
  );
  if (!newest) return lostOrNew(pod, container, reported, context);
  const status: ContainerStatus = {
    name: container.name,
    state: stateOf(newest, context),
    lastState: previous?.state === 'exited' ? { terminated: terminatedOf(previous, context) } : {},
    ready: false,
    restartCount: newest.attempt,
    image: newest.image,
    imageID: newest.imageId === '' ? '' : `${context.runtimeName}://${newest.imageId}`,
    containerID: containerIdOf(newest.id, context),
    started: false,
    ...placeOf(container, newest, reported?.containerID === containerIdOf(newest.id, context) ? reported : undefined),
  };
  if (!previous && reported?.lastState?.terminated && reported.restartCount === newest.attempt) {
    status.lastState = reported.lastState;
  }
  if (newest.state === 'running') {
    status.started = context.hasStarted(newest.id);
    status.ready = status.started && !isEphemeral(pod, container) && context.isReady(container, newest.id);
  } else if (newest.state === 'exited') {
    if (isInit(pod, container) && !isSidecar(container)) status.ready = newest.exitCode === 0;
    // What was noted before its start says nothing of a container that has ended for good.
    const again = !context.over && shouldRestart(pod, container, newest.exitCode);
    const waiting = again ? context.waiting.get(container.name) : undefined;
    if (waiting) {
      status.lastState = status.state ?? {};
      status.state = { waiting: { ...waiting } };
    }
  }
  return status;
}

/** What the container was given: that of its definition when it was made, which is told once and stays. */
function placeOf(
  container: Container,
  { user }: ContainerState,
  told: ContainerStatus | undefined,
): Partial<ContainerStatus> {
  const resources = told?.resources ?? container.resources ?? {};
  const { requests } = resources;
  const linux = user && { uid: user.uid, gid: user.gid, supplementalGroups: [...user.groups] };
  const asWhom = linux ? { linux } : told?.user;
  return {
    ...(requests && Object.keys(requests).length > 0 && { allocatedResources: requests }),
    resources,
    ...mountsOf(container),
    ...(asWhom && { user: asWhom }),
  };
}

/** What is only read may be written below, where something is mounted there: engines are not asked for more. */
function mountsOf({ volumeMounts = [] }: Container): Pick<ContainerStatus, 'volumeMounts'> {
  if (volumeMounts.length === 0) return {};
  return {
    volumeMounts: volumeMounts.map(({ name, mountPath, readOnly }) => ({
      name,
      mountPath,
      ...(readOnly && { readOnly, recursiveReadOnly: 'Disabled' }),
    })),
  };
}

/** The runtime has no such container: it was not made yet, or it was and is lost. */
function lostOrNew(
  pod: Pod,
  container: Container,
  reported: ContainerStatus | undefined,
  context: StatusContext,
): ContainerStatus {
  const status: ContainerStatus = {
    name: container.name,
    state: { waiting: { reason: pod.spec?.initContainers?.length ? 'PodInitializing' : 'ContainerCreating' } },
    lastState: reported?.lastState ?? {},
    ready: false,
    restartCount: reported?.restartCount ?? 0,
    image: container.image ?? '',
    imageID: '',
    started: false,
    ...mountsOf(container),
  };
  // What had ended stays as it was told.
  if (reported?.state?.terminated) return { ...status, ...reported, ready: reported.ready, started: false };
  const lost = reported?.state?.running !== undefined;
  if (lost) {
    const terminated: Terminated = {
      exitCode: 137,
      reason: 'ContainerStatusUnknown',
      message: 'The container could not be located when the pod was terminated',
      ...(reported.containerID ? { containerID: reported.containerID } : {}),
    };
    if (context.over || isEphemeral(pod, container)) return { ...status, state: { terminated } };
    status.lastState = { terminated };
  }
  const waiting = context.waiting.get(container.name);
  if (waiting) status.state = { waiting: { ...waiting } };
  return status;
}

function stateOf(container: ContainerState, context: StatusContext): State {
  switch (container.state) {
    case 'created':
      return { waiting: context.waiting.get(container.name) ?? { reason: 'ContainerCreating' } };
    case 'running':
      return { running: { startedAt: nowSeconds(container.startedAt) } };
    case 'exited':
      return { terminated: terminatedOf(container, context) };
  }
}

function terminatedOf(container: ContainerState & { state: 'exited' }, context: StatusContext): Terminated {
  const message = container.error ?? context.terminationMessage(container);
  return {
    exitCode: container.exitCode,
    ...(container.signal === undefined ? {} : { signal: container.signal }),
    reason: exitReason(container),
    ...(message ? { message } : {}),
    startedAt: nowSeconds(container.startedAt),
    finishedAt: nowSeconds(container.finishedAt),
    containerID: containerIdOf(container.id, context),
  };
}

function exitReason(container: ContainerState & { state: 'exited' }): string {
  if (container.error !== undefined) return 'StartError';
  if (container.oomKilled) return 'OOMKilled';
  return container.exitCode === 0 ? 'Completed' : 'Error';
}

const containerIdOf = (id: string, { runtimeName }: StatusContext): string => `${runtimeName}://${id}`;
const isEphemeral = (pod: Pod, container: Container): boolean =>
  ephemeralContainersOf(pod).some(({ name }) => name === container.name);
const isInit = (pod: Pod, container: Container): boolean =>
  initContainersOf(pod).some(({ name }) => name === container.name);

interface Computed {
  readonly phase: string;
  readonly initStatuses: readonly ContainerStatus[];
  readonly statuses: readonly ContainerStatus[];
  readonly hasSandbox: boolean;
}

/** Ours, in the order in which a pod passes them, and those of others as they stand. */
function conditionsOf(pod: Pod, computed: Computed, context: StatusContext): PodCondition[] {
  const ready = containersReady(computed);
  const verdicts: [type: string, verdict: Verdict][] = [
    ['PodReadyToStartContainers', { status: computed.hasSandbox }],
    ['Initialized', initialized(pod, computed)],
    ['Ready', podReady(pod, ready)],
    ['ContainersReady', ready],
    ['PodScheduled', { status: true }],
  ];
  const own = new Set(verdicts.map(([type]) => type));
  const others = (pod.status?.conditions ?? []).filter(({ type }) => !own.has(type));
  return [...others, ...verdicts.map(([type, verdict]) => conditionOf(pod, type, verdict, context))];
}

interface Verdict {
  readonly status: boolean;
  readonly reason?: string;
  readonly message?: string;
}

function conditionOf(pod: Pod, type: string, verdict: Verdict, context: StatusContext): PodCondition {
  const previous = getCondition<PodCondition & { type: string; status: string }>(pod.status?.conditions, type);
  const status = verdict.status ? 'True' : 'False';
  const same = previous?.status === status && previous.lastTransitionTime;
  const { generation } = pod.metadata ?? {};
  return {
    type,
    status,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    lastTransitionTime: same ? same : nowSeconds(context.now),
    ...(verdict.reason ? { reason: verdict.reason } : {}),
    ...(verdict.message ? { message: verdict.message } : {}),
  };
}

function initialized(pod: Pod, { phase, initStatuses, statuses }: Computed): Verdict {
  if (phase === 'Succeeded') return { status: true, reason: 'PodCompleted' };
  if (statuses.some(({ state }) => state?.running ?? state?.terminated)) return { status: true };
  const sidecars = new Set(
    initContainersOf(pod)
      .filter(isSidecar)
      .map(({ name }) => name),
  );
  const incomplete = initStatuses.filter((status) => (sidecars.has(status.name) ? !status.started : !status.ready));
  if (incomplete.length === 0) return { status: true };
  const message = `containers with incomplete status: [${incomplete.map(({ name }) => name).join(' ')}]`;
  return { status: false, reason: 'ContainersNotInitialized', message };
}

function containersReady({ phase, statuses }: Computed): Verdict {
  if (phase === 'Succeeded') return { status: false, reason: 'PodCompleted' };
  if (phase === 'Failed') return { status: false, reason: 'PodFailed' };
  const unready = statuses.filter(({ ready }) => !ready);
  if (unready.length === 0) return { status: true };
  const message = `containers with unready status: [${unready.map(({ name }) => name).join(' ')}]`;
  return { status: false, reason: 'ContainersNotReady', message };
}

function podReady(pod: Pod, containers: Verdict): Verdict {
  if (!containers.status) return containers;
  const missing = (pod.spec?.readinessGates ?? []).filter(
    ({ conditionType }) => pod.status?.conditions?.find(({ type }) => type === conditionType)?.status !== 'True',
  );
  if (missing.length === 0) return { status: true };
  const first = missing[0]?.conditionType ?? '';
  return {
    status: false,
    reason: 'ReadinessGatesNotReady',
    message: `corresponding condition of pod readiness gate "${first}" does not exist.`,
  };
}
