/** What the engine says about its containers, as the kubelet's terms. Pure. */
import type { ContainerInspectInfo } from 'dockerode';
import { type ContainerState, newestFirst, type ProcessUser, type RuntimePod, type SandboxState } from '../runtime.ts';
import { labels, podOf, types } from './labels.ts';

/** Groups inspected containers by pod. */
export function podsOf(
  inspected: readonly ContainerInspectInfo[],
  network: string,
  users: ReadonlyMap<string, ProcessUser>,
): RuntimePod[] {
  const pods = new Map<string, { pod: RuntimePod['pod']; sandboxes: SandboxState[]; containers: ContainerState[] }>();
  for (const container of inspected) {
    const of = container.Config.Labels;
    const pod = podOf(of);
    if (pod.uid === '') continue;
    const entry = pods.get(pod.uid) ?? { pod, sandboxes: [], containers: [] };
    pods.set(pod.uid, entry);
    if (of[labels.type] === types.sandbox) entry.sandboxes.push(sandboxOf(container, network));
    else if (of[labels.type] === types.container)
      entry.containers.push(containerOf(container, users.get(container.Id)));
  }
  for (const { sandboxes, containers } of pods.values()) {
    sandboxes.sort(newestFirst);
    containers.sort(newestFirst);
  }
  return [...pods.values()];
}

/** Of a sandbox on the pod network; undefined with the host's network. */
export const addressOf = (container: ContainerInspectInfo, network: string): string | undefined =>
  container.NetworkSettings.Networks[network]?.IPAddress || undefined;

function sandboxOf(container: ContainerInspectInfo, network: string): SandboxState {
  const of = container.Config.Labels;
  const ip = addressOf(container, network);
  return {
    id: container.Id,
    attempt: Number(of[labels.attempt] ?? 0),
    ready: container.State.Running,
    createdAt: Date.parse(container.Created),
    hostNetwork: container.HostConfig.NetworkMode === 'host',
    ...(ip ? { ip } : {}),
  };
}

function containerOf(container: ContainerInspectInfo, user: ProcessUser | undefined): ContainerState {
  const of = container.Config.Labels;
  const { State: state } = container;
  const base = {
    id: container.Id,
    sandboxId: of[labels.sandboxId] ?? '',
    name: of[labels.containerName] ?? '',
    attempt: Number(of[labels.attempt] ?? 0),
    hash: of[labels.hash] ?? '',
    image: of[labels.image] ?? container.Config.Image,
    imageId: container.Image,
    createdAt: Date.parse(container.Created),
    gracePeriodSeconds: Number(of[labels.grace] ?? 30),
    ...(user && { user }),
    ...(of[labels.messageFile] ? { terminationMessageFile: of[labels.messageFile] } : {}),
  };
  if (state.Running) return { ...base, state: 'running', startedAt: Date.parse(state.StartedAt) };
  // A start that the engine refused leaves the container `created`, with an exit code and the engine's words.
  if (state.Status === 'created' && state.ExitCode === 0) return { ...base, state: 'created' };
  const startedAt = time(state.StartedAt, base.createdAt);
  return {
    ...base,
    state: 'exited',
    startedAt,
    // The engine notes a start a moment after it happened, which for a short life may be after its end.
    finishedAt: Math.max(startedAt, time(state.FinishedAt, startedAt)),
    exitCode: state.ExitCode,
    oomKilled: state.OOMKilled,
    ...(state.Error ? { error: state.Error } : {}),
  };
}

/** The engine writes the year 1 for a time that has not come. */
const time = (text: string, otherwise: number): number => {
  const at = Date.parse(text);
  return Number.isFinite(at) && at > 0 ? at : otherwise;
};
