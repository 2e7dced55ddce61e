/** How kubectl prints a pod: one word for all that its phase, conditions and containers say. */
import { getCondition } from '../../../api/meta.ts';
import type { Container, ContainerStatus, Pod } from '../../../api/types.ts';
import type { Column } from '../context.ts';
import { ageColumn, column, nameColumn, wideColumn } from './common.ts';
import { since } from './human-duration.ts';

export const podColumns: readonly Column[] = [
  nameColumn,
  column<Pod>(
    'Ready',
    'The aggregate readiness state of this pod for accepting traffic.',
    (pod) => podSummary(pod).ready,
  ),
  column<Pod>('Status', 'The aggregate status of the containers in this pod.', (pod) => podSummary(pod).status),
  column<Pod>(
    'Restarts',
    'The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.',
    restarts,
  ),
  ageColumn,
  wideColumn<Pod>(
    'IP',
    'The IP address of the pod.',
    ({ status }) => status?.podIPs?.[0]?.ip || status?.podIP || '<none>',
  ),
  wideColumn<Pod>('Node', 'The node that the pod runs on.', ({ spec }) => spec?.nodeName || '<none>'),
  wideColumn<Pod>(
    'Nominated Node',
    'The node that the pod may run on once others were evicted from it.',
    ({ status }) => status?.nominatedNodeName || '<none>',
  ),
  wideColumn<Pod>('Readiness Gates', 'Conditions of the pod that others set.', readinessGates),
];

interface PodSummary {
  ready: string;
  status: string;
  restartCount: number;
  lastRestart: string | undefined;
}

/** The words and numbers of a pod's row. */
export function podSummary(pod: Pod): PodSummary {
  const { spec, status } = pod;
  const counts = { ready: 0, restarts: 0, lastRestart: undefined as string | undefined };
  let word = status?.reason || status?.phase || '';
  if (getCondition(status?.conditions, 'PodScheduled')?.reason === 'SchedulingGated') word = 'SchedulingGated';

  const sidecars = new Set((spec?.initContainers ?? []).filter(isSidecar).map(({ name }) => name));
  const total = (spec?.containers?.length ?? 0) + sidecars.size;
  const sidecarCounts = { restarts: 0, lastRestart: undefined as string | undefined };
  let initializing = false;
  for (const [index, container] of (status?.initContainerStatuses ?? []).entries()) {
    countRestarts(counts, container);
    if (sidecars.has(container.name)) countRestarts(sidecarCounts, container);
    if (container.state?.terminated?.exitCode === 0) continue;
    if (sidecars.has(container.name) && container.started) {
      if (container.ready) counts.ready++;
      continue;
    }
    word = initWord(container, index, spec?.initContainers?.length ?? 0);
    initializing = true;
    break;
  }

  if (!initializing || getCondition(status?.conditions, 'Initialized')?.status === 'True') {
    Object.assign(counts, sidecarCounts);
    let running = false;
    for (const container of [...(status?.containerStatuses ?? [])].reverse()) {
      countRestarts(counts, container);
      const said = containerWord(container);
      if (said !== undefined) word = said;
      else if (container.ready && container.state?.running) {
        running = true;
        counts.ready++;
      }
    }
    if (word === 'Completed' && running) {
      word = getCondition(status?.conditions, 'Ready')?.status === 'True' ? 'Running' : 'NotReady';
    }
  }
  if (pod.metadata?.deletionTimestamp) {
    if (status?.reason === 'NodeLost') word = 'Unknown';
    else if (status?.phase !== 'Succeeded' && status?.phase !== 'Failed') word = 'Terminating';
  }
  return {
    ready: `${counts.ready}/${total}`,
    status: word,
    restartCount: counts.restarts,
    lastRestart: counts.lastRestart,
  };
}

function restarts(pod: Pod, now: number): string {
  const { restartCount, lastRestart } = podSummary(pod);
  if (restartCount === 0 || lastRestart === undefined) return String(restartCount);
  return `${restartCount} (${since(lastRestart, now)} ago)`;
}

function readinessGates({ spec, status }: Pod): string {
  const gates = spec?.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  const met = gates.filter(({ conditionType }) => getCondition(status?.conditions, conditionType)?.status === 'True');
  return `${met.length}/${gates.length}`;
}

const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always';

function countRestarts(
  counts: { restarts: number; lastRestart: string | undefined },
  container: ContainerStatus,
): void {
  counts.restarts += container.restartCount ?? 0;
  const ended = container.lastState?.terminated?.finishedAt;
  if (ended && (counts.lastRestart === undefined || Date.parse(ended) > Date.parse(counts.lastRestart))) {
    counts.lastRestart = ended;
  }
}

function initWord({ state }: ContainerStatus, index: number, total: number): string {
  if (state?.terminated) return `Init:${endWord(state.terminated)}`;
  const waiting = state?.waiting?.reason;
  return waiting && waiting !== 'PodInitializing' ? `Init:${waiting}` : `Init:${index}/${total}`;
}

function containerWord({ state }: ContainerStatus): string | undefined {
  if (state?.waiting?.reason) return state.waiting.reason;
  return state?.terminated ? endWord(state.terminated) : undefined;
}

function endWord({ reason, signal, exitCode }: { reason?: string; signal?: number; exitCode?: number }): string {
  return reason || (signal ? `Signal:${signal}` : `ExitCode:${exitCode ?? 0}`);
}
