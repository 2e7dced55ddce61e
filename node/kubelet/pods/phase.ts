/** The phase of a pod, from its containers' states ("Pod Lifecycle", pod phase). Pure. */
import type { Container, ContainerStatus, Pod } from '../../../master/api/types.ts';
import { containersOf, initContainersOf, isSidecar } from './pod.ts';
import { shouldRestart } from './restarts.ts';

export type Phase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

/** `over`: no container will be started again, whatever the restart policy says. */
export function phaseOf(
  pod: Pod,
  initStatuses: readonly ContainerStatus[],
  statuses: readonly ContainerStatus[],
  over: boolean,
): Phase {
  const again = (containers: readonly Container[], { name, state, lastState }: ContainerStatus): boolean => {
    const container = containers.find((one) => one.name === name);
    const ended = state?.terminated ?? lastState?.terminated;
    return container !== undefined && ended !== undefined && shouldRestart(pod, container, ended.exitCode);
  };
  const sidecars = new Set(
    initContainersOf(pod)
      .filter(isSidecar)
      .map(({ name }) => name),
  );
  const ordinary = initStatuses.filter(({ name }) => !sidecars.has(name));
  const init = ordinary.map(progressOf);
  const lost = ordinary.some((one, at) => init[at] === 'failed' && !again(initContainersOf(pod), one));
  if (lost) return 'Failed';
  const progress = statuses.map(progressOf);
  const started = progress.some((one) => one !== 'waiting');
  if (over && !progress.includes('running')) {
    return progress.every((one) => one === 'succeeded') ? 'Succeeded' : 'Failed';
  }
  if (!started && init.some((one) => one !== 'succeeded')) return 'Pending';
  if (!started && initStatuses.some(({ name, started }) => sidecars.has(name) && !started)) return 'Pending';
  if (progress.includes('waiting')) return 'Pending';
  if (progress.includes('running')) return 'Running';
  // Nothing runs at the moment.
  if (statuses.some((one) => again(containersOf(pod), one))) return 'Running';
  return progress.every((one) => one === 'succeeded') ? 'Succeeded' : 'Failed';
}

type Progress = 'waiting' | 'running' | 'succeeded' | 'failed';

/** A container that waits for its next start counts as what its last run was. */
function progressOf({ state, lastState }: ContainerStatus): Progress {
  if (state?.running) return 'running';
  const ended = state?.terminated ?? lastState?.terminated;
  if (!ended) return 'waiting';
  return ended.exitCode === 0 ? 'succeeded' : 'failed';
}
